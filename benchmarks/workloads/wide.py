"""Wide rows in random order."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import scaled, write_files

LAYOUT = bf.Layout("(10000)<f4")


def make(folder: Path, scale: float) -> Workload:
    count = scaled(20_000, scale)
    return Workload(
        name="wide",
        title="Rows of 10,000 float32 in random order, batches of 80 MB",
        sources=[
            Source(
                write_files(folder, 1, lambda random: random.random((count, 10_000), np.float32)),
                LAYOUT,
                (Output("row", "float32", (Column("value"),)),),
            )
        ],
        batch_size=2048,
        shuffled=True,
        note="Every reader copies rows of 40 KB: memory bandwidth bounds them.",
    )
