"""``FixedLengthRecordDataset``, batched before ``decode_raw``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.in_tensorflow import batch_of_strings, side_by_side
from binfeed.bench.peers._tensorflow import endless, shuffled, strings_of
from binfeed.bench.workload import Workload

title = "FixedLengthRecordDataset, batch, decode_raw"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()
    records = side_by_side([strings_of(source, threads) for source in workload.sources])

    def decode(*strings: Any) -> tuple[tf.Tensor, ...]:
        parts = zip(workload.sources, strings, strict=True)
        return tuple(tensor for source, batch in parts for tensor in batch_of_strings(source, batch))

    batched = shuffled(records, workload).batch(workload.batch_size)
    return endless([batched.map(decode, num_parallel_calls=threads)])
