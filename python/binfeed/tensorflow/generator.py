"""The generator engine: ``from_generator`` lanes, each yielding chunks of batches, under a parallel interleave.

``from_generator`` costs a fixed time per element, whatever its size, and holds the global interpreter lock meanwhile.
So an element is a chunk of several batches ``[K, B, ...]``, which the graph splits again without a copy. Lane k of L
yields chunks k, k + L, k + 2L, ..., and a deterministic interleave puts them back in sequence. The decoding itself runs
without the lock, so lanes run in parallel.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from binfeed._core import Chunks
from binfeed.batches import ScheduledReads
from binfeed.samples import Samples
from binfeed.schedule import Schedule
from binfeed.tensorflow.elements import Elements, batches_within, with_cardinality

#: Chunks have about this size at most: large enough that the cost of ``from_generator`` hardly matters.
CHUNK_BYTES = 32 << 20
#: The interleave holds about four chunks per lane. Together they stay well within what the buffer pool keeps.
CHUNKS_PER_LANE = 4
IN_FLIGHT_BYTES = 256 << 20


def generator_dataset(
    samples: Samples,
    schedule: Schedule,
    elements: Elements,
    num_parallel_calls: int,
    prefetch: int,
    *,
    reshuffles: bool,
) -> tf.data.Dataset:
    """Make a dataset of the batches of all epochs, decoded by up to ``num_parallel_calls`` threads.

    If it ``reshuffles``, every iteration continues with the epochs that follow those of the previous one.
    """
    chunk_bytes = min(CHUNK_BYTES, IN_FLIGHT_BYTES // (CHUNKS_PER_LANE * num_parallel_calls))
    size = batches_within(chunk_bytes, elements.outputs, schedule.batch_size)
    lanes = max(min(num_parallel_calls, schedule.chunks(size).count()), 1)
    batch_shape = (schedule.static_batch_size,)

    @functools.lru_cache(maxsize=1)
    def pass_number(number: int) -> tuple[Schedule, Chunks, ScheduledReads]:
        """Return what the lanes of one iteration share."""
        now = schedule.again(number)
        return now, now.chunks(size), ScheduledReads(samples, now)

    def generate(iteration: int, lane: int) -> Iterator[Any]:
        now, chunks, reads = pass_number(int(iteration))
        for number in range(int(lane), chunks.count(), lanes):
            first, batches = chunks.at(number)
            epoch, position, count = now.locate(first)
            arrays = reads.read(epoch, position, batches * count)
            if size > 1:
                arrays = [array.reshape(batches, count, *array.shape[1:]) for array in arrays]
            yield elements.tensors(arrays)

    def make_lanes(iteration: tf.Tensor) -> tf.data.Dataset:
        def make_lane(lane: tf.Tensor) -> tf.data.Dataset:
            shape = (None, *batch_shape) if size > 1 else batch_shape
            return tf.data.Dataset.from_generator(
                generate, args=(iteration, lane), output_signature=elements.specs(*shape)
            )

        return tf.data.Dataset.range(lanes).interleave(
            make_lane, cycle_length=lanes, block_length=1, num_parallel_calls=lanes, deterministic=True
        )

    dataset = iteration_number().flat_map(make_lanes) if reshuffles else make_lanes(tf.constant(0, tf.int64))
    # Unlike unbatch(), this does not copy the batches.
    if size > 1:
        is_tuple = isinstance(dataset.element_spec, tuple)  # a tuple arrives as several arguments, anything else as one
        dataset = dataset.flat_map(
            lambda *element: tf.data.Dataset.from_tensor_slices(element if is_tuple else element[0])
        )
    dataset = with_cardinality(dataset, schedule.batches)
    return dataset.prefetch(prefetch) if prefetch != 0 else dataset


def iteration_number() -> tf.data.Dataset:
    """Make a dataset of one number: 0 in its first iteration, 1 in its second..."""
    numbers = itertools.count()

    def generate() -> Iterator[int]:
        yield next(numbers)

    return tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.int64))
