"""Copies the files, and reads the copies."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from binfeed.bench.peers import binfeed_batches
from binfeed.bench.workload import Workload

title = "converts"


def prepare(workload: Workload, folder: Path) -> int:
    for file in workload.sources[0].files:
        shutil.copy(file, folder)
    return workload.records()


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    files = sorted(str(path) for path in folder.iterdir())
    source = dataclasses.replace(workload.sources[0], files=files)
    return binfeed_batches.batches(dataclasses.replace(workload, sources=[source]), threads, folder)
