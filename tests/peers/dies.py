"""Takes its process with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from binfeed.bench.workload import Workload

title = "dies"


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    os._exit(3)
