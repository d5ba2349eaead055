"""Ticks in random order."""

from __future__ import annotations

from pathlib import Path

from binfeed.bench.workload import Workload

from benchmarks.workloads._files import scaled
from benchmarks.workloads.ticks import tick_files


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="shuffle",
        title="Ticks in random order: exact where the reader can, else a buffer of 10,000",
        sources=[tick_files(folder, 1, scaled(4_000_000, scale))],
        batch_size=1024,
        shuffled=True,
        note="Each record is on a cache line of its own; who cannot read one by its number shuffles in a buffer.",
    )
