"""Rows of 135 floats."""

from __future__ import annotations

from pathlib import Path

from binfeed.bench.workload import Workload

from benchmarks.workloads._files import float_rows, scaled


def make(folder: Path, scale: float) -> Workload:
    return Workload(
        name="floats135",
        title="135 x float32 as they are, ten files",
        sources=[float_rows(folder, 10, scaled(210_083, scale), 135)],
        batch_size=512,
        note="Nothing is decoded, every reader copies: to hand over a batch bounds the best.",
    )
