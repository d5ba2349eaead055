"""Which samples make which batch: the arguments of an order, and the schedule that they make."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypedDict, Union

from binfeed._core import AccessPattern, Chunks, Order, ScheduleSpec
from binfeed._core import Schedule as CoreSchedule
from binfeed.errors import StateError, one_of, shown
from binfeed.numbers import MAX_SIZE, flag, non_negative, positive
from binfeed.order import BlockShuffle, EpochOrder, Shuffle, make_epoch_order
from binfeed.samples import Samples
from binfeed.state import State, check_state

#: Passes over an endless dataset are this many epochs apart.
ENDLESS_EPOCHS = 2**32


class InputContext(Protocol):
    """The part of a :class:`tf.distribute.InputContext` that says which shard to read."""

    @property
    def input_pipeline_id(self) -> int:
        """Number of the shard."""

    @property
    def num_input_pipelines(self) -> int:
        """Number of shards."""


Shard = Union[tuple[int, int], InputContext]  # noqa: UP007  (evaluated on Python 3.10 as well)
ShardRemainder = Literal["drop", "pad"]


class OrderOptions(TypedDict, total=False):
    """The types of :func:`make_schedule`'s options, for the methods that pass them on."""

    drop_remainder: bool
    shuffle: Shuffle
    seed: int | None
    epochs: int | None
    shard: Shard | None
    shard_remainder: ShardRemainder
    cycle_length: int
    block_length: int
    state: State | None


def make_schedule(
    samples: Samples,
    batch_size: int,
    *,
    drop_remainder: bool = False,
    shuffle: Shuffle = False,
    seed: int | None = None,
    epochs: int | None = 1,
    shard: Shard | None = None,
    shard_remainder: ShardRemainder = "drop",
    cycle_length: int = 1,
    block_length: int = 1,
    state: State | None = None,
) -> Schedule:
    """Check the arguments that :meth:`binfeed.Reader.batches` documents, and make a schedule of them."""
    batch_size = positive("batch_size", batch_size)
    number, count = find_shard(shard)
    place = {"epoch": 0, "position": 0} if state is None else check_state(state)
    order = make_epoch_order(
        samples.starts,
        samples.sample_distance,
        shuffle=shuffle,
        seed=seed,
        state_seed=place.get("seed"),
        shards=count,
        cycle_length=cycle_length,
        block_length=block_length,
    )
    if state is not None:
        samples.fingerprint.check(place)
        for name, asked in (("order", str(order)), ("seed", order.seed)):
            if place[name] != asked:
                raise StateError(f"the state belongs to the {name} {place[name]!r}, but {asked!r} is asked for")
        if place["position"] > order.samples or place["epoch"] > MAX_SIZE:
            where = f"position {place['position']} of {order.samples} samples in epoch {place['epoch']}"
            raise StateError(f"the state is damaged: there is no {where}")
    end = None if epochs is None else positive("epochs", epochs)
    if end is not None and (place["epoch"], place["position"]) > (end, 0):
        raise ValueError(f"the state is in epoch {place['epoch']}, counted from 0, but epochs={epochs} ends before it")
    return Schedule(
        order=order,
        batch_size=batch_size,
        drop_remainder=flag("drop_remainder", drop_remainder),
        shard=number,
        shards=count,
        pads=one_of("shard_remainder", shard_remainder, ("drop", "pad")) == "pad",
        first_epoch=place["epoch"],
        first_position=place["position"],
        epochs=end,
    )


