"""What the peers in TensorFlow share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from binfeed.bench.in_tensorflow import batch_of_strings, side_by_side, signature
from binfeed.bench.peers._shuffle import SHUFFLE_BUFFER
from binfeed.bench.workload import Workload


def interleaved(files: Any, read: Callable[..., tf.data.Dataset], threads: int) -> tf.data.Dataset:
    """The elements of all files, ``threads`` of them read at a time."""
    dataset = tf.data.Dataset.from_tensor_slices(files)
    return dataset.interleave(read, cycle_length=threads, num_parallel_calls=threads)


def from_generators(
    workload: Workload, generate: Callable[[int], Iterable[Any]], lanes: int, threads: int
) -> tf.data.Dataset:
    """Batches of ``generate(0)``, ``generate(1)``, ..., side by side."""
    specs = signature(workload)

    def of_lane(lane: Any) -> Iterator[Any]:
        for arrays in generate(int(lane)):
            yield tuple(arrays)

    def read(lane: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_generator(of_lane, args=(lane,), output_signature=specs)

    return tf.data.Dataset.range(lanes).interleave(read, cycle_length=threads, num_parallel_calls=threads)


def shuffled(records: tf.data.Dataset, workload: Workload) -> tf.data.Dataset:
    """Through a shuffle buffer, if the workload shuffles."""
    return records.shuffle(SHUFFLE_BUFFER) if workload.shuffled else records


def endless(datasets: list[tf.data.Dataset]) -> tf.data.Dataset:
    """One dataset per source, side by side, without end and two batches ahead."""
    return side_by_side(datasets).repeat().prefetch(2)


def joined_strings(workload: Workload, threads: int) -> tf.data.Dataset:
    """The records of all files, a string of each source side by side."""
    return side_by_side(
        [
            tf.data.FixedLengthRecordDataset(
                list(source.files),
                source.layout.record_bytes,
                source.layout.header_bytes,
                source.layout.footer_bytes,
                buffer_size=1 << 20,
                num_parallel_reads=threads,
            )
            for source in workload.sources
        ]
    )


def decoded(workload: Workload, strings: Sequence[tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """The outputs for a vector of strings of each source."""
    parts = zip(workload.sources, strings, strict=True)
    return tuple(tensor for source, vector in parts for tensor in batch_of_strings(source, vector))
