"""What the tests share: the instruction sets to run on, real files, and how arrays are compared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before TensorFlow is imported, which reads it then.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import binfeed as bf
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, settings

Array = npt.NDArray[Any]
WriteFiles = Callable[..., list[Path]]

settings.register_profile(
    "binfeed", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("binfeed")


@pytest.fixture(params=bf.build_info().supported)
def instruction_set(request: pytest.FixtureRequest) -> str:
    """Each instruction set that this machine has."""
    return str(request.param)


@pytest.fixture
def write_files(tmp_path: Path) -> WriteFiles:
    """Writes arrays as record files, one each, and returns their paths in order."""

    def write(*arrays: Array, header: bytes = b"", footer: bytes = b"") -> list[Path]:
        paths = [tmp_path / f"part-{number:03}.bin" for number in range(len(arrays))]
        for path, array in zip(paths, arrays, strict=True):
            path.write_bytes(header + array.tobytes() + footer)
        return paths

    return write


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files that are not part of the project."""
    folder = Path(os.environ.get("BINFEED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real files: {folder} is missing (set BINFEED_DATA to the folder that has them)")
    return folder


def random_records(dtype: npt.DTypeLike, count: int, seed: int = 0) -> Array:
    """Records of random bytes: every value there is, NaN and infinity among them."""
    record = np.dtype(dtype)
    return np.frombuffer(np.random.default_rng(seed).bytes(count * record.itemsize), record)


def assert_identical(found: Any, expected: Any) -> None:
    """Same structure, dtypes, shapes and bits; only NaN equals any NaN."""
    if isinstance(expected, dict):
        assert set(found) == set(expected)  # some of TensorFlow's functions sort the names
        for name in expected:
            assert_identical(found[name], expected[name])
        return
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
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
