"""Rows of 135 floats."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import scaled, write_files

LAYOUT = bf.Layout("(135)<f4")


def make(folder: Path, scale: float) -> Workload:
    count = scaled(210_083, scale)
    files = write_files(folder, 10, lambda random: random.random((count, 135), np.float32))
    return Workload(
        name="floats135",
        title="135 x float32 as they are, ten files",
        sources=[Source(files, LAYOUT, (Output("row", "float32", (Column("value"),)),))],
        batch_size=512,
        note="Nothing is decoded: every reader copies, and memory bandwidth bounds the best of them.",
    )
