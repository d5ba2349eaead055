"""``tf.io.read_file`` and ``decode_raw``, a whole file at a time, under an interleave; slices, batched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.in_tensorflow import batch_of_whole
from binfeed.bench.peers._tensorflow import endless, interleaved
from binfeed.bench.workload import Source, Workload

title = "tf.io.read_file + decode_raw + interleave"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_sequence("it would have to hold all files")
    return endless([_batches_of(source, workload.batch_size, threads) for source in workload.sources])


def _batches_of(source: Source, batch_size: int, threads: int) -> tf.data.Dataset:
    layout = source.layout

    def read(file: tf.Tensor) -> Any:
        content = tf.io.read_file(file)
        body = tf.strings.substr(
            content, layout.header_bytes, tf.strings.length(content) - layout.header_bytes - layout.footer_bytes
        )
        records = tf.data.Dataset.from_tensor_slices(batch_of_whole(source, body))
        return records.batch(batch_size)

    return interleaved(list(source.files), read, threads)
