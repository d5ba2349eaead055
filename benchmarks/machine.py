"""What numbers were measured on."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
from binfeed.machine import processors

PACKAGES = (
    "grain",
    "array-record",
    "pyarrow",
    "webdataset",
    "litdata",
    "construct",
    "kaitaistruct",
)


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """What the numbers were measured on, with the versions of ``packages``."""
    return {
        "processor": _processor(),
        "threads": processors(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{package: _version(package) for package in ("tensorflow", *packages)},
        "binfeed": asdict(bf.build_info()),
        "malloc": {name: os.environ[name] for name in os.environ if name.startswith("MALLOC_")},
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None
