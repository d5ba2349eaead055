"""States: where an iterator is, as a dict fit for JSON, and a check that the samples are still the same."""

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
from binfeed.combinations import Combination, Concat
from binfeed.errors import StateError, shortened, shown
from binfeed.features import Feature, features_in
from binfeed.files import Source, source_name
from binfeed.layout import Layout
from binfeed.order import MAX_SEED, EpochOrder
from binfeed.window import Window

State = dict[str, Any]

VERSION = 2
#: The entries of a state and their types. Numbers are from 0 to ``MAX_SEED``, which is the largest of them.
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
#: Files are put into at most this many groups, one digest each, so that a state is small for any number of files.
_MAX_GROUPS = 32
_DIGEST_BYTES = 8
#: A file is recognised by some of its pages: the first, the last, and others at equal distances between them.
_PAGE_BYTES = 4096
_MAX_PAGES_PER_FILE = 16
#: The most pages of all files together, unless there are so many files that two pages of each are more.
_MAX_PAGES = 1024


@dataclasses.dataclass(frozen=True)
class Identity:
    """What determines the samples of one reader.

    Attributes:
        layout: the layout of the files.
        features: what comes out.
        window: the records that a sample is made of; None for one.
        sources: the paths of the files, or bytes in memory.
        files: the files as they were opened.
    """

    layout: Layout
    features: Mapping[str, Feature] | Feature
    window: Window | None
    sources: Sequence[Source]
    files: Sequence[FileSpec]


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """Digests of what must be the same when a state is used.

    Attributes:
        layout: a digest of the layouts.
        features: a digest of the features.
        window: a digest of the windows.
        files: one digest per group of successive files, made of their names, sizes and some of their pages.
        paths: the paths of the files, to name one that has changed.
    """

    layout: str
    features: str
    window: str
    files: tuple[str, ...]
    paths: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the entries of a state that identify the samples."""
        return {
            "layout": self.layout,
            "features": self.features,
            "window": self.window,
            "file_count": len(self.paths),
            "files": "".join(self.files),
        }

    def check(self, state: State) -> None:
        """Check that ``state``, which :func:`check_state` has accepted, belongs to the same samples.

        Raises:
            StateError: naming what differs: the layout, the features, the window, or the files.
        """
        for name in ("layout", "features", "window"):
            if state[name] != getattr(self, name):
                raise StateError(f"the state belongs to another {name} than the reader's: the samples would differ")
        width = 2 * _DIGEST_BYTES
        then = [state["files"][at : at + width] for at in range(0, len(state["files"]), width)]
        if state["file_count"] != len(self.paths):
            number = next((i for i, (old, new) in enumerate(zip(then, self.files, strict=False)) if old != new), None)
            is_known = number is not None and max(state["file_count"], len(self.paths)) <= _MAX_GROUPS
            where = f"; the first that differs is {self.paths[number]!r}" if is_known and number is not None else ""
            counts = f"{state['file_count']} files, but there are {len(self.paths)} now"
            raise StateError(f"the state belongs to {counts}{where}")
        changed = [
            _named(self.paths[first:end])
            for (first, end), old, new in zip(_groups(len(self.paths)), then, self.files, strict=True)
            if old != new
        ]
        if changed:
            others = f" and {len(changed) - 2} more" if len(changed) > 2 else ""
            named = f"{', '.join(changed[:2])}{others}"
            raise StateError(f"the state belongs to other files: {named} changed since then (in name, size or content)")


def fingerprint(identities: Sequence[Identity]) -> Fingerprint:
    """Return the fingerprint of samples side by side, with that of their files as they were opened.

    Raises:
        DataError: if a file was replaced or written to since then.
        OSError: if a file no longer exists.
    """
    sources = [source for identity in identities for source in identity.sources]
    pages = min(max(_MAX_PAGES // len(sources), 2), _MAX_PAGES_PER_FILE)
    digests = [_file_digest(source, pages) for source in sources]
    # Checked after the pages were read, so that they are pages of the files that were opened.
    for source, file in zip(sources, (file for identity in identities for file in identity.files), strict=True):
        if isinstance(source, bytes):
            file.check()
    return Fingerprint(
        layout=digest(*(canonical(_layout_key(identity.layout)) for identity in identities)),
        features=digest(*(canonical(_shallow(identity.features)) for identity in identities)),
        window=digest(*(canonical(identity.window) for identity in identities)),
        files=tuple(digest(*digests[first:end]) for first, end in _groups(len(sources))),
        paths=tuple(os.fsdecode(source_name(source)) for source in sources),
    )


def make_state(found: Fingerprint, order: EpochOrder, epoch: int, position: int) -> State:
    """Return the state of an iterator that goes on at ``position`` of ``epoch``."""
    state = {
        "version": VERSION,
        **found.as_dict(),
        "order": str(order),
        "seed": order.seed,
        "epoch": epoch,
        "position": position,
    }
    return {**state, "checksum": checksum(state)}


def check_state(state: object) -> State:
    """Return a copy of ``state``, after checking that it is a state of this version, unchanged since it was made.

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
    if state["checksum"] != checksum(state):
        raise StateError("the state is damaged: its checksum does not match")
    if len(state["files"]) != 2 * _DIGEST_BYTES * min(state["file_count"], _MAX_GROUPS):
        raise StateError(f"the state is damaged: 'files' is {shown(state['files'])}")
    return dict(state)


