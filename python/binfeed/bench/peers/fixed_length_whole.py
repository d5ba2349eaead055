"""``FixedLengthRecordDataset`` with a whole batch as one record: the strongest form in TensorFlow alone.

Batches end with their file; what is left of it is a smaller batch of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.in_tensorflow import batch_of_whole
from binfeed.bench.peers._tensorflow import endless, interleaved
from binfeed.bench.workload import Source, Workload

title = "FixedLengthRecordDataset, a batch as one record"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_sequence()
    return endless([_batches_of(source, workload.batch_size, threads) for source in workload.sources])


def _batches_of(source: Source, batch_size: int, threads: int) -> tf.data.Dataset:
    layout = source.layout
    batch_bytes = batch_size * layout.record_bytes

    def read(file: tf.Tensor, count: tf.Tensor) -> Any:
        left = count % batch_size * layout.record_bytes
        full = count // batch_size * batch_bytes
        # Either may hold nothing.
        return tf.data.FixedLengthRecordDataset(
            file, batch_bytes, layout.header_bytes, layout.footer_bytes + left, buffer_size=batch_bytes
        ).concatenate(
            tf.data.FixedLengthRecordDataset(
                file, tf.maximum(left, 1), layout.header_bytes + full, layout.footer_bytes, buffer_size=batch_bytes
            )
        )

    strings = interleaved((list(source.files), tf.constant(source.counts(), tf.int64)), read, threads)
    return strings.map(lambda batch: batch_of_whole(source, batch), num_parallel_calls=threads)
