"""The memory and the processors of this process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def status_bytes(name: str) -> int:
    """Return a size that Linux reports of the memory of this process, such as ``"VmHWM"``; 0 on other systems."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
