"""Where an iterator is, as a dict that JSON keeps, and whether the files are still those it was made of."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from binfeed.errors import StateError
from binfeed.files import Source
from binfeed.order import EpochOrder

if TYPE_CHECKING:
    from binfeed.reader import RecordReader

State = dict[str, Any]

VERSION = 1
#: Files are told apart in so many groups, so that a state is small for any number of them.
_MAX_GROUPS = 48
#: Of each end of a file, what its digest is made of.
_END_BYTES = 4096
_DIGEST_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What a state must find again to go on.

    Attributes:
        layout, features, window: digests of what makes a sample.
        files: one digest of each group of successive files, made of their names, sizes, and first and last bytes.
        paths: the files themselves, to name one that has changed.
    """

    layout: str
    features: str
    window: str
    files: tuple[str, ...]
    paths: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The part of a state that says what it is of."""
        return {
            "layout": self.layout,
            "features": self.features,
            "window": self.window,
            "file_count": len(self.paths),
            "files": "".join(self.files),
        }

    def check(self, state: Mapping[str, Any]) -> None:
        """Raise StateError unless ``state`` is of the same samples."""
        for name in ("layout", "features", "window"):
            if state[name] != getattr(self, name):
                raise StateError(f"the state is of another {name} than the reader's: samples would not be the same")
        width = 2 * _DIGEST_BYTES
        then = [state["files"][at : at + width] for at in range(0, len(state["files"]), width)]
        if state["file_count"] != len(self.paths):
            number = next((i for i, (old, new) in enumerate(zip(then, self.files, strict=False)) if old != new), None)
            is_known = number is not None and max(state["file_count"], len(self.paths)) <= _MAX_GROUPS
            where = f"; the first that differs is {self.paths[number]!r}" if is_known and number is not None else ""
            raise StateError(f"the state is of {state['file_count']} files, but there are {len(self.paths)} now{where}")
        changed = [
            _named(self.paths[first:end])
            for (first, end), old, new in zip(_groups(len(self.paths)), then, self.files, strict=True)
            if old != new
        ]
        if changed:
            raise StateError(f"the state is of other files: {', '.join(changed)} changed since (name, size or content)")


def fingerprint(readers: Sequence[RecordReader]) -> Fingerprint:
    """Of the samples that the readers give side by side."""
    sources = [source for reader in readers for source in reader.sources]
    digests = [_file_digest(source) for source in sources]
    return Fingerprint(
        layout=_digest(repr([reader.layout.fields for reader in readers]).encode(), *map(_frame, readers)),
        features=_digest(*(_canonical(reader.features) for reader in readers)),
        window=_digest(repr([reader.window for reader in readers]).encode()),
        files=tuple(_digest(*digests[first:end]) for first, end in _groups(len(sources))),
        paths=tuple(os.fsdecode(_name(source)) for source in sources),
    )


def make_state(found: Fingerprint, order: EpochOrder, epoch: int, position: int) -> State:
    """The state of an iterator that goes on at ``position`` of ``epoch``."""
    return {
        "version": VERSION,
        **found.as_dict(),
        "order": str(order),
        "seed": order.seed,
        "epoch": epoch,
        "position": position,
    }


def check_state(state: object) -> State:
    """``state`` if it is one of this version.

    Raises:
        StateError: if it is not.
    """
    if not isinstance(state, Mapping) or "version" not in state:
        raise StateError(f"not a state of binfeed: {state!r}")
    if state["version"] != VERSION:
        raise StateError(f"the state has version {state['version']!r}, this binfeed reads version {VERSION}")
    texts = ("layout", "features", "window", "files", "order")
    numbers = ("file_count", "seed", "epoch", "position")
    for name in texts + numbers:
        value = state.get(name)
        is_right = isinstance(value, str) if name in texts else type(value) is int and value >= 0
        if not is_right:
            raise StateError(f"the state is damaged: {name} is {value!r}")
    return dict(state)


def _groups(files: int) -> list[tuple[int, int]]:
    count = min(files, _MAX_GROUPS)
    return [(files * group // count, files * (group + 1) // count) for group in range(count)]


def _named(paths: Sequence[str]) -> str:
    return repr(paths[0]) if len(paths) == 1 else f"one of the {len(paths)} files from {paths[0]!r} to {paths[-1]!r}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _frame(reader: RecordReader) -> bytes:
    layout = reader.layout
    return repr((layout.record_bytes, layout.header_bytes, layout.footer_bytes)).encode()


def _name(source: Source) -> bytes:
    return source if isinstance(source, bytes) else source[0]


def _file_digest(source: Source) -> bytes:
    """A file may have moved to another folder, so only the last part of its name counts."""
    name = Path(os.fsdecode(_name(source))).name
    if isinstance(source, bytes):
        with Path(os.fsdecode(source)).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_END_BYTES)
            file.seek(max(size - _END_BYTES, 0))
            tail = file.read(_END_BYTES)
    else:
        size = source[1].size
        head, tail = source[1][:_END_BYTES].tobytes(), source[1][-_END_BYTES:].tobytes()
    return _digest(os.fsencode(name), str(size).encode(), head, tail).encode()


def _canonical(value: Any) -> bytes:
    """Bytes that are equal for equal features, whatever their parameters are."""
    if isinstance(value, np.ndarray):
        return repr((value.shape, value.dtype.str)).encode() + value.tobytes()
    if dataclasses.is_dataclass(value):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return type(value).__name__.encode() + _canonical(fields)
    if isinstance(value, Mapping):
        return _canonical([list(pair) for pair in value.items()])
    if isinstance(value, list | tuple):
        return b"(" + b",".join(_canonical(item) for item in value) + b")"
    return repr(value).encode()
