"""Many small files."""

from __future__ import annotations

from pathlib import Path

from binfeed.bench.workload import Workload

from benchmarks.workloads._files import scaled
from benchmarks.workloads.ticks import tick_files


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="small_files",
        title="10,000 files of 100 ticks",
        sources=[tick_files(folder, scaled(10_000, scale, least=20), 100)],
        batch_size=1024,
        note="Opening a file costs TensorFlow more than reading it; binfeed maps all files once.",
    )
