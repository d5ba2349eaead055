"""``FixedLengthRecordDataset``, batched before ``decode_raw``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.peers._tensorflow import decoded, endless, joined_strings, shuffled
from binfeed.bench.workload import Workload

title = "FixedLengthRecordDataset, batch, decode_raw"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()
    records = joined_strings(workload, threads)

    def decode(*strings: Any) -> tuple[tf.Tensor, ...]:
        return decoded(workload, strings)

    batched = shuffled(records, workload).batch(workload.batch_size)
    return endless([batched.map(decode, num_parallel_calls=threads)])
