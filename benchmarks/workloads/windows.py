"""Time series: windows of 64 ticks."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
from binfeed.bench.workload import Workload

from benchmarks.workloads._files import scaled
from benchmarks.workloads.ticks import tick_files


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="windows",
        title="Windows of 64 ticks, at every tick",
        sources=[tick_files(folder, 1, scaled(1_000_000, scale))],
        batch_size=256,
        window=bf.Window(64),
        note="binfeed decodes a tick once for all windows that it is in.",
    )
