"""construct: a declared format, interpreted record by record."""

from __future__ import annotations

from pathlib import Path

import construct
import tensorflow as tf
from binfeed.bench.workload import Workload

from benchmarks.peers._ticks import tick_batches

title = "construct in from_generator, record by record"

TICK = construct.Struct(
    "time" / construct.Int64ul,
    "instrument" / construct.Int32ul,
    "action" / construct.Int8ul,
    "side" / construct.Int8ul,
    construct.Padding(2),
    "price" / construct.Int64sl,
    "size" / construct.Int32ul,
    "bid" / construct.Float32l,
    "ask" / construct.Float32l,
    "orders" / construct.Int32ul,
    "average" / construct.Float64l,
)


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    size = TICK.sizeof()
    parse = TICK.compile().parse
    return tick_batches(
        workload, lambda content: (parse(content[at : at + size]) for at in range(0, len(content), size))
    )