@dataclass(frozen=True)
class Schedule:
    """Which samples make which batch of a shard, epoch after epoch.

    Attributes:
        order: the order of every epoch.
        batch_size: samples per batch; no batch reaches over the end of an epoch.
        drop_remainder: whether a last batch that is not full is left out.
        shard, shards: the number of this shard, and of all shards.
        pads: whether samples are repeated so that all shards have equally many, rather than left out.
        first_epoch, first_position: where to begin.
        epochs: the epoch to end before; None for no end.
    """

    order: EpochOrder
    batch_size: int
    drop_remainder: bool
    shard: int
    shards: int
    pads: bool
    first_epoch: int
    first_position: int
    epochs: int | None

    @cached_property
    def spec(self) -> ScheduleSpec:
        """The schedule in the core's terms."""
        block = self.order.shuffle if isinstance(self.order.shuffle, BlockShuffle) else BlockShuffle()
        return ScheduleSpec(
            starts=self.order.starts,
            shuffle=self.order.kind,
            seed=self.order.seed,
            block_samples=block.block_samples or 1,
            group_blocks=block.group_blocks,
            cycle_length=self.order.cycle_length,
            block_length=self.order.block_length,
            batch_size=self.batch_size,
            drops_remainder=self.drop_remainder,
            shard=self.shard,
            shards=self.shards,
            pads=self.pads,
            first_epoch=self.first_epoch,
            first_position=self.first_position,
            epochs=0 if self.epochs is None else self.epochs,
        )

    @cached_property
    def _core(self) -> CoreSchedule:
        return CoreSchedule(self.spec)

    @property
    def access_pattern(self) -> AccessPattern:
        """What the operating system should expect."""
        return self._core.access_pattern()

    @property
    def batches(self) -> int | None:
        """Batches of all epochs; None if they never end.

        Raises:
            ValueError: if there are more than 2^62.
        """
        return self._core.batches()

    @property
    def numbers(self) -> range:
        """The numbers of all batches; without an end, of as many as there can be."""
        return range(MAX_SIZE if self.batches is None else self.batches)

    @property
    def batches_per_epoch(self) -> int:
        """Batches of every epoch after the first, which may have fewer because it begins in the middle."""
        return self._core.batches_of_another_epoch()

    @property
    def static_batch_size(self) -> int | None:
        """The size of every batch, or None where some are smaller."""
        return self.batch_size if self._core.has_full_batches_only() else None

    def epoch_order(self, epoch: int) -> Order:
        """The samples of the shard in an epoch, batch after batch."""
        return self._core.order(epoch)

    def locate(self, batch: int) -> tuple[int, int, int]:
        """The epoch of a batch, its position there, and how many samples it has.

        Raises:
            IndexError: if there would be no such batch in any number of epochs.
            ValueError: if its epoch has no number.
        """
        return self._core.locate(batch)

    def place_after(self, batches: int) -> tuple[int, int]:
        """Return the epoch, and the position in all of it, where the shards go on after ``batches`` batches each."""
        return self._core.place_after(batches)

    def chunks(self, size: int, numbers: range | None = None) -> Chunks:
        """Return the batches ``numbers``, by default all, in chunks of ``size`` batches."""
        numbers = self.numbers if numbers is None else numbers
        return Chunks(self._core, first=numbers.start, step=numbers.step, batches=len(numbers), size=size)

    def again(self, passes: int) -> Schedule:
        """Return the schedule that goes on with the epochs that follow after ``passes`` passes over this one."""
        if passes == 0:
            return self
        span = ENDLESS_EPOCHS if self.epochs is None else self.epochs
        return dataclasses.replace(
            self,
            first_epoch=passes * span,
            first_position=0,
            epochs=None if self.epochs is None else (passes + 1) * span,
        )


def find_shard(shard: Shard | None) -> tuple[int, int]:
    """The number of the shard, and of all shards."""
    if shard is None:
        return 0, 1
    try:
        if isinstance(shard, tuple | list):
            number, count = shard
        else:
            number, count = shard.input_pipeline_id, shard.num_input_pipelines
    except (AttributeError, ValueError):
        raise TypeError(f"shard must be (number, count) or a tf.distribute.InputContext, not {shown(shard)}") from None
    count = positive("the number of shards", count)
    number = non_negative("the number of a shard", number)
    if number >= count:
        raise ValueError(f"there is no shard {number} of {count}: they are numbered from 0 to {count - 1}")
    return number, count
