"""No reader: what TensorFlow and a loop in Python take to hand over a batch that is there already."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from binfeed.bench.peers._binfeed import open_reader
from binfeed.bench.workload import Workload

title = "no reader: one ready batch again and again"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    read = open_reader(workload).to_tf_dataset(workload.batch_size, num_parallel_calls=threads)
    dataset = tf.data.Dataset.from_tensors(next(iter(read))).repeat()
    # With no thread between, which the defaults would put there.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)
