"""The graph engine: ``range(batches).batch(K).map(read).flat_map(split)``, where ``read`` is an op in C++.

There is no Python in the pipeline, so that it runs in parallel, can be checkpointed, and works in another process: all
that the op needs is in its attribute, see ``read_plan.h``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from binfeed.order import ENDLESS_EPOCHS, Schedule
from binfeed.reader import Reader, RecordReader
from binfeed.tensorflow.ops import load_ops
from binfeed.tensorflow.plan import batches_within, plan_bytes, tensor_spec, with_cardinality

if TYPE_CHECKING:
    from binfeed.tensorflow.dataset import Elements


#: A chunk is of about this size at most, so that it stays in the cache until its batches are used.
CHUNK_BYTES = 4 << 20
#: An epoch has at least so many, for the threads to share.
MIN_CHUNKS = 8


class GraphDataset(tf.data.Dataset):  # type: ignore[misc]
    """Batches by number. What is skipped is not read."""

    def __init__(self, numbers: tf.data.Dataset, batches: Batches) -> None:
        self._numbers = numbers
        self._batches = batches
        self._dataset = batches.of(numbers)
        super().__init__(self._dataset._variant_tensor)

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._dataset]

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def skip(self, count: Any, name: str | None = None) -> tf.data.Dataset:
        """As in :class:`tf.data.Dataset`, without reading the batches."""
        return GraphDataset(self._numbers.skip(count, name=name), self._batches)

    def take(self, count: Any, name: str | None = None) -> tf.data.Dataset:
        """As in :class:`tf.data.Dataset`, without reading those behind."""
        return GraphDataset(self._numbers.take(count, name=name), self._batches)

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> tf.data.Dataset:
        """As in :class:`tf.data.Dataset`: every ``num_shards``-th batch, without reading the others."""
        return GraphDataset(self._numbers.shard(num_shards, index, name=name), self._batches)


class Batches:
    """From numbers to batches: one op per reader of records.

    Small batches are read in chunks: to hand an element from one thread to another takes tens of microseconds, to cut
    one out of a chunk takes a few.
    """

    def __init__(
        self,
        reader: Reader,
        schedule: Schedule,
        elements: Elements,
        chunk_size: int,
        num_parallel_calls: int,
        prefetch: int,
    ) -> None:
        self._ops = load_ops()
        readers = reader.record_readers()
        self._plans = [_plan_of(part, schedule) for part in readers]
        self._types = [[tensor_spec(output, ()).dtype for output in part.outputs] for part in readers]
        self._elements = elements
        self._num_parallel_calls = num_parallel_calls
        self._batch_size = schedule.batch_size
        self._static_batch_size = schedule.static_batch_size
        self._chunk_size = chunk_size
        self._prefetch = -(-prefetch // chunk_size) if prefetch > 0 else prefetch

    def of(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        """The batches of a dataset of numbers."""
        if self._chunk_size == 1:
            return self._mapped(numbers, self._read_batch)
        chunks = self._mapped(numbers.batch(self._chunk_size), self._read_chunk)
        return with_cardinality(chunks.flat_map(self._split), numbers.cardinality())

    def _mapped(self, numbers: tf.data.Dataset, read: Any) -> tf.data.Dataset:
        dataset = numbers.map(read, num_parallel_calls=self._num_parallel_calls, deterministic=True)
        return dataset.prefetch(self._prefetch) if self._prefetch != 0 else dataset

    def _read_batch(self, number: tf.Tensor) -> Any:
        arrays, _ = self._read_chunk(number)
        return self._elements.arrange(self._shaped(arrays, self._static_batch_size))

    def _read_chunk(self, numbers: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The rows of all these batches, and how many each of them has."""
        arrays: list[tf.Tensor] = []
        for plan, types in zip(self._plans, self._types, strict=True):
            read = self._ops.binfeed_read(numbers=numbers, plan=plan, output_types=types)
            arrays.extend(read.arrays)
        return tuple(self._shaped(arrays, None)), tf.ensure_shape(read.counts, (None,))

    def _split(self, arrays: tuple[tf.Tensor, ...], counts: tf.Tensor) -> tf.data.Dataset:
        if self._static_batch_size is not None:
            return self._full_batches(arrays)
        return tf.cond(
            tf.reduce_all(counts == self._batch_size),
            lambda: self._full_batches(arrays),
            lambda: self._sized_batches(arrays, counts),
        )

    def _full_batches(self, arrays: Iterable[tf.Tensor]) -> tf.data.Dataset:
        shaped = [tf.reshape(array, (-1, self._batch_size, *array.shape[1:])) for array in arrays]
        return tf.data.Dataset.from_tensor_slices(self._elements.arrange(shaped))

    def _sized_batches(self, arrays: Sequence[tf.Tensor], counts: tf.Tensor) -> tf.data.Dataset:
        """Where some are smaller, as the last of an epoch. To set up a function takes as long as many batches."""
        ends = tf.cumsum(counts)

        def batch(number: tf.Tensor) -> Any:
            begin, end = ends[number] - counts[number], ends[number]
            return self._elements.arrange(self._shaped([array[begin:end] for array in arrays], None))

        return tf.data.Dataset.range(tf.size(counts, tf.int64)).map(batch)

    def _shaped(self, arrays: Iterable[tf.Tensor], rows: int | None) -> list[tf.Tensor]:
        """With their static shapes: ``rows`` if all have so many."""
        specs = (tensor_spec(output, (rows,)) for output in self._elements.outputs)
        return [tf.ensure_shape(array, spec.shape) for array, spec in zip(arrays, specs, strict=True)]


