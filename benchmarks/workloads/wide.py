"""Wide rows in random order."""

from __future__ import annotations

from pathlib import Path

from binfeed.bench.workload import Workload

from benchmarks.workloads._files import float_rows, scaled


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="wide",
        title="Rows of 10,000 float32 in random order, batches of 80 MB",
        sources=[float_rows(folder, 1, scaled(20_000, scale), 10_000)],
        batch_size=2048,
        shuffled=True,
        note="Every reader copies rows of 40 KB: memory bandwidth bounds them.",
    )
