"""Writing record files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
from binfeed.bench.workload import Column, Output, Source

Array = npt.NDArray[Any]


def scaled(count: int, scale: float, least: int = 400) -> int:
    """``count`` times ``scale``, but enough to check readers with."""
    return max(round(count * scale), least)


def write(path: Path, records: Array, header: bytes = b"") -> str:
    """One file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(header)
        np.ascontiguousarray(records).tofile(file)
    return str(path)


def write_files(folder: Path, count: int, records: Callable[[np.random.Generator], Array]) -> list[str]:
    """Files of records, each from a random generator of its own."""
    return [write(folder / f"{number:05}.bin", records(np.random.default_rng(number))) for number in range(count)]


def float_rows(folder: Path, files: int, count: int, width: int) -> Source:
    """Files of rows of float32, as they are."""
    paths = write_files(folder, files, lambda random: random.random((count, width), np.float32))
    return Source(paths, bf.Layout(f"({width})<f4"), (Output("row", "float32", (Column("value"),)),))


def random_bytes(random: np.random.Generator, count: int, record_bytes: int) -> Array:
    """Records of bytes."""
    return np.frombuffer(random.bytes(count * record_bytes), np.uint8)
