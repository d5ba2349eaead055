"""Random rows of a large file."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import scaled, write_files

LAYOUT = bf.Layout("(256)<f4")


def make(folder: Path, scale: float) -> Workload:
    count = scaled(1_000_000, scale)
    return Workload(
        name="rows",
        title="32,768 random rows of 1,024 bytes at a time, of one file",
        sources=[
            Source(
                write_files(folder, 1, lambda random: random.random((count, 256), np.float32)),
                LAYOUT,
                (Output("row", "float32", (Column("value"),)),),
            )
        ],
        batch_size=32_768,
        shuffled=True,
    )
