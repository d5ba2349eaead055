"""Ticks as an exchange sends them: 48 bytes of mixed dtypes, six fields to one float32 block, the price scaled."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import Array, scaled, write_files

RECORD = np.dtype(
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
PRICE_UNIT = 1e-9
BLOCK = Output(
    "block",
    "float32",
    (Column("price", multiply=PRICE_UNIT), *map(Column, ("size", "bid", "ask", "orders", "average"))),
)
FEATURES = BLOCK.feature()


def ticks(random: np.random.Generator, count: int) -> Array:
    """Records that look like a day of trading."""
    records = np.zeros(count, RECORD)
    records["time"] = 1_700_000_000_000_000_000 + np.cumsum(random.integers(0, 10**6, count))
    records["instrument"] = random.integers(0, 500, count)
    records["price"] = random.integers(10**9, 10**12, count)
    records["size"] = random.integers(1, 10**4, count)
    records["bid"] = random.random(count, np.float32) * 1000
    records["ask"] = records["bid"] + random.random(count, np.float32)
    records["orders"] = random.integers(1, 100, count)
    records["average"] = random.random(count) * 1000
    return records


def tick_files(folder: Path, files: int, count: int) -> Source:
    """Files of so many ticks each, to one block."""
    return Source(write_files(folder, files, lambda random: ticks(random, count)), bf.Layout(RECORD), (BLOCK,))


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="ticks",
        title="Ticks: 48-byte records of mixed dtypes, six fields to one float32 block",
        sources=[tick_files(folder, 8, scaled(500_000, scale))],
        batch_size=4096,
        note="To hand over a batch takes a loop in Python longer than decoding it: that bounds the best.",
    )