def graph_dataset(
    reader: Reader,
    schedule: Schedule,
    elements: Elements,
    num_parallel_calls: int,
    prefetch: int,
    *,
    reshuffles: bool,
    splits: bool,
) -> tf.data.Dataset:
    """The batches of all epochs, decoded by up to ``num_parallel_calls`` threads.

    If it ``reshuffles``, every iteration goes on with the epochs after those of the one before. If it ``splits``, it
    may be shared out batch by batch: tf.data's dynamic sharding gives each worker numbers of its own, so that none sees
    as many elements as the cardinality says.

    Raises:
        ImportError: where the ops cannot be loaded.
        ValueError: for bytes in memory, which the op cannot read.
    """
    chunk_size = 1 if splits else _chunk_size(elements, schedule)
    batches = Batches(reader, schedule, elements, chunk_size, num_parallel_calls, prefetch)
    return GraphDataset(_numbers(schedule, reshuffles=reshuffles), batches)


def _chunk_size(elements: Elements, schedule: Schedule) -> int:
    batches = schedule.epoch(schedule.first_epoch + 1).batches
    return min(batches_within(CHUNK_BYTES, elements.outputs, schedule.batch_size), max(batches // MIN_CHUNKS, 1))


def can_read(reader: Reader) -> bool:
    """Whether all that ``reader`` reads is in files."""
    return all(isinstance(source, bytes) for part in reader.record_readers() for source in part.sources)


def _numbers(schedule: Schedule, *, reshuffles: bool) -> tf.data.Dataset:
    """The numbers of the batches: in the first iteration from 0 on, in the next ones those that follow."""
    count = schedule.batches
    span = ENDLESS_EPOCHS * schedule.epoch(schedule.first_epoch + 1).batches if count is None else count
    if not reshuffles or count == 0:
        numbers = tf.data.Dataset.range(span)
        return numbers if count is not None else with_cardinality(numbers, None)
    ops = load_ops()
    dataset = uuid.uuid4().hex

    def of_iteration(iteration: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(iteration * span, (iteration + 1) * span)

    def count_iteration(anything: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(ops.binfeed_count(anything=anything, dataset=dataset), ())

    numbers = tf.data.Dataset.range(1).map(count_iteration).flat_map(of_iteration)
    return with_cardinality(numbers, count)


def _plan_of(reader: RecordReader, schedule: Schedule) -> bytes:
    if not can_read(reader):
        raise ValueError("engine='graph' reads files, not bytes in memory: use engine='generator'")
    files = reader.core.files()
    return plan_bytes(reader.layout, reader.outputs, window=reader.window, files=files, schedule=schedule.spec)
