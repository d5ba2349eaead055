"""Finding the files that the user names, and hints about files that are not records."""

from __future__ import annotations

import errno
import glob
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.errors import DataError, LayoutError, shortened, shown
from binfeed.layout import Layout

PathLike = str | os.PathLike[str]
Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

#: A path, or bytes in memory with a name for messages, as the core takes them.
Source = bytes | tuple[bytes, npt.NDArray[np.uint8]]

_DECOMPRESS = "decompress it first"
#: Formats that people take for records by mistake: how their files begin, and what to do about them.
_FORMATS = {
    "gzip": (rb"\x1f\x8b\x08", _DECOMPRESS),
    "bzip2": (rb"BZh[1-9]", _DECOMPRESS),
    "xz": (rb"\xfd7zXZ\x00", _DECOMPRESS),
    "zstd": (rb"\x28\xb5\x2f\xfd", _DECOMPRESS),
    "lz4": (rb"\x04\x22\x4d\x18", _DECOMPRESS),
    "zip": (rb"PK\x03\x04", _DECOMPRESS),
    "NPY": (rb"\x93NUMPY", "open np.load(path, mmap_mode='r'), or say how many header_bytes it has"),
}
_MAGIC_BYTES = 8
_MAX_PATH_BYTES = 4096


def find_sources(files: PathLike | Buffer | Iterable[PathLike | Buffer], layout: Layout) -> list[Source]:
    """Return the sources that ``files`` stands for: a path, a glob, bytes in memory, or a list of these.

    The matches of a glob are sorted, and the order of a list is kept.

    Raises:
        TypeError: if ``files`` is none of these, or is an array of another dtype than the layout's.
        ValueError: if a list is empty, a path is not one of a local file, or bytes in memory are not contiguous.
        FileNotFoundError: naming the glob that matches nothing.
    """
    if _is_one(files):
        return _sources(files, 0, layout)
    if not isinstance(files, Iterable) or isinstance(files, Set | Mapping):  # a set has no order to keep
        raise TypeError(f"files must be a path, a glob, bytes in memory, or a list of them, not {shown(files)}")
    sources: list[Source] = []
    for file in files:
        if not _is_one(file):
            raise TypeError(f"files must be paths, globs or bytes in memory, not {shown(file)}")
        sources += _sources(file, len(sources), layout)
    if not sources:
        raise ValueError("files is an empty list")
    return sources


def _is_one(file: Any) -> bool:
    """Whether ``file`` stands for itself, rather than for a list.

    Raises:
        TypeError: if it is an open file or a tensor, which can be iterated but not read.
    """
    if isinstance(file, str | os.PathLike | bytes | bytearray | memoryview | np.ndarray):
        return True
    if hasattr(file, "read"):
        raise TypeError(f"files must not be open, as {shown(file)} is: give its path, or its bytes with .read()")
    if hasattr(file, "numpy"):
        raise TypeError(f"files must not be tensors, as {shown(file)} is: give paths as strings, bytes as .numpy()")
    return False


def _sources(file: Any, number: int, layout: Layout) -> list[Source]:
    return _paths(file) if isinstance(file, str | os.PathLike) else [_memory(file, number, layout)]


def _paths(name: PathLike) -> list[Source]:
    path = os.fsdecode(name)
    if not path:
        raise ValueError("a path must have at least one character")
    if re.match(r"\w+://", path):
        local = "leave out 'file://'" if path.startswith("file://") else "copy it, or mount where it is"
        raise ValueError(f"{shown(path)} is a URL, but files must be local: {local}")
    if not glob.has_magic(path) or Path(path).exists():
        return [_absolute(path)]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise FileNotFoundError(errno.ENOENT, "no file matches the pattern", path)
    return [_absolute(match) for match in found]


def _absolute(path: str) -> bytes:
    """Make a path absolute, since the working directory may be another one when the file is read."""
    if "\0" in path:
        raise ValueError(f"a path must not have a NUL byte in it: {shown(path)}")
    # Not normalised: only the system knows where ".." leads after a symbolic link.
    return os.fsencode(path if os.path.isabs(path) else os.path.join(os.getcwd(), path))  # noqa: PTH109, PTH117, PTH118


