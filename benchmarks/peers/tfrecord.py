"""TFRecord: an Example per record; batched before ``parse_example``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from binfeed.bench.in_tensorflow import signature
from binfeed.bench.peers._tensorflow import endless, shuffled
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import count_of, decoded_head, paths_in

title = "TFRecord, parse_example of a batch"


def prepare(workload: Workload, folder: Path) -> int:
    for number, arrays in enumerate(decoded_head(workload)):
        with tf.io.TFRecordWriter(str(folder / f"{number:05}.tfrecord")) as writer:
            for values in zip(*arrays, strict=True):
                features = {str(slot): _feature(value) for slot, value in enumerate(values)}
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return count_of(workload)


def _feature(value: Any) -> tf.train.Feature:
    values = np.ravel(value)
    if values.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()
    specs = signature(workload)
    features = {
        str(slot): tf.io.FixedLenFeature(spec.shape[1:], tf.float32 if spec.dtype.is_floating else tf.int64)
        for slot, spec in enumerate(specs)
    }

    def parse(batch: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parsed = tf.io.parse_example(batch, features)
        return tuple(tf.cast(parsed[str(slot)], spec.dtype) for slot, spec in enumerate(specs))

    records = tf.data.TFRecordDataset(paths_in(folder), num_parallel_reads=threads)
    batched = shuffled(records, workload).batch(workload.batch_size)
    return endless([batched.map(parse, num_parallel_calls=threads)])
