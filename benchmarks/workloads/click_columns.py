"""The same clicks as DLRM keeps them: a file for the labels, one for the numbers, one per category."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import scaled, write
from benchmarks.workloads.clicks import BATCH_SIZE, COUNT, OUTPUTS, RECORD, clicks


def make(folder: Path, scale: float) -> Workload:
    records = clicks(np.random.default_rng(0), scaled(COUNT, scale))
    sources = []
    for output in OUTPUTS:
        file = write(folder / output.name, records[output.name])
        outputs = (Output(output.name, output.dtype, (Column("value"),)),)
        sources.append(Source([file], bf.Layout(RECORD[output.name]), outputs))
    return Workload(
        name="click_columns",
        title="Clicks, a file per column: 28 files read side by side",
        sources=sources,
        batch_size=BATCH_SIZE,
        note="28 tensors per batch: to hand them over takes a loop in Python hundreds of microseconds.",
    )
