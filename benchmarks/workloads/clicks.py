"""Clicks as DLRM has them, a row after the other: a label, 13 halves, 26 categories of 1, 2 or 4 bytes."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import Array, scaled, write_files

CATEGORIES = [f"category{number}" for number in range(26)]
TYPES = dict(zip(CATEGORIES, ["u1"] * 10 + ["<u2"] * 6 + ["<i4"] * 10, strict=True))
RECORD = np.dtype([("label", "?"), ("numbers", "<f2", (13,)), *TYPES.items()])
OUTPUTS = (
    Output("label", "float32", (Column("label"),)),
    Output("numbers", "float32", (Column("numbers"),)),
    *(Output(name, "int32", (Column(name),)) for name in CATEGORIES),
)
COUNT = 2_000_000
BATCH_SIZE = 65_536


def clicks(random: np.random.Generator, count: int) -> Array:
    """Random clicks."""
    records = np.zeros(count, RECORD)
    records["label"] = random.random(count) < 0.03
    records["numbers"] = random.random((count, 13), np.float32)
    for name, type_ in TYPES.items():
        records[name] = random.integers(0, {"u1": 200, "<u2": 60_000, "<i4": 40_000_000}[type_], count)
    return records


def make(folder: Path, scale: float) -> Workload:
    count = scaled(COUNT, scale)
    return Workload(
        name="clicks",
        title="Clicks, rows of 89 bytes: a label, 13 float16, 26 categories, 28 outputs",
        sources=[Source(write_files(folder, 1, lambda random: clicks(random, count)), bf.Layout(RECORD), OUTPUTS)],
        batch_size=BATCH_SIZE,
        note="89 is odd: decode_raw must begin from bytes.",
    )
