"""The first thing one writes: a generator that yields record by record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from benchmarks.workload import Workload

title = "from_generator, record by record"


def dataset(workload: Workload, threads: int) -> tf.data.Dataset:
    del threads  # a generator has one
    size = workload.record.itemsize

    def generate() -> Iterator[bytes]:
        for path in workload.files:
            with open(path, "rb") as file:  # noqa: PTH123
                while record := file.read(size):
                    yield record

    def decode(records: Any) -> Any:
        return workload.from_strings(records)

    return (
        tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.string))
        .batch(workload.batch_size)
        .map(decode)
        .repeat()
        .prefetch(2)
    )
