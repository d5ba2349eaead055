"""Batches as NumPy arrays: what :meth:`binfeed.Reader.batches` gives, and how its arguments become a schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from binfeed import _core
from binfeed.errors import StateError, one_of
from binfeed.numbers import MAX_SIZE, flag, non_negative, positive
from binfeed.order import Schedule, Shard, Shuffle, find_shard, make_epoch_order
from binfeed.state import State, check_state, make_state

if TYPE_CHECKING:
    from typing_extensions import Self

    from binfeed.reader import Element, Reader


def make_schedule(
    reader: Reader,
    batch_size: int,
    *,
    drop_remainder: bool,
    shuffle: Shuffle,
    seed: int | None,
    epochs: int | None,
    shard: Shard | None,
    shard_remainder: str,
    cycle_length: int,
    block_length: int,
    state: State | None,
) -> Schedule:
    """What :meth:`Reader.batches` was asked for, checked."""
    batch_size = positive("batch_size", batch_size)
    number, count = find_shard(shard)
    place = {"epoch": 0, "position": 0} if state is None else check_state(state)
    order = make_epoch_order(
        reader.starts(),
        reader.sample_distance,
        shuffle=shuffle,
        seed=seed,
        state_seed=place.get("seed"),
        shards=count,
        cycle_length=cycle_length,
        block_length=block_length,
    )
    if state is not None:
        reader.fingerprint.check(place)
        for name, asked in (("order", str(order)), ("seed", order.seed)):
            if place[name] != asked:
                raise StateError(f"the state is of {name} {place[name]!r}, but {asked!r} is asked for")
        if place["position"] > order.samples or place["epoch"] > MAX_SIZE:
            where = f"position {place['position']} of {order.samples} samples in epoch {place['epoch']}"
            raise StateError(f"the state is damaged: there is no {where}")
    return Schedule(
        order=order,
        batch_size=batch_size,
        drop_remainder=flag("drop_remainder", drop_remainder),
        shard=number,
        shards=count,
        pads=one_of("shard_remainder", shard_remainder, ("drop", "pad")) == "pad",
        first_epoch=place["epoch"],
        first_position=place["position"],
        epochs=None if epochs is None else positive("epochs", epochs),
    )


class ReadAhead:
    """Has the files read ahead of the batches of a schedule."""

    def __init__(self, reader: Reader, schedule: Schedule) -> None:
        self._reader = reader
        self._stretches = _core.ReadAhead(
            sample_bytes=reader.sample_bytes, pattern=schedule.access_pattern, batch_size=schedule.batch_size
        )

    def before(self, epoch: int, order: _core.Order, position: int, count: int) -> None:
        """Positions ``[position, position + count)`` of an epoch are about to be read."""
        first, positions = self._stretches.next(epoch, position, count, len(order))
        if positions > 0:
            self._reader.read_ahead(order, first, positions)


class Batches(Iterator["Element"]):
    """An iterator over batches, which knows where it is. ``len()`` counts all that it gives, also those given.

    Threads may share one: each batch comes out once, to whoever asks for it.
    """

    def __init__(self, reader: Reader, schedule: Schedule) -> None:
        self._reader = reader
        self._schedule = schedule
        self._count = schedule.batches
        self._given = 0
        self._is_expected = False
        self._ahead = ReadAhead(reader, schedule)
        self._lock = threading.RLock()  # a signal handler may ask for the state in mid-read
        self._start(schedule.first_epoch)

    def _start(self, epoch: int) -> None:
        self._epoch = self._schedule.epoch(epoch)
        self._next = 0  # batch of the epoch

    def __len__(self) -> int:
        if self._count is None:
            raise TypeError("epochs=None is without end: there is no number of batches")
        return self._count

    def __next__(self) -> Element:
        with self._lock:
            return self._read_next()

    def _read_next(self) -> Element:
        if self._given == self._count:
            raise StopIteration
        if not self._is_expected:
            self._reader.expect(self._schedule.access_pattern)
            self._is_expected = True
        self._enter_epoch_of_next()
        position = self._next * self._epoch.batch_size
        count = min(self._epoch.batch_size, self._epoch.samples - position)
        self._ahead.before(self._epoch.number, self._epoch.order, position, count)
        batch = self._reader._batch(self._epoch.order, position, count)
        self._next += 1
        self._given += 1
        return batch

    def skip(self, batches: int) -> Self:
        """Leave out the next ``batches`` batches, or all there are, without reading them; returns the iterator.

        Raises:
            ValueError: if ``batches`` is negative, or where there is no end, beyond epoch 2^62.
        """
        left = non_negative("batches", batches)
        with self._lock:
            if self._count is not None:
                left = min(left, self._count - self._given)
            given = self._given + left
            if left > self._epoch.batches - self._next:
                left -= self._epoch.batches - self._next
                # Epochs behind the first one have the same number of batches each.
                per_epoch = self._schedule.epoch(self._schedule.first_epoch + 1).batches
                whole = (left - 1) // per_epoch
                left -= whole * per_epoch
                self._start(self._epoch.number + 1 + whole)
            self._next += left
            self._given = given
        return self

    def state(self) -> State:
        """Where the iterator is, after the last batch it gave: a dict of less than 1 KB, which JSON keeps.

        ``batches(..., state=...)`` and ``to_tf_dataset(..., state=...)`` go on with exactly the next sample. Shards
        that have given the same number of batches have the same state, and it serves any number of shards.

        Raises:
            DataError: if a file was replaced or written to since the reader was opened.
            OSError: if it is no longer there.
        """
        with self._lock:
            position = self._epoch.position_after(self._next)
            is_at_end = 0 < self._next == self._epoch.batches
            epoch, position = (self._epoch.number + 1, 0) if is_at_end else (self._epoch.number, position)
        return make_state(self._reader.fingerprint, self._schedule.order, epoch, position)

    def __reduce__(self) -> NoReturn:
        raise TypeError("batches cannot be copied or pickled: pass their state() on, and give it to batches() there")

    def _enter_epoch_of_next(self) -> None:
        while self._next == self._epoch.batches:
            self._start(self._epoch.number + 1)
