"""The generator engine: ``from_generator`` lanes, each yielding chunks of batches, under a parallel interleave.

``from_generator`` costs a fixed time per element, whatever its size, and holds the global interpreter lock meanwhile.
So an element is a chunk of several batches ``[K, B, ...]``, which the graph splits again without a copy. Lane k of L
yields chunks k, k + L, k + 2L, ..., and a deterministic interleave puts them back in sequence; the decoding itself runs
without the lock, so lanes run in parallel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from binfeed import _core
from binfeed.batches import ReadAhead
from binfeed.order import Epoch, Schedule
from binfeed.reader import Reader
from binfeed.tensorflow.plan import batches_within, with_cardinality

if TYPE_CHECKING:
    from binfeed.tensorflow.dataset import Elements

#: Chunks are of about this size at most: what ``from_generator`` costs is small beside it.
CHUNK_BYTES = 32 << 20
#: The interleave holds about four chunks per lane; together they stay well within what the buffer pool keeps.
CHUNKS_PER_LANE = 4
IN_FLIGHT_BYTES = 256 << 20


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches of an epoch, brought together; a smaller last batch is a chunk of its own."""

    epoch: int
    order: _core.Order
    position: int
    batches: int
    batch_size: int

    @property
    def samples(self) -> int:
        """Of all its batches."""
        return self.batches * self.batch_size


@dataclass(frozen=True)
class Chunks:
    """The chunks of all epochs of a schedule, numbered.

    Attributes:
        schedule: what they are chunks of.
        size: full batches per chunk.
    """

    schedule: Schedule
    size: int

    def per_epoch(self, epoch: Epoch) -> int:
        """Chunks of one epoch."""
        has_small_batch = epoch.batches > epoch.full_batches
        return -(-epoch.full_batches // self.size) + has_small_batch

    def of_lane(self, lane: int, lanes: int) -> Iterator[Chunk]:
        """Every ``lanes``-th chunk, from number ``lane`` on."""
        next_number = lane
        for epoch_number in itertools.count(self.schedule.first_epoch):
            if epoch_number == self.schedule.epochs:
                return
            epoch = self.schedule.epoch(epoch_number)
            count = self.per_epoch(epoch)
            if count == 0 and epoch_number > self.schedule.first_epoch:
                return  # and so would be all others
            for number in range(next_number, count, lanes):
                yield self._chunk(epoch, number)
            next_number = (next_number - count) % lanes

    def _chunk(self, epoch: Epoch, number: int) -> Chunk:
        first = number * self.size
        if first < epoch.full_batches:
            batches = min(self.size, epoch.full_batches - first)
            return Chunk(epoch.number, epoch.order, first * epoch.batch_size, batches, epoch.batch_size)
        begin = epoch.full_batches * epoch.batch_size
        return Chunk(epoch.number, epoch.order, begin, 1, epoch.samples - begin)


def generator_dataset(
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
    """
    chunk_bytes = min(CHUNK_BYTES, IN_FLIGHT_BYTES // (CHUNKS_PER_LANE * num_parallel_calls))
    size = batches_within(chunk_bytes, elements.outputs, schedule.batch_size)
    batch_shape = (schedule.static_batch_size,)
    chunk_shape = (None, *batch_shape) if size > 1 else batch_shape
    chunk_count = schedule.total(Chunks(schedule, size).per_epoch)
    lanes = num_parallel_calls if chunk_count is None else max(min(num_parallel_calls, chunk_count), 1)

    ahead = ReadAhead(reader, schedule)

    def generate(iteration: int, lane: int) -> Iterator[Any]:
        reader.expect(schedule.access_pattern)
        for chunk in Chunks(schedule.again(int(iteration)), size).of_lane(int(lane), lanes):
            ahead.before(chunk.epoch, chunk.order, chunk.position, chunk.samples)
            arrays = reader.read(chunk.order, chunk.position, chunk.samples)
            if size > 1:
                arrays = [array.reshape(chunk.batches, chunk.batch_size, *array.shape[1:]) for array in arrays]
            yield elements.tensors(arrays)

    def make_lanes(iteration: tf.Tensor) -> tf.data.Dataset:
        def make_lane(lane: tf.Tensor) -> tf.data.Dataset:
            return tf.data.Dataset.from_generator(
                generate, args=(iteration, lane), output_signature=elements.specs(*chunk_shape)
            )

        return tf.data.Dataset.range(lanes).interleave(
            make_lane, cycle_length=lanes, block_length=1, num_parallel_calls=lanes, deterministic=True
        )

    dataset = _iteration_number().flat_map(make_lanes) if reshuffles else make_lanes(tf.constant(0, tf.int64))
    # Unlike unbatch(), this hands each batch on where it lies.
    if size > 1:
        is_tuple = isinstance(dataset.element_spec, tuple)  # which arrives as several arguments, anything else as one
        dataset = dataset.flat_map(
            lambda *element: tf.data.Dataset.from_tensor_slices(element if is_tuple else element[0])
        )
    dataset = with_cardinality(dataset, schedule.batches)
    return dataset.prefetch(prefetch) if prefetch != 0 else dataset


def _iteration_number() -> tf.data.Dataset:
    """One number: 0 in the first iteration of the dataset, 1 in the second..."""
    numbers = itertools.count()

    def generate() -> Iterator[int]:
        yield next(numbers)

    return tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.int64))
