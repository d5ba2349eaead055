"""binfeed with its generator engine."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from binfeed.bench.peers._binfeed import open_reader
from binfeed.bench.workload import Workload

title = "binfeed, generator engine"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    return open_reader(workload).to_tf_dataset(
        workload.batch_size, shuffle=workload.shuffled, epochs=None, num_parallel_calls=threads, engine="generator"
    )
