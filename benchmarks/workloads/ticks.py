"""Ticks as an exchange sends them: 48 bytes of mixed dtypes, six fields to one float32 block, the price scaled."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.workload import Arrays, Tensors, Workload

PRICE_UNIT = 1e-9


class Ticks(Workload):
    """48-byte records, eight dtypes."""

    name = "ticks"
    title = "Ticks: 48-byte records of mixed dtypes, six fields to one float32 block"
    record = np.dtype(
        [
            ("time", "<u8"),
            ("instrument", "<u4"),
            ("action", "u1"),
            ("side", "u1"),
            ("padding", "V2"),
            ("price", "<i8"),
            ("size", "<u4"),
            ("bid", "<f4"),
            ("ask", "<f4"),
            ("orders", "<u4"),
            ("average", "<f8"),
        ]
    )
    batch_size = 4096
    features = bf.concat(bf.field("price").scale(PRICE_UNIT), "size", "bid", "ask", "orders", "average")

    def make_records(self, number: int, count: int) -> npt.NDArray[Any]:
        random = np.random.default_rng(number)
        records = np.zeros(count, self.record)
        records["time"] = 1_700_000_000_000_000_000 + np.cumsum(random.integers(0, 10**6, count))
        records["instrument"] = random.integers(0, 500, count)
        records["price"] = random.integers(10**9, 10**12, count)
        records["size"] = random.integers(1, 10**4, count)
        records["bid"] = random.random(count, np.float32) * 1000
        records["ask"] = records["bid"] + random.random(count, np.float32)
        records["orders"] = random.integers(1, 100, count)
        records["average"] = random.random(count) * 1000
        return records

    def from_numpy(self, records: npt.NDArray[Any]) -> Arrays:
        block = np.empty((len(records), 6), np.float32)
        block[:, 0] = records["price"] * PRICE_UNIT
        for column, name in enumerate(("size", "bid", "ask", "orders", "average"), start=1):
            block[:, column] = records[name]
        return (block,)

    def from_strings(self, records: tf.Tensor) -> Tensors:
        values = tf.io.decode_raw(records, tf.uint8)

        def column(name: str, dtype: tf.DType) -> tf.Tensor:
            offset = self.record.fields[name][1]
            return tf.bitcast(values[:, offset : offset + dtype.size], dtype)

        return self._block(column)

    def from_whole(self, batch: tf.Tensor) -> Tensors:
        tables = {
            dtype: tf.reshape(tf.io.decode_raw(batch, dtype), (-1, self.record.itemsize // dtype.size))
            for dtype in (tf.int64, tf.int32, tf.float32, tf.float64)
        }
        tables[tf.uint32] = tf.bitcast(tables[tf.int32], tf.uint32)  # which decode_raw does not give

        def column(name: str, dtype: tf.DType) -> tf.Tensor:
            return tables[dtype][:, self.record.fields[name][1] // dtype.size]

        return self._block(column)

    def _block(self, column: Any) -> Tensors:
        columns = [
            tf.cast(tf.cast(column("price", tf.int64), tf.float64) * PRICE_UNIT, tf.float32),
            tf.cast(column("size", tf.uint32), tf.float32),
            column("bid", tf.float32),
            column("ask", tf.float32),
            tf.cast(column("orders", tf.uint32), tf.float32),
            tf.cast(column("average", tf.float64), tf.float32),
        ]
        return (tf.stack(columns, axis=1),)