def _memory(data: Buffer, number: int, layout: Layout) -> Source:
    array = np.asarray(data) if isinstance(data, np.ndarray | memoryview) else np.frombuffer(data, np.uint8)
    has_frame = layout.header_bytes + layout.footer_bytes > 0
    if array.dtype.itemsize != 1 and (has_frame or not _are_records(array, layout)):
        raise TypeError(
            f"an array of {shortened(str(array.dtype), 80)} with the shape {shown(array.shape)} does not consist of "
            f"the layout's records; {_array_remedy(data, layout)}"
        )
    if not array.flags.c_contiguous:
        raise ValueError("bytes in memory must be contiguous; copy them first (np.ascontiguousarray)")
    return f"<memory {number}>".encode(), array.reshape(-1).view(np.uint8)


def _array_remedy(data: Buffer, layout: Layout) -> str:
    array = np.asarray(data)
    if array.dtype.kind in "OU":
        return "give names of files as a list"
    if _are_records(array, layout):
        return "its dtype fits, but the layout of an array must not have header_bytes or footer_bytes"
    view = ".cast('B')" if isinstance(data, memoryview) else ".view(np.uint8)"
    return f"with {view} it is read as bytes"


def _are_records(array: npt.NDArray[Any], layout: Layout) -> bool:
    """Whether the elements of an array, or the arrays along its last axes, are records of the layout."""
    for axis in range(array.ndim + 1):
        shape = array.shape[axis:]
        try:
            frame = {"header_bytes": layout.header_bytes, "footer_bytes": layout.footer_bytes}
            if Layout((array.dtype, shape), **frame) == layout:
                return True
        except LayoutError:  # there is no such record
            continue
    return False


@contextmanager
def explained(sources: Sequence[Source]) -> Iterator[None]:
    """Return a context in which errors of the core also say what a file may be instead of records."""
    try:
        yield
    except IsADirectoryError as error:
        pattern = os.path.join(error.filename, "*")  # noqa: PTH118  (a pattern is not a path)
        words = f"it is a directory; for the files in it give {pattern!r}"
        raise IsADirectoryError(error.errno, words, error.filename) from None
    except DataError as error:
        source = next(source for source in sources if os.fsdecode(source_name(source)) == error.file)
        hint = _format_hint(source) or _path_hint(source)
        if not hint:
            raise
        raise DataError(f"{error}; {hint}", error.file, error.offset) from None


def warn_of_format(source: Source, stacklevel: int) -> None:
    """Warn if a source looks like something else, although it is a whole number of records."""
    hint = _format_hint(source) or _path_hint(source)
    if hint:
        name = os.fsdecode(source_name(source))
        warnings.warn(f"{name!r} is read as records, but {hint}", UserWarning, stacklevel + 1)


def source_name(source: Source) -> bytes:
    """Return the path of a file, or the name of bytes in memory, as messages show it."""
    return source if isinstance(source, bytes) else source[0]


def _format_hint(source: Source) -> str:
    if isinstance(source, bytes):
        with Path(os.fsdecode(source)).open("rb", buffering=0) as file:
            head = file.read(_MAGIC_BYTES)
    else:
        head = source[1][:_MAGIC_BYTES].tobytes()
    for name, (magic, remedy) in _FORMATS.items():
        if re.match(magic, head):
            return f"it looks like {name}: {remedy}"
    return ""


def _path_hint(source: Source) -> str:
    """Return what to do if bytes in memory are the name of a file, else an empty string."""
    if isinstance(source, bytes) or not 0 < source[1].size <= _MAX_PATH_BYTES:
        return ""
    path = source[1].tobytes()
    is_path = os.path.exists(path)  # noqa: PTH110  (Path takes no bytes)
    return f"these bytes are the name of a file: give it as os.fsdecode({shown(path)})" if is_path else ""
