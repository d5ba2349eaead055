"""Where an iterator is, as a dict that JSON keeps, and whether the files are still those it was made of."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from binfeed._core import FileSpec
from binfeed.errors import StateError, shortened, shown
from binfeed.features import Feature
from binfeed.files import Source, source_name
from binfeed.layout import Layout
from binfeed.order import MAX_SEED, EpochOrder
from binfeed.window import Window

State = dict[str, Any]

VERSION = 2
#: What a state holds. Numbers are from 0 to ``MAX_SEED``, the largest of them.
_FIELDS: dict[str, type] = {
    "version": int,
    "layout": str,
    "features": str,
    "window": str,
    "file_count": int,
    "files": str,
    "order": str,
    "seed": int,
    "epoch": int,
    "position": int,
    "checksum": str,
}
#: Files are told apart in so many groups, so that a state is small for any number of them.
_MAX_GROUPS = 32
_DIGEST_BYTES = 8
#: A file is known by some of its pages: the first, the last and others between them, at equal distances.
_PAGE_BYTES = 4096
_MAX_PAGES_PER_FILE = 16
#: Pages of all files together, unless these are more than half as many.
_MAX_PAGES = 1024


@dataclasses.dataclass(frozen=True)
class Identity:
    """What the samples of files are known by.

    Attributes:
        layout, features, window: what makes a sample.
        sources: where the files are.
        files: the files as they were opened.
    """

    layout: Layout
    features: Mapping[str, Feature] | Feature
    window: Window | None
    sources: Sequence[Source]
    files: Sequence[FileSpec]


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What a state must find again to go on.

    Attributes:
        layout, features, window: digests of what makes a sample.
        files: one digest of each group of successive files, made of their names, sizes and some of their pages.
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

    def check(self, state: State) -> None:
        """Raise StateError unless ``state``, which has been checked itself, is of the same samples."""
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
            others = f" and {len(changed) - 2} more" if len(changed) > 2 else ""
            named = f"{', '.join(changed[:2])}{others}"
            raise StateError(f"the state is of other files: {named} changed since (name, size or content)")


def fingerprint(identities: Sequence[Identity]) -> Fingerprint:
    """The fingerprint of samples that stand side by side, and of their files as they were opened.

    Raises:
        DataError: if a file was replaced or written to since then.
        OSError: if a file no longer exists.
    """
    sources = [source for identity in identities for source in identity.sources]
    pages = min(max(_MAX_PAGES // len(sources), 2), _MAX_PAGES_PER_FILE)
    digests = [_file_digest(source, pages) for source in sources]
    # Checked after their pages were read: so they are those of the file that was opened.
    for source, file in zip(sources, (file for identity in identities for file in identity.files), strict=True):
        if isinstance(source, bytes):
            file.check()
    return Fingerprint(
        layout=_digest(*(_canonical(_layout_key(identity.layout)) for identity in identities)),
        features=_digest(*(_canonical(identity.features) for identity in identities)),
        window=_digest(*(_canonical(identity.window) for identity in identities)),
        files=tuple(_digest(*digests[first:end]) for first, end in _groups(len(sources))),
        paths=tuple(os.fsdecode(source_name(source)) for source in sources),
    )


def make_state(found: Fingerprint, order: EpochOrder, epoch: int, position: int) -> State:
    """The state of an iterator that goes on at ``position`` of ``epoch``."""
    state = {
        "version": VERSION,
        **found.as_dict(),
        "order": str(order),
        "seed": order.seed,
        "epoch": epoch,
        "position": position,
    }
    return {**state, "checksum": _checksum(state)}


def check_state(state: object) -> State:
    """``state`` if it is one of this version, as it was made.

    Raises:
        StateError: if it is not.
    """
    if not isinstance(state, Mapping) or "version" not in state:
        raise StateError(f"not a state of binfeed: {shown(state)}")
    if type(state["version"]) is not int or state["version"] != VERSION:
        version = shortened(shown(state["version"]), 80)
        raise StateError(
            f"the state has version {version}, but this binfeed reads version {VERSION}: "
            "start anew, or use the release that wrote it"
        )
    for name in (*_FIELDS, *state):
        kind = _FIELDS.get(name)
        is_right = type(state.get(name)) is kind and (kind is str or 0 <= state[name] <= MAX_SEED)
        if not is_right:
            raise StateError(f"the state is damaged: {shown(name)} is {shown(state.get(name))}")
    if state["checksum"] != _checksum(state):
        raise StateError("the state is damaged: its checksum does not fit")
    if len(state["files"]) != 2 * _DIGEST_BYTES * min(state["file_count"], _MAX_GROUPS):
        raise StateError(f"the state is damaged: 'files' is {shown(state['files'])}")
    return dict(state)


def _checksum(state: Mapping[str, Any]) -> str:
    content = {name: value for name, value in state.items() if name != "checksum"}
    return _digest(json.dumps(content, sort_keys=True).encode())


def _groups(files: int) -> list[tuple[int, int]]:
    count = min(files, _MAX_GROUPS)
    return [(files * group // count, files * (group + 1) // count) for group in range(count)]


def _named(paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return repr(paths[0])
    return f"one of the {len(paths)} files from {paths[0]!r} to {paths[-1]!r}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _file_digest(source: Source, pages: int) -> bytes:
    """A file may have moved to another folder, so only the last part of its name counts."""
    name = os.fsencode(Path(os.fsdecode(source_name(source))).name)
    if isinstance(source, bytes):
        with Path(os.fsdecode(source)).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            content = [os.pread(file.fileno(), _PAGE_BYTES, at) for at in _page_offsets(size, pages)]
    else:
        size = source[1].size
        content = [source[1][at : at + _PAGE_BYTES].tobytes() for at in _page_offsets(size, pages)]
    return _digest(name, str(size).encode(), *content).encode()


def _page_offsets(size: int, pages: int) -> list[int]:
    """Of so many pages, or of all there are, from the first to the last."""
    last = (size - 1) // _PAGE_BYTES
    count = min(pages, last + 1)
    return [number * last // max(count - 1, 1) * _PAGE_BYTES for number in range(count)]


def _layout_key(layout: Layout) -> list[Any]:
    return [layout.fields, layout.record_bytes, layout.header_bytes, layout.footer_bytes]


def _canonical(value: Any) -> bytes:
    """Bytes that are equal for equal descriptions, however their numbers are given.

    They are made of what was described, not of the plan that the core is given: a state outlives a release.
    """
    if isinstance(value, np.ndarray):
        return repr((value.shape, value.dtype.str)).encode() + value.tobytes()
    if dataclasses.is_dataclass(value):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return type(value).__name__.encode() + _canonical(fields)
    if isinstance(value, slice):
        return b"slice" + _canonical([value.start, value.stop, value.step])
    if isinstance(value, Mapping):
        return _canonical([list(pair) for pair in value.items()])
    if isinstance(value, list | tuple):
        return b"(" + b",".join(_canonical(item) for item in value) + b")"
    if isinstance(value, np.generic):
        return _canonical(value.item())
    if isinstance(value, int | float):
        return repr(_as_int(value)).encode()
    return repr(value).encode()


def _as_int(number: float) -> float:
    """``number`` as an int if it is one: 1, 1.0 and True do the same, but 0.0 and -0.0 do not."""
    is_int = math.isfinite(number) and number == int(number) and (number != 0 or math.copysign(1, number) > 0)
    return int(number) if is_int else number
