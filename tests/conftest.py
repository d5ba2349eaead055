"""Fixtures of all tests: the instruction sets to run on, files of records, real files, and a database server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Before TensorFlow is imported, which reads it then.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import binfeed as bf
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from benchmarks.postgres import Postgres, find_programs
from tests.helpers import ROOT, Array, WriteFiles, random_records

settings.register_profile(
    "binfeed", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("binfeed")


#: The ops are only built on Linux: elsewhere, a test that needs them is skipped.
HAS_OPS = sys.platform == "linux"


def pytest_configure(config: pytest.Config) -> None:
    if not HAS_OPS:
        config.addinivalue_line("filterwarnings", "ignore:engine='auto' takes the slower generator engine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    try:
        return (yield)
    except ImportError as error:
        if HAS_OPS or "built without its TensorFlow ops" not in str(error):
            raise
        pytest.skip(str(error))


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


@pytest.fixture
def records(request: pytest.FixtureRequest) -> Array:
    """Random records of the module's ``RECORD``, as many as its ``COUNTS`` say, numbered by their field ``id``."""
    made = random_records(request.module.RECORD, sum(request.module.COUNTS)).copy()
    made["id"] = np.arange(len(made))
    return made


@pytest.fixture
def paths(request: pytest.FixtureRequest, records: Array, write_files: WriteFiles) -> list[Path]:
    """The records, in files of so many each as the module's ``COUNTS`` say."""
    layout = request.module.LAYOUT
    parts = np.split(records, np.cumsum(request.module.COUNTS)[:-1])
    return write_files(*parts, header=b"h" * layout.header_bytes, footer=b"f" * layout.footer_bytes)


@pytest.fixture
def reader(request: pytest.FixtureRequest, paths: list[Path]) -> Iterator[bf.Reader]:
    """Of these files, with the module's ``FEATURES`` if it has some."""
    with bf.open(paths, request.module.LAYOUT, getattr(request.module, "FEATURES", None)) as opened:
        yield opened


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files that are not part of the project."""
    folder = Path(os.environ.get("BINFEED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real files: {folder} is missing (set BINFEED_DATA to the folder that has them)")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, which takes any password. A test that stops it starts it again."""
    try:
        import psycopg  # noqa: F401, PLC0415

        find_programs()
    except (ImportError, FileNotFoundError) as missing:
        if os.environ.get("BINFEED_REQUIRE_POSTGRES"):
            pytest.fail(f"{missing}, but BINFEED_REQUIRE_POSTGRES is set")
        pytest.skip(str(missing))
    with Postgres() as server:
        yield server
