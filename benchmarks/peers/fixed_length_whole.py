"""FixedLengthRecordDataset with a whole batch as one record: the strongest form in TensorFlow alone.

Batches end with their file; what is left of it is a smaller batch of its own.
"""

from __future__ import annotations

import tensorflow as tf

from benchmarks.workload import Workload

title = "FixedLengthRecordDataset, batch as record"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    record_bytes = workload.record.itemsize
    full, left = divmod(workload.records_per_file, workload.batch_size)
    full_bytes = full * workload.batch_size * record_bytes

    def read(file: tf.Tensor) -> tf.data.Dataset:
        parts = []
        if full > 0:
            parts.append(
                tf.data.FixedLengthRecordDataset(
                    file,
                    workload.batch_size * record_bytes,
                    footer_bytes=left * record_bytes,
                    buffer_size=workload.batch_size * record_bytes,
                )
            )
        if left > 0:
            parts.append(tf.data.FixedLengthRecordDataset(file, left * record_bytes, header_bytes=full_bytes))
        return parts[0] if len(parts) == 1 else parts[0].concatenate(parts[1])

    return (
        tf.data.Dataset.from_tensor_slices(workload.files)
        .interleave(read, cycle_length=threads, num_parallel_calls=threads)
        .map(workload.from_whole, num_parallel_calls=threads)
        .repeat()
        .prefetch(2)
    )
