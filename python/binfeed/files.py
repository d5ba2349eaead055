"""From what the user names to the files themselves."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PathLike = str | os.PathLike[str]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

#: A path or bytes in memory, as the core takes them.
Source = bytes | tuple[bytes, npt.NDArray[np.uint8]]


def find_sources(files: PathLike | Buffer | Iterable[PathLike | Buffer]) -> list[Source]:
    """What ``files`` stands for: paths, globs (sorted), bytes in memory, or a list of them (in its order)."""
    if isinstance(files, str | os.PathLike):
        return _paths(files)
    if isinstance(files, bytes | bytearray | memoryview | np.ndarray):
        return [_memory(files, 0)]
    if not isinstance(files, Iterable):
        raise TypeError(f"files must be a path, a glob, bytes in memory, or a list of them, not {files!r}")
    sources: list[Source] = []
    for file in files:
        if isinstance(file, str | os.PathLike):
            sources += _paths(file)
        elif isinstance(file, bytes | bytearray | memoryview | np.ndarray):
            sources.append(_memory(file, len(sources)))
        else:
            raise TypeError(f"files must be paths, globs or bytes in memory, not {file!r}")
    if not sources:
        raise ValueError("files is an empty list")
    return sources


def _paths(name: PathLike) -> list[Source]:
    path = os.fspath(name)
    if not glob.has_magic(path) or Path(path).exists():
        return [_absolute(path)]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "no file matches the pattern", path)
    return [_absolute(match) for match in found]


def _absolute(path: str) -> bytes:
    """As it is now: the working directory may be another one when the file is read."""
    if "\0" in path:
        raise ValueError(f"a path has a NUL byte in it: {path!r}")
    return os.fsencode(os.path.abspath(path))  # noqa: PTH100  (links stay as they are)


def _memory(data: Buffer, number: int) -> Source:
    array = np.asarray(data) if isinstance(data, np.ndarray | memoryview) else np.frombuffer(data, np.uint8)
    if not array.flags.c_contiguous:
        raise ValueError("bytes in memory must be contiguous; copy them first (np.ascontiguousarray)")
    return f"<memory {number}>".encode(), array.reshape(-1).view(np.uint8)
