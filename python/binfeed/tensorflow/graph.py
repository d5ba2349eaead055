"""The graph engine: ``range(chunks).map(read).unbatch()``, where ``read`` is an op in C++.

There is no Python in the pipeline, so that it runs in parallel, can be checkpointed, and works in another process: all
that the op needs is in its attribute, see ``read_plan.h``. Its only source is one ``range``, which ``tf.data`` service
can share out among workers, and every step knows how many elements it gives.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from binfeed.numbers import MAX_SIZE
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
#: A smaller tensor would become a constant of each graph, and no graph would know the others' counts.
COUNTER_BYTES = 256
#: Batches of a dataset without end.
ENDLESS_BATCHES = 2**62


class GraphDataset(tf.data.Dataset):  # type: ignore[misc]
    """Batches by number. What is skipped is not read."""

    def __init__(self, batches: Batches, numbers: range, *, is_endless: bool = False) -> None:
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
        """As in :class:`tf.data.Dataset`, without reading the batches."""
        number = _known(count)
        if number is None:
            return super().skip(count, name=name)
        return self._only(self._numbers[number:]) if number >= 0 else self.take(0)

    def take(self, count: Any, name: str | None = None) -> tf.data.Dataset:
        """As in :class:`tf.data.Dataset`, without reading those behind."""
        number = _known(count)
        if number is None:
            return super().take(count, name=name)
        return GraphDataset(self._batches, self._numbers[:number]) if number >= 0 else self

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> tf.data.Dataset:
        """As in :class:`tf.data.Dataset`: every ``num_shards``-th batch, without reading the others."""
        shards, number = _known(num_shards), _known(index)
        if shards is None or number is None or not 0 <= number < shards:
            return super().shard(num_shards, index, name=name)
        return self._only(self._numbers[number::shards])

    def _only(self, numbers: range) -> GraphDataset:
        return GraphDataset(self._batches, numbers, is_endless=self._is_endless)


class Batches:
    """From numbers to batches: one op per reader of records.

    Small batches are read in chunks: to hand an element from one thread to another takes tens of microseconds, to cut
    one out of a chunk takes a few. If it ``reshuffles``, every iteration goes on with the epochs after those of the one
    before.
    """

    def __init__(
        self,
        reader: Reader,
        schedule: Schedule,
        elements: Elements,
        num_parallel_calls: int,
        prefetch: int,
        *,
        reshuffles: bool,
    ) -> None:
        self._ops = load_ops()
        readers = reader.record_readers()
        self._plans = [_plan_of(part, schedule) for part in readers]
        self._types = [[tensor_spec(output, ()).dtype for output in part.outputs] for part in readers]
        self._elements = elements
        self._num_parallel_calls = num_parallel_calls
        self._static_batch_size = schedule.static_batch_size
        self._epochs = ENDLESS_EPOCHS if schedule.epochs is None else schedule.epochs
        first, another = (schedule.epoch(schedule.first_epoch + i).batches for i in range(2))
        self._chunk_size = _chunk_size(elements, schedule.batch_size, another)
        self._prefetch = -(-prefetch // self._chunk_size) if prefetch > 0 else prefetch
        self._per_epoch = another
        self._missing_in_first = another - first  # where the order goes on in mid-epoch
        self._is_one_epoch = schedule.batches == first
        self._is_shuffled = schedule.order.shuffle is not None
        self._seed = _as_int64(schedule.order.seed)
        self._counter = self._new_counter() if reshuffles else None

    def of(self, numbers: range) -> tf.data.Dataset:
        """The batches of these numbers."""
        grid = self._grid(numbers)
        return self._one_by_one(numbers) if grid is None else self._in_chunks(numbers, grid)

    def _grid(self, numbers: range) -> ChunkGrid | None:
        """How they come in chunks, if they do."""
        count = len(numbers)
        if self._chunk_size == 1 or count <= 1:
            return None
        if self._static_batch_size is not None:
            return ChunkGrid(self._chunk_size, count, 0, count + 1)
        if self._is_one_epoch:
            return ChunkGrid(self._chunk_size, count, 0, count)
        if numbers.step == 1:
            return ChunkGrid(self._chunk_size, count, self._missing_in_first + numbers.start, self._per_epoch)
        return None

    def _one_by_one(self, numbers: range) -> tf.data.Dataset:
        def read(i: tf.Tensor, *epochs: tf.Tensor) -> Any:
            arrays = self._read(numbers.start + i * numbers.step, *epochs)
            shaped = [tf.ensure_shape(array, spec.shape) for array, spec in zip(arrays, self._specs(), strict=True)]
            return self._elements.arrange(shaped)

        return self._mapped(len(numbers), read)

    def _in_chunks(self, numbers: range, grid: ChunkGrid) -> tf.data.Dataset:
        def read(i: tf.Tensor, *epochs: tf.Tensor) -> Any:
            arrays = self._read(numbers.start + grid.members(i) * numbers.step, *epochs)
            for array, spec in zip(arrays, self._specs(grid.size), strict=True):
                # A chunk may have fewer batches than that, by which tf.data counts; take() puts it right.
                array.set_shape(spec.shape)
            return self._elements.arrange(arrays)

        return self._mapped(grid.chunks, read).unbatch().take(len(numbers))

    def _mapped(self, count: int, read: Any) -> tf.data.Dataset:
        """What ``read`` gives for 0 to ``count`` - 1; for a shuffle, it is given the passed epochs and the seed too."""
        as_it_is = tf.autograph.experimental.do_not_convert
        numbers = tf.data.Dataset.range(count)
        if self._is_shuffled:
            start = (tf.constant(-1, tf.int64), tf.constant(self._seed, tf.int64))
            numbers = numbers.scan(start, as_it_is(self._in_iteration))
        dataset = numbers.map(as_it_is(read), num_parallel_calls=self._num_parallel_calls, deterministic=True)
        return dataset.prefetch(self._prefetch) if self._prefetch != 0 else dataset

    def _in_iteration(self, state: tuple[tf.Tensor, tf.Tensor], i: tf.Tensor) -> Any:
        """The state is the number of the iteration, -1 before it begins, and the seed: so checkpoints have both."""
        known, seed = state
        iteration = tf.zeros_like(known)
        if self._counter is not None:
            iteration = tf.ensure_shape(self._ops.binfeed_count(counter=self._counter, known=known), ())
        # More epochs than there are, which the op refuses, rather than a product that wraps.
        too_many = tf.constant(MAX_SIZE + 1, tf.int64)
        passed_epochs = tf.where(iteration > MAX_SIZE // self._epochs, too_many, iteration * self._epochs)
        return (iteration, seed), (i, passed_epochs, seed)

    def _new_counter(self) -> tf.Tensor:
        with tf.init_scope(), tf.device("CPU"):
            counter = tf.constant(np.zeros(COUNTER_BYTES, np.uint8))
            self._ops.binfeed_add_counter(counter=counter)
        return counter

    def _read(
        self, numbers: tf.Tensor, passed_epochs: tf.Tensor | int = 0, seed: tf.Tensor | int = 0
    ) -> list[tf.Tensor]:
        arrays: list[tf.Tensor] = []
        for plan, types in zip(self._plans, self._types, strict=True):
            arrays += self._ops.binfeed_read(
                numbers=numbers, passed_epochs=passed_epochs, seed=seed, plan=plan, output_types=types
            )
        return arrays

    def _specs(self, *leading: int) -> Sequence[tf.TensorSpec]:
        """Of the arrays of a batch, behind ``leading`` axes."""
        return [tensor_spec(output, (*leading, self._static_batch_size)) for output in self._elements.outputs]


@dataclass(frozen=True)
class ChunkGrid:
    """Batches 0 to ``count`` - 1 in chunks of up to ``size``, where the last batch of each epoch is a chunk of its own.

    Attributes:
        size: batches per chunk, at most.
        count: of batches.
        first: the place of batch 0 in its epoch, or in the epochs before it as well.
        period: batches per epoch.
    """

    size: int
    count: int
    first: int
    period: int

    @property
    def chunks(self) -> int:
        """How many there are."""
        return self._chunk_of(self.first + self.count - 1) - self._chunk_of(self.first) + 1

    def members(self, i: tf.Tensor) -> tf.Tensor:
        """The batches of chunk ``i``."""
        chunk = self._chunk_of(self.first) + i
        begin = tf.maximum(self._begin(chunk), self.first)
        end = tf.minimum(self._begin(chunk + 1), self.first + self.count)
        return tf.range(begin, end) - self.first

    def _begin(self, chunk: tf.Tensor) -> tf.Tensor:
        in_epoch = tf.minimum(chunk % self._per_epoch * self.size, self.period - 1)
        return chunk // self._per_epoch * self.period + in_epoch

    @property
    def _per_epoch(self) -> int:
        return -(-(self.period - 1) // self.size) + 1

    def _chunk_of(self, place: int) -> int:
        epoch, number = divmod(place, self.period)
        is_last = number == self.period - 1
        return epoch * self._per_epoch + (self._per_epoch - 1 if is_last else number // self.size)


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

    If it ``reshuffles``, every iteration goes on with the epochs after those of the one before, in this process; in
    another one, and on ``tf.data`` service, every iteration is the first.

    Raises:
        ImportError: where the ops cannot be loaded.
        ValueError: for bytes in memory, which the op cannot read.
    """
    count = ENDLESS_BATCHES if schedule.batches is None else schedule.batches
    batches = Batches(reader, schedule, elements, num_parallel_calls, prefetch, reshuffles=reshuffles and count > 0)
    return GraphDataset(batches, range(count), is_endless=schedule.batches is None)


