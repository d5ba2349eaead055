"""binfeed with its graph engine."""

from __future__ import annotations

import binfeed as bf
import tensorflow as tf

from benchmarks.workload import Workload

title = "binfeed, graph engine"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    label = "label" if isinstance(workload.features, dict) else None
    reader = bf.open(workload.files, workload.record, workload.features)
    return reader.to_tf_dataset(
        workload.batch_size, label=label, epochs=None, num_parallel_calls=threads, prefetch=2, engine="graph"
    )
