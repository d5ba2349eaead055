"""What the tests share: records, programs in processes of their own, and how arrays are compared."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from binfeed.layout import Layout, layout_of

ROOT = Path(__file__).parents[1]

Array = npt.NDArray[Any]
WriteFiles = Callable[..., list[Path]]


def random_records(dtype: npt.DTypeLike, count: int, seed: int = 0) -> Array:
    """Records of random bytes: every value there is, NaN and infinity among them."""
    record = np.dtype(dtype)
    return np.frombuffer(np.random.default_rng(seed).bytes(count * record.itemsize), record)


def nullable(layout: Layout, validity: Mapping[str, str]) -> Layout:
    """The layout in which some fields have no value where the bool field that ``validity`` names is false."""
    fields = {
        name: replace(field, validity=layout[validity[name]]) if name in validity else field
        for name, field in layout.fields.items()
        if name not in validity.values()
    }
    return layout_of(fields, layout.record_bytes, layout.header_bytes)


def ids(batches: Iterable[Any]) -> list[int]:
    """The numbers of all samples: those of the feature ``id``, or the samples themselves."""
    return [number for batch in ids_by_batch(batches) for number in batch]


def ids_by_batch(batches: Iterable[Any]) -> list[list[int]]:
    return [np.asarray(batch["id"] if isinstance(batch, dict) else batch).tolist() for batch in batches]


def joined(batches: Iterable[Any]) -> dict[str, Any]:
    """All batches as one, by feature."""
    collected = list(batches)
    return {name: np.concatenate([batch[name] for batch in collected]) for name in collected[0]}


def mappings(path: Path) -> int:
    """How often this process has the file, or files of the folder, mapped."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system does not list its mappings")
    return maps.read_text().count(str(path))


def run_python(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """A Python process, and what it wrote."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def run_program(program: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program, which may be indented, in a process of its own."""
    return run_python("-c", textwrap.dedent(program), *arguments, env={**os.environ, **environment})


def assert_identical(found: Any, expected: Any) -> None:
    """Same structure, dtypes, shapes and bits; only NaN equals any NaN."""
    if isinstance(expected, dict):
        assert set(found) == set(expected)  # some of TensorFlow's functions sort the names
        for name in expected:
            assert_identical(found[name], expected[name])
        return
    if isinstance(expected, tuple | list):
        assert isinstance(found, type(expected))
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_identical(one, other)
        return
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype == object:  # strings, as TensorFlow gives them
        assert found.tolist() == expected.tolist()
        return
    different = np.flatnonzero(_bits(found) != _bits(expected))
    if different.size:
        at = different[0] // (found.dtype.itemsize // _bits(found).dtype.itemsize)
        raise AssertionError(
            f"{different.size} values differ, the first at {at}: {found.flat[at]!r} is not {expected.flat[at]!r}"
        )


def _bits(array: Array) -> Array:
    """The bytes of each value, with one and the same NaN for all."""
    array = np.ascontiguousarray(array)
    if array.dtype.name == "bfloat16":
        bits = array.view(np.uint16).ravel()
        return np.where((bits & 0x7FFF) > 0x7F80, np.uint16(0x7FC0), bits)
    if array.dtype.kind in "fc":
        parts = array.view(array.real.dtype).copy()
        parts[np.isnan(parts)] = np.nan
        array = parts
    return array.reshape(-1).view(f"V{array.dtype.itemsize}")
