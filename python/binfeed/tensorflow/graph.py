"""The graph engine: ``range(batches).map(read)``, where ``read`` is an op in C++.

There is no Python in the pipeline, so that it runs in parallel, can be checkpointed, and works in another process: all
that the op needs is in its attribute, see ``read_plan.h``.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from binfeed.order import ENDLESS_EPOCHS, Schedule
from binfeed.reader import Reader, RecordReader
from binfeed.tensorflow.ops import load_ops
from binfeed.tensorflow.plan import plan_bytes, tensor_spec, with_cardinality

if TYPE_CHECKING:
    from binfeed.tensorflow.dataset import Elements


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
    """From numbers to batches: one op per reader of records."""

    def __init__(
        self, reader: Reader, schedule: Schedule, elements: Elements, num_parallel_calls: int, prefetch: int
    ) -> None:
        self._ops = load_ops()
        readers = reader.record_readers()
        self._plans = [_plan_of(part, schedule) for part in readers]
        self._types = [[tensor_spec(output, ()).dtype for output in part.outputs] for part in readers]
        batch_shape = (schedule.static_batch_size,)
        self._shapes = [tensor_spec(output, batch_shape).shape for output in reader.outputs]
        self._elements = elements
        self._num_parallel_calls = num_parallel_calls
        self._prefetch = prefetch

    def of(self, numbers: tf.data.Dataset) -> tf.data.Dataset:
        """The batches of a dataset of numbers."""
        dataset = numbers.map(self._read, num_parallel_calls=self._num_parallel_calls, deterministic=True)
        return dataset.prefetch(self._prefetch) if self._prefetch != 0 else dataset

    def _read(self, number: tf.Tensor) -> Any:
        arrays = [
            array
            for plan, types in zip(self._plans, self._types, strict=True)
            for array in self._ops.binfeed_read(number=number, plan=plan, output_types=types)
        ]
        for array, shape in zip(arrays, self._shapes, strict=True):
            array.set_shape(shape)
        return self._elements.arrange(arrays)


def graph_dataset(
    reader: Reader,
    schedule: Schedule,
    elements: Elements,
    num_parallel_calls: int,
    prefetch: int,
    *,
    reshuffles: bool,
) -> tf.data.Dataset:
    """The batches of all epochs, decoded by up to ``num_parallel_calls`` threads.

    If it ``reshuffles``, every iteration goes on with the epochs after those of the one before.

    Raises:
        ImportError: where the ops cannot be loaded.
        ValueError: for bytes in memory, which the op cannot read.
    """
    batches = Batches(reader, schedule, elements, num_parallel_calls, prefetch)
    return GraphDataset(_numbers(schedule, reshuffles=reshuffles), batches)


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
    paths = [os.path.abspath(source) for source in reader.sources if isinstance(source, bytes)]  # noqa: PTH100
    files = list(zip(paths, reader.core.file_sizes(), strict=True))
    return plan_bytes(reader.layout, reader.outputs, window=reader.window, files=files, schedule=schedule.spec)
