"""The graph engine: ``range(chunks).map(read).unbatch()``, where ``read`` is an op in C++.

There is no Python in the pipeline, so it runs in parallel, can be checkpointed, and works in other processes: all that
the op needs is in its attribute, see ``read_plan.h``. Its only source is one ``range``, which ``tf.data`` service can
split among workers, and every step knows how many elements it gives.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from binfeed.numbers import MAX_SIZE
from binfeed.records import RecordSamples
from binfeed.samples import Samples
from binfeed.schedule import ENDLESS_EPOCHS, Schedule
from binfeed.tensorflow.elements import Elements, batches_within, tensor_spec, with_cardinality
from binfeed.tensorflow.ops import load_ops
from binfeed.tensorflow.plan import plan_bytes

#: A chunk has about this size at most, so that it stays in the cache until its batches are used.
CHUNK_BYTES = 4 << 20
#: An epoch has at least this many chunks, if it has as many batches, so that several threads have work.
MIN_CHUNKS = 8
#: The size of the tensor that identifies a counter. A smaller one would become a constant of each graph, and no graph
#: would know the counts of the others.
COUNTER_BYTES = 256


class GraphDataset(tf.data.Dataset):  # type: ignore[misc]
    """A dataset of batches by number, which does not read the batches that it skips."""

    def __init__(self, batches: NumberedBatches, numbers: range, *, is_endless: bool = False) -> None:
        self._batches = batches
        self._numbers = numbers
        self._is_endless = is_endless
        self._dataset = batches.of(numbers)
        if is_endless:
            self._dataset = with_cardinality(self._dataset, None)
        super().__init__(self._dataset._variant_tensor)

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._dataset]

    @property
    def element_spec(self) -> Any:
        return self._dataset.element_spec

    def skip(self, count: Any, name: str | None = None) -> tf.data.Dataset:
        """Skip batches as :class:`tf.data.Dataset` does, without reading them."""
        number = _known(count)
        if number is None:
            return super().skip(count, name=name)
        return self._only(self._numbers[number:]) if number >= 0 else self.take(0)

    def take(self, count: Any, name: str | None = None) -> tf.data.Dataset:
        """Take batches as :class:`tf.data.Dataset` does, without reading those that follow."""
        number = _known(count)
        if number is None:
            return super().take(count, name=name)
        return GraphDataset(self._batches, self._numbers[:number]) if number >= 0 else self

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> tf.data.Dataset:
        """Take every ``num_shards``-th batch as :class:`tf.data.Dataset` does, without reading the others."""
        shards, number = _known(num_shards), _known(index)
        if shards is None or number is None or not 0 <= number < shards:
            return super().shard(num_shards, index, name=name)
        return self._only(self._numbers[number::shards])

    def _only(self, numbers: range) -> GraphDataset:
        return GraphDataset(self._batches, numbers, is_endless=self._is_endless)


class NumberedBatches:
    """Batches by number, read by one op for each part of the samples.

    Small batches are read in chunks: handing an element from one thread to another takes tens of microseconds, cutting
    one out of a chunk takes a few. If they reshuffle, every iteration continues with the epochs that follow those of
    the previous one.
    """

    def __init__(
        self,
        samples: Samples,
        schedule: Schedule,
        elements: Elements,
        num_parallel_calls: int,
        prefetch: int,
        *,
        reshuffles: bool,
    ) -> None:
        self._ops = load_ops()
        self._plans = [_plan_of(part, schedule) for part in samples.parts()]
        self._types = [[tensor_spec(output, ()).dtype for output in part.outputs] for part in samples.parts()]
        self._schedule = schedule
        self._elements = elements
        self._num_parallel_calls = num_parallel_calls
        self._static_batch_size = schedule.static_batch_size
        self._epochs = ENDLESS_EPOCHS if schedule.epochs is None else schedule.epochs
        self._chunk_size = _chunk_size(elements, schedule)
        self._prefetch = -(-prefetch // self._chunk_size) if prefetch > 0 else prefetch
        self._is_shuffled = schedule.order.shuffle is not None
        self._seed = _as_int64(schedule.order.seed)
        self._counter = self._new_counter() if reshuffles else None

    def of(self, numbers: range) -> tf.data.Dataset:
        """Make a dataset of the batches ``numbers``."""
        chunks = self._schedule.chunks(self._chunk_size, numbers)
        size = chunks.size() if len(numbers) > 1 else 1
        grid = tf.constant([numbers.start, numbers.step, len(numbers), size], tf.int64)
        specs = self._specs(size) if size > 1 else self._specs()

        def read(chunk: tf.Tensor, *epochs: tf.Tensor) -> Any:
            arrays = self._read(chunk, grid, *epochs)
            for array, spec in zip(arrays, specs, strict=True):
                # The last chunk may have fewer batches, but tf.data counts by this shape; take() corrects the count.
                array.set_shape(spec.shape)
            return self._elements.arrange(arrays)

        dataset = self._mapped(chunks.count() if size > 1 else len(numbers), read)
        return dataset.unbatch().take(len(numbers)) if size > 1 else dataset

    def _mapped(self, count: int, read: Any) -> tf.data.Dataset:
        """Map ``read`` over 0 to ``count`` - 1; a shuffle also gives it the passed epochs and the seed."""
        as_it_is = tf.autograph.experimental.do_not_convert
        numbers = tf.data.Dataset.range(count)
        if self._is_shuffled:
            start = (tf.constant(-1, tf.int64), tf.constant(self._seed, tf.int64))
            numbers = numbers.scan(start, as_it_is(self._in_iteration))
        dataset = numbers.map(as_it_is(read), num_parallel_calls=self._num_parallel_calls, deterministic=True)
        return dataset.prefetch(self._prefetch) if self._prefetch != 0 else dataset

    def _in_iteration(self, state: tuple[tf.Tensor, tf.Tensor], i: tf.Tensor) -> Any:
        """Add the passed epochs and the seed to ``i``.

        The state is the number of the iteration, -1 before it begins, and the seed, so that checkpoints have both.
        """
        known, seed = state
        iteration = tf.zeros_like(known)
        if self._counter is not None:
            iteration = tf.ensure_shape(self._ops.binfeed_count(counter=self._counter, known=known), ())
        # Rather than a product that wraps, more epochs than the op accepts.
        too_many = tf.constant(MAX_SIZE + 1, tf.int64)
        passed_epochs = tf.where(iteration > MAX_SIZE // self._epochs, too_many, iteration * self._epochs)
        return (iteration, seed), (i, passed_epochs, seed)

    def _new_counter(self) -> tf.Tensor:
        with tf.init_scope(), tf.device("CPU"):
            counter = tf.constant(np.zeros(COUNTER_BYTES, np.uint8))
            self._ops.binfeed_add_counter(counter=counter)
        return counter

    def _read(
        self, chunk: tf.Tensor, chunks: tf.Tensor, passed_epochs: tf.Tensor | int = 0, seed: tf.Tensor | int = 0
    ) -> list[tf.Tensor]:
        arrays: list[tf.Tensor] = []
        for plan, types in zip(self._plans, self._types, strict=True):
            arrays += self._ops.binfeed_read(
                chunk=chunk, chunks=chunks, passed_epochs=passed_epochs, seed=seed, plan=plan, output_types=types
            )
        return arrays

    def _specs(self, *leading: int) -> Sequence[tf.TensorSpec]:
        """Return the specs of the arrays of a batch, with the axes ``leading`` before their own."""
        return [tensor_spec(output, (*leading, self._static_batch_size)) for output in self._elements.outputs]


def graph_dataset(
    samples: Samples,
    schedule: Schedule,
    elements: Elements,
    num_parallel_calls: int,
    prefetch: int,
    *,
    reshuffles: bool,
) -> tf.data.Dataset:
    """Make a dataset of the batches of all epochs, decoded by up to ``num_parallel_calls`` threads.

    If it ``reshuffles``, every iteration in this process continues with the epochs that follow those of the previous
    one. In another process, and on ``tf.data`` service, every iteration is the first.

    Raises:
        ImportError: if the ops cannot be loaded.
        ValueError: if the samples are not in files, since the op cannot read others.
    """
    numbers = schedule.numbers
    batches = NumberedBatches(
        samples, schedule, elements, num_parallel_calls, prefetch, reshuffles=reshuffles and len(numbers) > 0
    )
    return GraphDataset(batches, numbers, is_endless=schedule.batches is None)


def can_read(samples: Samples) -> bool:
    """Whether all samples are records of files."""
    return all(isinstance(part, RecordSamples) and part.are_in_files for part in samples.parts())


def _chunk_size(elements: Elements, schedule: Schedule) -> int:
    if any(math.prod(output.shape) == 0 for output in elements.outputs):
        return 1  # unbatch() aborts the process at a tensor without elements
    most = batches_within(CHUNK_BYTES, elements.outputs, schedule.batch_size)
    return min(most, max(schedule.batches_per_epoch // MIN_CHUNKS, 1))


def _as_int64(seed: int) -> int:
    """Return the same 64 bits as a signed number, as tensors hold them."""
    return seed - 2**64 if seed >= 2**63 else seed


def _known(number: Any) -> int | None:
    """Return the value of a number that may be a tensor, or None if it is only known when a graph runs."""
    value = tf.get_static_value(number)
    return None if value is None else operator.index(value)


def _plan_of(part: Samples, schedule: Schedule) -> bytes:
    if not (isinstance(part, RecordSamples) and part.are_in_files):
        raise ValueError("engine='graph' reads files, not bytes in memory: use engine='generator'")
    # The seed is an input of the op instead, so that datasets that only differ in the seed share a reader.
    seedless = dataclasses.replace(schedule, order=dataclasses.replace(schedule.order, seed=0))
    return plan_bytes(part.layout, part.plan, window=part.window, files=part.files, schedule=seedless.spec)
