"""``np.fromfile``, a whole file at a time, in ``tf.py_function``; then ``unbatch`` and ``batch``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from binfeed.bench.in_numpy import batch_of, record_dtype
from binfeed.bench.in_tensorflow import signature
from binfeed.bench.peers._tensorflow import endless, shuffled
from binfeed.bench.workload import Workload

title = "np.fromfile in tf.py_function + unbatch"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()
    specs = signature(workload)
    counts = workload.sources[0].counts()

    def load(number: tf.Tensor) -> list[Any]:
        arrays: list[Any] = []
        for source in workload.sources:
            path = source.files[int(number)]
            dtype = record_dtype(source.layout)
            arrays += batch_of(source, np.fromfile(path, dtype, counts[int(number)], offset=source.layout.header_bytes))
        return arrays

    def read(number: tf.Tensor) -> Any:
        tensors = tf.py_function(load, [number], [spec.dtype for spec in specs])
        for tensor, spec in zip(tensors, specs, strict=True):
            tensor.set_shape(spec.shape)
        return tuple(tensors)

    records = tf.data.Dataset.range(len(counts)).map(read, num_parallel_calls=threads).unbatch()
    return endless([shuffled(records, workload).batch(workload.batch_size)])
