"""A whole file at a time through tf.py_function, then unbatch() and batch()."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.workload import Arrays, Tensors, Workload

title = "tf.py_function + unbatch"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    signature = workload.signature()

    def load(path: tf.Tensor) -> Arrays:
        return workload.from_numpy(np.fromfile(path.numpy(), workload.record))

    def read(path: tf.Tensor) -> Tensors:
        tensors = tf.py_function(load, [path], [spec.dtype for spec in signature])
        for tensor, spec in zip(tensors, signature, strict=True):
            tensor.set_shape(spec.shape)
        return tuple(tensors)

    return (
        tf.data.Dataset.from_tensor_slices(workload.files)
        .map(read, num_parallel_calls=threads)
        .unbatch()
        .batch(workload.batch_size)
        .repeat()
        .prefetch(2)
    )
