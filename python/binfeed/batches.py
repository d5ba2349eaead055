"""Batches as NumPy arrays: what :meth:`binfeed.Reader.batches` gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from binfeed._core import Order, ReadAhead
from binfeed.numbers import MAX_SIZE, non_negative
from binfeed.samples import Array, Samples
from binfeed.schedule import Schedule
from binfeed.state import State, make_state

if TYPE_CHECKING:
    from typing_extensions import Self
    from typing_extensions import TypeVar as TypeVarWithDefault

    E_co = TypeVarWithDefault("E_co", covariant=True, default=Any)
else:
    #: An element: an array, a dict of arrays by feature, or a tuple of either from zipped readers.
    E_co = TypeVar("E_co", covariant=True)


class ScheduledReads:
    """Reads the samples of a schedule by epoch and position, and has the operating system read ahead of that.

    Threads may share one.
    """

    def __init__(self, samples: Samples, schedule: Schedule) -> None:
        self._samples = samples
        self._schedule = schedule
        self._ahead = ReadAhead(
            sample_bytes=samples.sample_bytes, pattern=schedule.access_pattern, batch_size=schedule.batch_size
        )
        self._is_advised = False
        self._epoch: tuple[int, Order] | None = None  # the last one, which most reads are of

    def read(self, epoch: int, position: int, count: int) -> list[Array]:
        """Read positions ``[position, position + count)`` of an epoch into the outputs, flat."""
        if not self._is_advised:
            self._samples.advise(self._schedule.access_pattern)
            self._is_advised = True
        order = self._order_of(epoch)
        first, ahead = self._ahead.next(epoch, position, count, len(order))
        if ahead > 0:
            self._samples.read_ahead(order, first, ahead)
        return self._samples.read(order, position, count)

    def _order_of(self, epoch: int) -> Order:
        known = self._epoch
        if known is None or known[0] != epoch:
            known = self._epoch = (epoch, self._schedule.epoch_order(epoch))
        return known[1]


class Batches(Iterator[E_co]):
    """An iterator over batches that knows where it is. ``len()`` counts all its batches, given or not.

    Threads may share one: each batch comes out once, to whoever asks for it.
    """

    def __init__(self, samples: Samples, schedule: Schedule) -> None:
        self._samples = samples
        self._schedule = schedule
        self._count = schedule.batches
        self._next = 0  # number of the batch
        self._is_reading = False
        self._reads = ScheduledReads(samples, schedule)
        self._lock = threading.RLock()  # a signal handler may ask for the state in the middle of a read

    def __len__(self) -> int:
        if self._count is None:
            raise TypeError("epochs=None is without end: there is no number of batches")
        return self._count

    def __next__(self) -> E_co:
        with self._lock:
            if self._next in (self._count, MAX_SIZE):  # of which no state could tell what follows
                raise StopIteration
            if self._is_reading:
                raise RuntimeError("a signal handler cannot take a batch while another is being read")
            self._is_reading = True
            try:
                arrays = self._reads.read(*self._schedule.locate(self._next))
                self._next += 1
            finally:
                self._is_reading = False
            return cast("E_co", self._samples.unflatten(arrays))

    def skip(self, batches: int) -> Self:
        """Leave out the next ``batches`` batches, or all that are left, without reading them.

        Returns:
            The iterator itself.

        Raises:
            ValueError: if ``batches`` is negative or, without an end, if that leads beyond batch 2^62.
        """
        skipped = non_negative("batches", batches)
        with self._lock:
            if self._count is not None:
                skipped = min(skipped, self._count - self._next)
            elif self._next + skipped > MAX_SIZE:
                raise ValueError(f"there are 2^62 batches: {skipped} cannot be skipped after {self._next}")
            self._next += skipped
        return self

    def state(self) -> State:
        """Say where the iterator is, after the last batch it gave: a dict of less than 1 KB, fit for JSON.

        ``batches(..., state=...)`` and ``to_tf_dataset(..., state=...)`` go on with exactly the next sample. Shards
        that have given the same number of batches have the same state, and it serves any number of shards.

        Raises:
            DataError: if a file was replaced or written to since the reader was opened.
            OSError: if a file no longer exists.
        """
        with self._lock:
            epoch, position = self._schedule.place_after(self._next)
        return make_state(self._samples.fingerprint, self._schedule.order, epoch, position)

    def __reduce__(self) -> NoReturn:
        raise TypeError("batches cannot be copied or pickled: pass their state() on, and give it to batches() there")
