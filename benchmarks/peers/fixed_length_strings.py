"""FixedLengthRecordDataset, batched before decode_raw (and bitcast)."""

from __future__ import annotations

import tensorflow as tf

from benchmarks.workload import Workload

title = "FixedLengthRecordDataset + decode_raw"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    return (
        tf.data.FixedLengthRecordDataset(
            workload.files, workload.record.itemsize, buffer_size=1 << 20, num_parallel_reads=threads
        )
        .batch(workload.batch_size)
        .map(workload.from_strings, num_parallel_calls=threads)
        .repeat()
        .prefetch(2)
    )