def can_read(reader: Reader) -> bool:
    """Whether all that ``reader`` reads is in files."""
    return all(isinstance(source, bytes) for part in reader.record_readers() for source in part.sources)


def _chunk_size(elements: Elements, batch_size: int, per_epoch: int) -> int:
    if any(math.prod(output.shape) == 0 for output in elements.outputs):
        return 1  # unbatch() ends the process at a tensor without elements
    return min(batches_within(CHUNK_BYTES, elements.outputs, batch_size), max(per_epoch // MIN_CHUNKS, 1))


def _as_int64(seed: int) -> int:
    """The same 64 bits as a signed number, which tensors are of."""
    return seed - 2**64 if seed >= 2**63 else seed


def _known(number: Any) -> int | None:
    """The value of a number that may be a tensor; None for one that is known only when a graph runs."""
    value = tf.get_static_value(number)
    return None if value is None else operator.index(value)


def _plan_of(reader: RecordReader, schedule: Schedule) -> bytes:
    if not can_read(reader):
        raise ValueError("engine='graph' reads files, not bytes in memory: use engine='generator'")
    # The op is given the seed, so that datasets that differ in nothing else share a reader.
    seedless = dataclasses.replace(schedule, order=dataclasses.replace(schedule.order, seed=0))
    files = reader.core.files()
    return plan_bytes(reader.layout, reader.outputs, window=reader.window, files=files, schedule=seedless.spec)
