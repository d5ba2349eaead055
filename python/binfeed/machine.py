"""What there is to run on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def status_bytes(name: str) -> int:
    """What Linux says of this process's memory: ``"RssAnon"``, ``"VmHWM"``...; 0 where it says nothing."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
