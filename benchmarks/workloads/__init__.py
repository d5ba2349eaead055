"""One workload per module: ``make(folder, scale)`` writes the files and says what to make of them."""

from __future__ import annotations

import importlib
from pathlib import Path

from binfeed.bench.workload import Workload

WORKLOADS = (
    "images",
    "idx",
    "ticks",
    "kmers",
    "bytes6",
    "floats135",
    "clicks",
    "click_columns",
    "wide",
    "rows",
    "windows",
    "shuffle",
    "small_files",
)


def make(name: str, folder: Path, scale: float) -> Workload:
    """The workload ``name``, with ``scale`` times its usual number of records."""
    workload: Workload = importlib.import_module(f"{__name__}.{name}").make(folder / name, scale)
    return workload
