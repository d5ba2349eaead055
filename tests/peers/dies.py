"""Takes its process with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from binfeed.bench.workload import Workload

title = "dies"


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    print("its last words", file=sys.stderr)
    os._exit(3)
