"""The reader of a table: batches of the rows of a query, which is asked anew for every epoch."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, cast

import numpy as np

from binfeed.batches import E_co
from binfeed.errors import StateError, checked_keywords, options_of, shown
from binfeed.numbers import flag
from binfeed.planning import ArraySpec
from binfeed.tables.columns import Array
from binfeed.tables.decoder import TableDecoder
from binfeed.tables.passes import Pass, TableOptions, make_pass
from binfeed.tables.state import make_state
from binfeed.tables.stream import Epoch, Key, Table, in_turn, key_of

if TYPE_CHECKING:
    import tensorflow as tf
    from typing_extensions import Self, Unpack

    from binfeed.state import State


#: Iterators of parent processes, which their forks must not close.
_OF_PARENTS: list[Generator[Any]] = []


class TableReader(Generic[E_co]):
    """Samples that are the rows of a query, streamed. :func:`binfeed.from_sql` makes such readers.

    Every iteration asks the query anew, with connections of its own, and memory does not grow with the table. So there
    is no length and no indexing: give :func:`binfeed.from_sql` a ``cache`` for these. A reader may be used from many
    threads.
    """

    def __init__(self, table: Table, decoder: TableDecoder) -> None:
        self._table = table
        self._decoder = decoder

    @property
    def spec(self) -> Any:
        """The structure of a sample, with the dtype and shape of each array: without the batch axis.

        Text is an array of :class:`bytes` objects of dtype ``object``, or ``tf.string``.
        """
        decoder = self._decoder
        return decoder.unflatten(ArraySpec(output.dtype, output.shape) for output in decoder.outputs)

    def __repr__(self) -> str:
        table = self._table
        outputs = ", ".join(map(str, self._decoder.outputs))
        return f"<reader of {shown(str(table.query))} in {table.database.name}, {outputs}>"

    @checked_keywords
    @options_of(make_pass)
    def batches(self, batch_size: int, **options: Unpack[TableOptions]) -> TableBatches[E_co]:
        """Give the rows in batches of NumPy arrays ``[batch_size, ...]``.

        Without a shuffle, rows come in the order in which the database gives them. With partitions, a block of each
        partition comes in turn; a block has ``rows_per_fetch`` rows, rounded up to whole batches.

        Args:
            batch_size: rows per batch. Every batch of an epoch is full except the last.
            drop_remainder: leave out a last batch that is not full.
            shuffle: the rows of a buffer from which rows are drawn at random, as in :meth:`tf.data.Dataset.shuffle`;
                True is a buffer of 65,536. Partitions come in a random order, and each has its share of the buffer.
                A row comes out at most about a buffer's length earlier than its place in its partition, so a table
                that is sorted by label needs a larger buffer, or a ``cache``, whose shuffle is a permutation of
                all rows.
            seed: the seed of the shuffle, 0 to 2^64 - 1. None draws one.
            epochs: the number of epochs, including those before ``state``. None never ends.
            state: what :meth:`TableBatches.state` gave, to go on from there.

        Raises:
            ValueError: if a number is out of range, or arguments exclude each other.
            StateError: if the state does not belong to this query and these features.
            DatabaseError: later, if the database cannot be reached, or fails.
            DataError: later, naming column and row, if a value cannot be read, or there are no rows.
        """
        return TableBatches(make_pass(self._table, self._decoder, batch_size, **options))

    @checked_keywords
    @options_of(make_pass)
    def to_tf_dataset(
        self,
        batch_size: int,
        *,
        label: str | None = None,
        reshuffle_each_iteration: bool = True,
        prefetch: int = 2,
        **options: Unpack[TableOptions],
    ) -> tf.data.Dataset:
        """Give a :class:`tf.data.Dataset` of the batches that :meth:`batches` gives, in the same order.

        Each partition is a ``from_generator`` lane of a parallel interleave. The cardinality is unknown. A shuffled
        dataset that is iterated again goes on with the epochs that follow.

        Args:
            batch_size: rows per batch. Every batch of an epoch is full except the last.
            label: the feature that becomes the second half of elements ``(features, label)``, as Keras takes them.
                A single remaining feature is a bare tensor.
            reshuffle_each_iteration: as in :meth:`tf.data.Dataset.shuffle`. False gives the same order each time.
            prefetch: batches to keep ready; 0 for none.
            options: any other argument of :meth:`batches`: ``shuffle``, ``seed``, ``epochs``, ``state``...

        Raises:
            ImportError: without TensorFlow.
            FeatureError: if ``label`` is not a feature.
            ValueError: if a number is out of range, or arguments exclude each other.
            StateError: if the state does not belong to this query and these features.
        """
        from binfeed.tensorflow.table import table_dataset  # noqa: PLC0415  (TensorFlow is imported when used)

        reshuffles = flag("reshuffle_each_iteration", reshuffle_each_iteration)
        made = make_pass(self._table, self._decoder, batch_size, **options)
        return table_dataset(made, label=label, reshuffles=reshuffles and made.buffer_rows > 0, prefetch=prefetch)

    def __iter__(self) -> NoReturn:
        raise TypeError("a table is read in batches: use .batches(), or give from_sql() a cache= folder")

    def __len__(self) -> NoReturn:
        raise TypeError("the number of rows is not known before they are read: give from_sql() a cache= folder")

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError("the rows of a query have no numbers: give from_sql() a cache= folder")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a reader cannot be copied or pickled: call from_sql() where it is needed")


class TableBatches(Iterator[E_co]):
    """An iterator over batches of rows.

    Threads may share one: each batch comes out once, to whoever asks for it. :meth:`close` ends its connections early;
    otherwise they are closed at the end of the epoch.
    """

    def __init__(self, made: Pass) -> None:
        self._pass = made
        self._place: tuple[int, Key | None] = (made.first_epoch, made.after)
        self._batches = _batches_of(made)
        self._lock = threading.RLock()
        self._process = os.getpid()

    def __next__(self) -> E_co:
        if os.getpid() != self._process:
            raise RuntimeError("a fork cannot use the connections of its parent: call batches() in the fork")
        with self._lock:
            arrays, self._place = next(self._batches)
        decoder = self._pass.decoder
        return cast("E_co", decoder.unflatten(arrays[: len(decoder.outputs)]))

    def state(self) -> State:
        """Say where the iterator is, after the last batch it gave: a small dict, fit for JSON.

        It holds the key of the last row, so rows that were added or deleted meanwhile change nothing else.

        Raises:
            StateError: without ``order_by``, since nothing else says which rows were given; or with a shuffle.
        """
        if self._pass.table.order_by is None:
            raise StateError(
                "a state needs the key of a row: give from_sql() an order_by= column, which must be unique"
            )
        with self._lock:
            epoch, key = self._place
        return make_state(self._pass.table, self._pass.decoder.features, epoch, key)

    def close(self) -> None:
        """End the iteration, and close its connections."""
        with self._lock:
            self._batches.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if os.getpid() != self._process:  # closing what belongs to the parent would end it there, or crash here
            _OF_PARENTS.append(self._batches)

    def __reduce__(self) -> NoReturn:
        raise TypeError("batches cannot be copied or pickled")


Batch = tuple[list[Array], tuple[int, Key | None]]


def _batches_of(made: Pass) -> Generator[Batch]:
    """Yield batches, flat, each with the place after it: an epoch, and the last key in it."""
    epochs = itertools.count(made.first_epoch) if made.epochs is None else range(made.first_epoch, made.epochs)
    for epoch in epochs:
        opened = made.open(epoch)
        try:
            is_empty = yield from _batches_of_epoch(made, opened, epoch)
        finally:
            opened.close()
        if is_empty:  # as every other epoch would be, which may be without end
            return


def _batches_of_epoch(made: Pass, opened: Epoch, epoch: int) -> Generator[Batch, None, bool]:
    """Yield the batches of an epoch, and return whether there were none."""
    has_keys = made.table.order_by is not None
    lanes = [made.read(opened, epoch, lane) for lane in made.lane_order(epoch, opened.lanes)]
    batches = _rebatched(in_turn(lanes, opened.interrupt), made.batch_size, made.drop_remainder)
    previous: list[Array] | None = None
    for arrays in batches:  # one batch late, since the last of an epoch leads to the next epoch
        if previous is not None:
            yield previous, (epoch, key_of(previous[-1][-1]) if has_keys else None)
        previous = arrays
    if previous is not None:
        yield previous, (epoch + 1, None)
    return previous is None and made.after is None


def _rebatched(blocks: Iterator[list[Array]], batch_size: int, drop_remainder: bool) -> Iterator[list[Array]]:
    """Yield the same rows in batches; a batch is a view of its block where it lies within one."""
    pending: list[Array] | None = None
    for given in blocks:
        block = given
        if pending is not None:
            block = [np.concatenate(parts) for parts in zip(pending, given, strict=True)]
        rows = len(block[0])
        full = rows - rows % batch_size
        for first in range(0, full, batch_size):
            yield [array[first : first + batch_size] for array in block]
        pending = [array[full:] for array in block] if full < rows else None
    if pending is not None and not drop_remainder:
        yield pending
