"""The generator engine: ``from_generator`` lanes, each yielding chunks of batches, under a parallel interleave.

``from_generator`` costs a fixed time per element, whatever its size, and holds the global interpreter lock meanwhile.
So an element is a chunk of several batches ``[K, B, ...]``, which the graph splits again without a copy. Lane k of L
yields chunks k, k + L, k + 2L, ..., and a deterministic interleave puts them back in sequence; the decoding itself runs
without the lock, so lanes run in parallel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from binfeed import _core
from binfeed.planning import Output
from binfeed.reader import Reader

if TYPE_CHECKING:
    from binfeed.tensorflow.dataset import Batching, Elements

#: Chunks are of about this size at most: what ``from_generator`` costs is small beside it.
CHUNK_BYTES = 32 << 20
#: The interleave holds about four chunks per lane; together they stay well within what the buffer pool keeps.
CHUNKS_PER_LANE = 4
IN_FLIGHT_BYTES = 256 << 20
MAX_BATCHES_PER_CHUNK = 64


@dataclass(frozen=True)
class Chunks:
    """Consecutive batches of an epoch, brought together; a smaller last batch is a chunk of its own.

    Attributes:
        batching: how epochs are cut into batches.
        size: full batches per chunk.
    """

    batching: Batching
    size: int

    @property
    def per_epoch(self) -> int:
        """Chunks of one epoch."""
        has_small_batch = self.batching.batches > self.batching.full_batches
        return self._of_full_batches + has_small_batch

    @property
    def _of_full_batches(self) -> int:
        return -(-self.batching.full_batches // self.size)

    def numbers(self, lane: int, lanes: int) -> Iterator[int]:
        """The chunks of all epochs that a lane yields, numbered within their epoch."""
        chunks = itertools.count(lane, lanes)
        if self.batching.epochs >= 0:
            total = self.per_epoch * self.batching.epochs
            chunks = itertools.takewhile(lambda chunk: chunk < total, chunks)  # type: ignore[assignment]
        return (chunk % self.per_epoch for chunk in chunks)

    def extent(self, chunk: int) -> tuple[int, int, int]:
        """Position of the first sample, number of batches, and samples in each of them."""
        first = chunk * self.size
        if chunk < self._of_full_batches:
            batches = min(self.size, self.batching.full_batches - first)
            return first * self.batching.batch_size, batches, self.batching.batch_size
        begin = self.batching.full_batches * self.batching.batch_size
        return begin, 1, self.batching.samples - begin


def generator_dataset(
    reader: Reader, order: _core.Order, batching: Batching, elements: Elements, num_parallel_calls: int
) -> tf.data.Dataset:
    """The batches of all epochs, decoded by up to ``num_parallel_calls`` threads."""
    chunks = Chunks(batching, batches_per_chunk(elements.outputs, batching.batch_size, num_parallel_calls))
    batch_shape = (batching.static_batch_size,)
    if chunks.per_epoch == 0:
        return _no_batches(elements.specs(*batch_shape))
    chunk_shape = (None, *batch_shape) if chunks.size > 1 else batch_shape
    lanes = num_parallel_calls
    if batching.epochs >= 0:
        lanes = min(lanes, chunks.per_epoch * batching.epochs)

    def generate(lane: int) -> Iterator[Any]:
        for number in chunks.numbers(int(lane), lanes):
            position, batches, samples = chunks.extent(number)
            arrays = reader.read(order, position, batches * samples)
            if chunks.size > 1:
                arrays = [array.reshape(batches, samples, *array.shape[1:]) for array in arrays]
            yield elements.tensors(arrays)

    def make_lane(lane: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_generator(generate, args=(lane,), output_signature=elements.specs(*chunk_shape))

    dataset = tf.data.Dataset.range(lanes).interleave(
        make_lane, cycle_length=lanes, block_length=1, num_parallel_calls=lanes, deterministic=True
    )
    # Unlike unbatch(), this hands each batch on where it lies.
    return dataset.flat_map(_slices) if chunks.size > 1 else dataset


def batches_per_chunk(outputs: tuple[Output, ...], batch_size: int, lanes: int) -> int:
    """As many batches as make a chunk of at most ``CHUNK_BYTES``, less where many lanes are in flight; at least one."""
    chunk_bytes = min(CHUNK_BYTES, IN_FLIGHT_BYTES // (CHUNKS_PER_LANE * lanes))
    sample_bytes = sum(math.prod(output.shape) * output.dtype.itemsize for output in outputs)
    return int(np.clip(chunk_bytes // max(sample_bytes * batch_size, 1), 1, MAX_BATCHES_PER_CHUNK))


def _slices(*element: Any) -> tf.data.Dataset:
    # A tuple element arrives as several arguments, any other as one.
    return tf.data.Dataset.from_tensor_slices(element if len(element) > 1 else element[0])


def _no_batches(specs: Any) -> tf.data.Dataset:
    def nothing() -> Iterator[Any]:
        yield from ()

    return tf.data.Dataset.from_generator(nothing, output_signature=specs)
