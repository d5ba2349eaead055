"""Images as CIFAR-10 has them: a byte of label, 3072 of pixels, to float32 / 255 and an int32 label."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.workload import Arrays, Tensors, Workload


class Images(Workload):
    """3073-byte records, one dtype."""

    name = "images"
    title = "CIFAR-like images: 3073-byte records to float32 / 255 and a label"
    record = np.dtype([("label", "u1"), ("image", "u1", (3072,))])
    batch_size = 256
    features = {"image": bf.field("image").div(255), "label": bf.field("label").cast("int32")}  # noqa: RUF012

    def make_records(self, number: int, count: int) -> npt.NDArray[Any]:
        random = np.random.default_rng(number)
        return np.frombuffer(random.bytes(count * self.record.itemsize), self.record)

    def from_numpy(self, records: npt.NDArray[Any]) -> Arrays:
        return records["image"] / np.float32(255), records["label"].astype(np.int32)

    def from_strings(self, records: tf.Tensor) -> Tensors:
        return self._from_bytes(tf.io.decode_raw(records, tf.uint8))

    def from_whole(self, batch: tf.Tensor) -> Tensors:
        return self._from_bytes(tf.reshape(tf.io.decode_raw(batch, tf.uint8), (-1, self.record.itemsize)))

    def _from_bytes(self, values: tf.Tensor) -> Tensors:
        pixels = self.record["image"].shape[0]
        image = tf.reshape(tf.cast(values[:, 1:], tf.float32) / 255.0, (-1, pixels))
        return image, tf.cast(values[:, 0], tf.int32)
