"""What parsers written for one format share: that of the ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from binfeed.bench.in_tensorflow import signature
from binfeed.bench.peers._tensorflow import endless, shuffled
from binfeed.bench.workload import NotApplicable, Workload

from benchmarks.workloads.ticks import PRICE_UNIT, RECORD


def tick_batches(workload: Workload, parse: Callable[[bytes], Iterable[Any]]) -> tf.data.Dataset:
    """Batches of what ``parse`` gives for the content of each file, one object per tick."""
    workload.require_records()
    if workload.sources[0].layout.record_bytes != RECORD.itemsize or len(workload.sources) > 1:
        raise NotApplicable("written for ticks alone")

    def generate() -> Iterator[Any]:
        for file in workload.sources[0].files:
            for tick in parse(Path(file).read_bytes()):
                yield ((tick.price * PRICE_UNIT, tick.size, tick.bid, tick.ask, tick.orders, tick.average),)

    specs = tuple(tf.TensorSpec(spec.shape[1:], spec.dtype) for spec in signature(workload))
    records = tf.data.Dataset.from_generator(generate, output_signature=specs)
    return endless([shuffled(records, workload).batch(workload.batch_size)])
