"""np.memmap slices of a batch each in from_generator, a lane per thread: the strongest form in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from benchmarks.workload import Arrays, Workload

title = "np.memmap batches in from_generator"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    def generate(path: bytes) -> Iterator[Arrays]:
        records = np.memmap(path.decode(), workload.record, "r")
        for begin in range(0, len(records), workload.batch_size):
            yield workload.from_numpy(records[begin : begin + workload.batch_size])

    def read(file: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_generator(generate, args=(file,), output_signature=workload.signature())

    return (
        tf.data.Dataset.from_tensor_slices(workload.files)
        .interleave(read, cycle_length=threads, num_parallel_calls=threads)
        .repeat()
        .prefetch(2)
    )
