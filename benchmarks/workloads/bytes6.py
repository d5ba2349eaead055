"""Rows of six bytes."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import random_bytes, scaled, write_files

LAYOUT = bf.Layout("(6)u1")


def make(folder: Path, scale: float) -> Workload:
    count = scaled(7_680_000, scale)
    files = write_files(folder, 1, lambda random: random_bytes(random, count, 6))
    return Workload(
        name="bytes6",
        title="6 x uint8 to float32, one file",
        sources=[Source(files, LAYOUT, (Output("row", "float32", (Column("value"),)),))],
        batch_size=512,
        note="A batch has 3 KB: what is measured is the cost of a batch, not of decoding.",
    )
