"""Datasets of tables: a ``from_generator`` lane for each partition, under a parallel interleave.

An element of a lane is a block of rows, since ``from_generator`` costs a fixed time per element. The graph cuts the
blocks of all lanes into batches.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from binfeed.numbers import MAX_SIZE, non_negative, whole
from binfeed.tables.passes import Pass
from binfeed.tables.stream import Epoch
from binfeed.tensorflow.elements import elements_of
from binfeed.tensorflow.generator import iteration_number

#: Iterations that may be at the beginning of an epoch at the same time.
_MAX_OPENED = 8


class _Epochs:
    """The epochs that the lanes of a dataset read, each opened by the lane that comes first."""

    def __init__(self, made: Pass) -> None:
        self._made = made
        self._lock = threading.Lock()
        self._opened: OrderedDict[tuple[int, int], Epoch] = OrderedDict()

    def get(self, iteration: int, epoch: int) -> Epoch:
        with self._lock:
            known = self._opened.get((iteration, epoch))
            if known is None:
                known = self._opened[iteration, epoch] = self._made.open(epoch)
            # An iteration that was given up never reads the lanes that it opened.
            while len(self._opened) > _MAX_OPENED:
                self._opened.popitem(last=False)[1].close()
            return known


def table_dataset(made: Pass, *, label: str | None, reshuffles: bool, prefetch: int) -> tf.data.Dataset:
    """Make the dataset of :meth:`binfeed.TableReader.to_tf_dataset`, which documents the arguments."""
    if whole("prefetch", prefetch) != tf.data.AUTOTUNE:
        prefetch = non_negative("prefetch", prefetch)
    elements = elements_of(made.decoder, label)
    opened = _Epochs(made)
    lanes = made.table.partitions
    span = MAX_SIZE if made.epochs is None else made.epochs

    def generate(iteration: int, epoch: int, turn: int) -> Iterator[Any]:
        # A pass over the same dataset goes on with the epochs that follow, as far as the shuffle is concerned.
        reading = opened.get(int(iteration), int(epoch))
        shuffled_as = int(epoch) + (int(iteration) * span if reshuffles else 0)
        order = made.lane_order(shuffled_as, reading.lanes)
        if turn < len(order):
            for arrays in made.read(reading, shuffled_as, order[turn]):
                yield elements.tensors(arrays[: len(elements.outputs)])

    def make_epoch(iteration: tf.Tensor, epoch: tf.Tensor) -> tf.data.Dataset:
        def make_lane(turn: tf.Tensor) -> tf.data.Dataset:
            return tf.data.Dataset.from_generator(
                generate, args=(iteration, epoch, turn), output_signature=elements.specs(None)
            )

        return tf.data.Dataset.range(lanes).interleave(
            make_lane, cycle_length=lanes, block_length=1, num_parallel_calls=lanes, deterministic=True
        )

    def make_epochs(iteration: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(made.first_epoch, span).flat_map(
            lambda epoch: make_epoch(iteration, epoch).rebatch(made.batch_size, made.drop_remainder)
        )

    dataset = iteration_number().flat_map(make_epochs)
    return dataset.prefetch(prefetch) if prefetch != 0 else dataset
