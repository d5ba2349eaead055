"""Random rows of a large file."""

from __future__ import annotations

from pathlib import Path

from binfeed.bench.workload import Workload

from benchmarks.workloads._files import float_rows, scaled


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="rows",
        title="32,768 random rows of 1,024 bytes at a time, of one file",
        sources=[float_rows(folder, 1, scaled(1_000_000, scale), 256)],
        batch_size=32_768,
        shuffled=True,
        note="Rows from all over the file: memory's latency bounds the best.",
    )
