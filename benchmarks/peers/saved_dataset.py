"""``Dataset.save`` and ``Dataset.load``: batches where they come in sequence, else records."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from binfeed.bench.peers._tensorflow import endless, shuffled
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import count_of, decoded_head

title = "Dataset.load of a saved dataset"


def prepare(workload: Workload, folder: Path) -> int:
    workload.require_records()
    dataset = None
    for arrays in decoded_head(workload):
        part = tf.data.Dataset.from_tensor_slices(tuple(arrays))
        dataset = part if dataset is None else dataset.concatenate(part)
    assert dataset is not None
    dataset = dataset if workload.shuffled else dataset.batch(workload.batch_size)
    dataset.save(str(folder / "saved"))
    return count_of(workload)


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    dataset = tf.data.Dataset.load(str(folder / "saved"))
    if workload.shuffled:
        dataset = shuffled(dataset, workload).batch(workload.batch_size)
    return endless([dataset])
