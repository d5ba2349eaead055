"""``FixedLengthRecordDataset``, decoded record by record, then batched: as most tutorials have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.peers._tensorflow import decoded, endless, joined_strings, shuffled
from binfeed.bench.workload import Workload

title = "FixedLengthRecordDataset, decode_raw per record"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()

    def decode(*strings: Any) -> tuple[tf.Tensor, ...]:
        return tuple(tensor[0] for tensor in decoded(workload, [record[tf.newaxis] for record in strings]))

    records = joined_strings(workload, threads).map(decode, num_parallel_calls=threads)
    return endless([shuffled(records, workload).batch(workload.batch_size)])
