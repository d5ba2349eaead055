"""Which samples, when: the order of each epoch, and how it is cut into the batches of a shard."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Union

import numpy as np

from binfeed import _core
from binfeed.errors import checked_constructor, one_of, shortened, shown
from binfeed.numbers import MAX_SIZE, non_negative, positive, whole

#: Bytes of the files that a block of a block shuffle is made of, unless told otherwise: enough for a disk to read at
#: its full speed.
_BLOCK_BYTES = 1 << 20
MAX_SEED = 2**64 - 1
#: Passes over an endless dataset are so many epochs apart.
ENDLESS_EPOCHS = 2**32


@checked_constructor
@dataclass(frozen=True)
class BlockShuffle:
    """A shuffle for files far larger than memory: what is read at a time lies in few places.

    Blocks of consecutive samples are put in random order; then the samples of each ``window_blocks`` blocks that
    follow each other in that order are shuffled among themselves. Memory does not grow with either number, but
    the page cache should hold two windows.

    Args:
        block_samples: samples per block; None for as many as have about 1 MiB of the files.
        window_blocks: blocks whose samples are mixed.

    Raises:
        ValueError: if a number is less than 1.
        TypeError: if it is not whole.
    """

    block_samples: int | None = None
    window_blocks: int = 64

    def __post_init__(self) -> None:
        # As ints, so that equal shuffles are equal, whoever counted.
        if self.block_samples is not None:
            object.__setattr__(self, "block_samples", positive("block_samples", self.block_samples))
        object.__setattr__(self, "window_blocks", positive("window_blocks", self.window_blocks))


class InputContext(Protocol):
    """What of a :class:`tf.distribute.InputContext` says which shard to read."""

    @property
    def input_pipeline_id(self) -> int:
        """Number of the shard."""

    @property
    def num_input_pipelines(self) -> int:
        """Shards in all."""


Shuffle = Union[bool, str, BlockShuffle, None]  # noqa: UP007  (evaluated on Python 3.10 as well)
Shard = Union[tuple[int, int], InputContext]  # noqa: UP007


@dataclass(frozen=True)
class EpochOrder:
    """The order of the samples of every epoch, before it is cut into batches.

    Attributes:
        starts: number of the first sample of each file, and at the end the number of all samples.
        cycle_length, block_length: how files take turns.
        shuffle: ``"global"``, a block shuffle with all its numbers, or None.
        seed: of the shuffle.
    """

    starts: Sequence[int]
    cycle_length: int
    block_length: int
    shuffle: str | BlockShuffle | None
    seed: int

    @property
    def samples(self) -> int:
        """Samples per epoch."""
        return self.starts[-1]

    @property
    def kind(self) -> _core.Shuffle:
        """Of the shuffle."""
        if self.shuffle is None:
            return _core.Shuffle.NONE
        return _core.Shuffle.BLOCK if isinstance(self.shuffle, BlockShuffle) else _core.Shuffle.GLOBAL

    def __str__(self) -> str:
        if isinstance(self.shuffle, BlockShuffle):
            return f"shuffle in blocks of {self.shuffle.block_samples}, {self.shuffle.window_blocks} per window"
        if self.shuffle is not None:
            return f"{self.shuffle} shuffle"
        if self.cycle_length == 1:
            return "sequential"
        return f"interleave of {self.cycle_length} files in blocks of {self.block_length}"


def make_epoch_order(
    starts: Sequence[int],
    sample_distance: int,
    *,
    shuffle: Shuffle,
    seed: int | None,
    state_seed: int | None,
    shards: int,
    cycle_length: int,
    block_length: int,
) -> EpochOrder:
    """Check and complete what the user asked for; samples begin ``sample_distance`` bytes of the files apart.

    ``state_seed`` is that of the state to go on from, if there is one; ``shards`` share the order.
    """
    cycle_length = positive("cycle_length", cycle_length)
    block_length = positive("block_length", block_length)
    kind = _shuffle_kind(shuffle, sample_distance)
    if kind is None:
        if seed is not None:
            raise ValueError(f"seed={shown(seed)} is of no use without a shuffle: leave it out, or give shuffle=True")
        return EpochOrder(starts, cycle_length, block_length, None, 0)
    if cycle_length > 1:
        raise ValueError(f"shuffle={shown(shuffle)} already mixes the files: leave out cycle_length={cycle_length}")
    if seed is None and state_seed is None and shards > 1:
        raise ValueError("shards that shuffle need the same seed: give one with seed=")
    return EpochOrder(starts, cycle_length, block_length, kind, _find_seed(state_seed if seed is None else seed))


def _find_seed(seed: int | None) -> int:
    """``seed``, or a random one."""
    if seed is None:
        return secrets.randbits(53)  # which JSON readers of any language keep
    number = whole("seed", seed)
    if not 0 <= number <= MAX_SEED:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, not {shown(number)}")
    return number


def _shuffle_kind(shuffle: Shuffle, sample_distance: int) -> str | BlockShuffle | None:
    if shuffle is None:
        return None
    if isinstance(shuffle, bool | np.bool_):
        return "global" if shuffle else None
    if isinstance(shuffle, str):
        if one_of("shuffle", shuffle, ("global", "block")) == "global":
            return "global"
        shuffle = BlockShuffle()
    if not isinstance(shuffle, BlockShuffle):
        raise TypeError(
            f"shuffle must be True, False, 'global', 'block' or a BlockShuffle, not {shortened(shown(shuffle), 80)}; "
            "it is no size of a buffer: True shuffles all samples"
        )
    block_samples = shuffle.block_samples or max(_BLOCK_BYTES // sample_distance, 1)
    return dataclasses.replace(shuffle, block_samples=block_samples)


@dataclass(frozen=True)
class Epoch:
    """The batches of one shard in one epoch, or what is left of it.

    Attributes:
        number: of the epoch.
        order: the samples of the shard, batch after batch.
        batch_size: samples per batch, but perhaps for the last one.
        first: position in the whole epoch from which on all shards read.
        shards: how many take turns.
    """

    number: int
    order: _core.Order
    batch_size: int
    first: int
    shards: int

    @property
    def samples(self) -> int:
        """Samples of this shard."""
        return len(self.order)

    @property
    def full_batches(self) -> int:
        """Batches of ``batch_size`` samples."""
        return self.samples // self.batch_size

    @property
    def batches(self) -> int:
        """All batches."""
        return -(-self.samples // self.batch_size)

    def position_after(self, batches: int) -> int:
        """Position in the whole epoch up to which all shards have read after so many full batches."""
        return self.first + batches * self.batch_size * self.shards


@dataclass(frozen=True)
class Schedule:
    """Which samples make which batch of a shard, epoch after epoch.

    Attributes:
        order: of every epoch.
        batch_size: samples per batch; batches never reach over the end of an epoch.
        drop_remainder: leave out a last batch that is not full.
        shard, shards: this one, of how many.
        pads: whether samples are repeated so that all shards have the same number, rather than left out.
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
    def spec(self) -> _core.ScheduleSpec:
        """All of it but the number of epochs, in the core's terms."""
        block = self.order.shuffle if isinstance(self.order.shuffle, BlockShuffle) else BlockShuffle()
        return _core.ScheduleSpec(
            starts=self.order.starts,
            shuffle=self.order.kind,
            seed=self.order.seed,
            block_samples=block.block_samples or 1,
            window_blocks=block.window_blocks,
            cycle_length=self.order.cycle_length,
            block_length=self.order.block_length,
            batch_size=self.batch_size,
            drops_remainder=self.drop_remainder,
            shard=self.shard,
            shards=self.shards,
            pads=self.pads,
            first_epoch=self.first_epoch,
            first_position=self.first_position,
        )

    @cached_property
    def _in_core(self) -> _core.Schedule:
        return _core.Schedule(self.spec)

    @property
    def access_pattern(self) -> _core.AccessPattern:
        """What the operating system may expect."""
        return self._in_core.access_pattern()

    def epoch(self, number: int) -> Epoch:
        """The batches of epoch ``number``.

        Raises:
            ValueError: if there is no such number.
        """
        if number > MAX_SIZE:
            raise ValueError(f"there are 2^62 epochs, and epoch {shown(number)} is not among them")
        first = self.first_position if number == self.first_epoch else 0
        return Epoch(number, self._in_core.order(number), self.batch_size, first, self.shards)

    def total(self, per_epoch: Callable[[Epoch], int]) -> int | None:
        """The sum over all epochs; None if that has no end."""
        first = per_epoch(self.epoch(self.first_epoch))
        of_another = per_epoch(self.epoch(self.first_epoch + 1))
        if self.epochs is None:
            return None if of_another > 0 else first
        later = self.epochs - self.first_epoch - 1
        return first + later * of_another if later >= 0 else 0

    @property
    def batches(self) -> int | None:
        """Batches of all epochs; None if they have no end.

        Raises:
            ValueError: if there are more than 2^62.
        """
        count = self.total(lambda epoch: epoch.batches)
        if count is not None and count > MAX_SIZE:
            per_epoch = self.epoch(self.first_epoch + 1).batches
            raise ValueError(f"{self.epochs} epochs of {per_epoch} batches are more than 2^62: epochs=None has no end")
        return count

    @property
    def static_batch_size(self) -> int | None:
        """The size of every batch, or None where some are smaller."""
        if self.drop_remainder:
            return self.batch_size
        epochs = [self.first_epoch]
        if self.epochs is None or self.epochs > self.first_epoch + 1:
            epochs.append(self.first_epoch + 1)
        is_full = all(epoch.batches == epoch.full_batches for epoch in map(self.epoch, epochs))
        return self.batch_size if is_full else None

    def again(self, passes: int) -> Schedule:
        """The schedule after so many passes over this one, which goes on with the epochs that follow."""
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
    """Number of the shard, and of all shards."""
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