def checksum(state: Mapping[str, Any]) -> str:
    """Return a digest of all other entries of a state."""
    content = {name: value for name, value in state.items() if name != "checksum"}
    return digest(json.dumps(content, sort_keys=True).encode())


def _groups(files: int) -> list[tuple[int, int]]:
    count = min(files, _MAX_GROUPS)
    return [(files * group // count, files * (group + 1) // count) for group in range(count)]


def _named(paths: Sequence[str]) -> str:
    if len(paths) == 1:
        return repr(paths[0])
    return f"one of the {len(paths)} files from {paths[0]!r} to {paths[-1]!r}"


def digest(*parts: bytes) -> str:
    """Return a digest that tells lists of bytes apart."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _file_digest(source: Source, pages: int) -> bytes:
    """Return a digest of a file's name without its folder, which may have changed, its size, and some of its pages."""
    name = os.fsencode(Path(os.fsdecode(source_name(source))).name)
    if isinstance(source, bytes):
        with Path(os.fsdecode(source)).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            content = [os.pread(file.fileno(), _PAGE_BYTES, at) for at in _page_offsets(size, pages)]
    else:
        size = source[1].size
        content = [source[1][at : at + _PAGE_BYTES].tobytes() for at in _page_offsets(size, pages)]
    return digest(name, str(size).encode(), *content).encode()


def _page_offsets(size: int, pages: int) -> list[int]:
    """Return the offsets of at most ``pages`` pages of a file, at equal distances from the first to the last."""
    last = (size - 1) // _PAGE_BYTES
    count = min(pages, last + 1)
    return [number * last // max(count - 1, 1) * _PAGE_BYTES for number in range(count)]


def _layout_key(layout: Layout) -> list[Any]:
    return [layout.fields, layout.record_bytes, layout.header_bytes, layout.footer_bytes]


def _shallow(features: Mapping[str, Feature] | Feature) -> Any:
    """Return features with a digest in place of each feature that is combined with others.

    It may be deep, and part of many. What is put side by side is not replaced: its digests are older than the others.
    """
    if isinstance(features, Mapping):
        return {name: _shallow(feature) for name, feature in features.items()}
    made: dict[int, Feature] = {}
    for each in features_in(features):
        source = each.source
        if isinstance(source, Combination):
            parts = [made.get(id(part), part) for part in source.parts]
            is_concat = isinstance(source, Concat)
            source = source.with_parts(parts if is_concat else [digest(canonical(part)) for part in parts])
        made[id(each)] = dataclasses.replace(each, source=source)
    return made[id(features)]


def canonical(value: Any) -> bytes:
    """Return bytes that are equal for equal descriptions, whichever types their numbers have.

    They depend on the description alone, and not on the core's program for it, so that a state outlives a release.
    """
    if isinstance(value, np.ndarray):
        return repr((value.shape, value.dtype.str)).encode() + value.tobytes()
    if isinstance(value, Concat):
        return canonical(value.parts)
    if dataclasses.is_dataclass(value):
        fields = [getattr(value, field.name) for field in dataclasses.fields(value) if not _is_unused(value, field)]
        return type(value).__name__.encode() + canonical(fields)
    if isinstance(value, slice):
        return b"slice" + canonical([value.start, value.stop, value.step])
    if isinstance(value, Mapping):
        return canonical([list(pair) for pair in value.items()])
    if isinstance(value, list | tuple):
        return b"(" + b",".join(canonical(item) for item in value) + b")"
    if isinstance(value, np.generic):
        return canonical(value.item())
    if isinstance(value, int | float):
        return repr(_as_int(value)).encode()
    return repr(value).encode()


def _is_unused(value: Any, field: dataclasses.Field[Any]) -> bool:
    """Whether an attribute says nothing: because it is a label, or because only the fields of tables have it."""
    is_default = "is_of_tables" in field.metadata and getattr(value, field.name) == field.default
    return is_default or "is_label" in field.metadata


def _as_int(number: float) -> float:
    """Return a whole number as an int, since 1, 1.0 and True have the same effect; 0.0 and -0.0 do not."""
    is_int = math.isfinite(number) and number == int(number) and (number != 0 or math.copysign(1, number) > 0)
    return int(number) if is_int else number
