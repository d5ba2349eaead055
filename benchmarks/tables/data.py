"""A table of numbers in each database: a bigint as key, and integers and doubles that make a row of float32."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

INTEGERS = [f"n{number}" for number in range(4)]
DOUBLES = [f"x{number}" for number in range(15)]
VALUES = [*INTEGERS, *DOUBLES]
NAMES = ["key", *VALUES]
QUERY = "SELECT * FROM ticks"


def columns_of(rows: int) -> dict[str, Array]:
    """The columns of the table, which has its rows in the order of their keys."""
    random = np.random.default_rng(0)
    key = np.arange(rows) * 3 + 10**12
    integers = {name: random.integers(-(10**6), 10**6, rows, "int32") for name in INTEGERS}
    return {"key": key, **integers, **{name: random.normal(size=rows) for name in DOUBLES}}


def values_of(columns: dict[str, Array]) -> Array:
    """What a model gets of rows: float32 ``[rows, 19]``."""
    return np.stack([columns[name] for name in VALUES], axis=1, dtype="float32", casting="same_kind")


def declaration(integer: str, double: str) -> str:
    """The statement that creates the table."""
    columns = [f"{name} {integer}" for name in INTEGERS] + [f"{name} {double}" for name in DOUBLES]
    return f"CREATE TABLE ticks (key BIGINT PRIMARY KEY, {', '.join(columns)})"


def fill_postgres(url: str, columns: dict[str, Array]) -> None:
    """Create and fill the table."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS ticks")
        connection.execute(declaration("INTEGER", "DOUBLE PRECISION"))
        with connection.cursor() as cursor, cursor.copy("COPY ticks FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + _copied(columns).tobytes() + b"\xff\xff")
        connection.execute("VACUUM ANALYZE ticks")


def _copied(columns: dict[str, Array]) -> Array:
    """Rows as PostgreSQL copies them: the number of columns, and the size and bytes of each."""
    fields: list[tuple[str, Any]] = [("columns", ">i2")]
    for name, values in columns.items():
        fields += [(f"size of {name}", ">i4"), (name, values.dtype.newbyteorder(">"))]
    records = np.zeros(len(columns["key"]), fields)
    records["columns"] = len(columns)
    for name, values in columns.items():
        records[f"size of {name}"] = values.itemsize
        records[name] = values
    return records


def fill_sqlite(path: Path, columns: dict[str, Array]) -> str:
    """Create and fill the table in a new file, and return its URI."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(declaration("INTEGER", "REAL"))
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        connection.executemany(f"INSERT INTO ticks VALUES ({', '.join('?' * len(columns))})", rows)
    return f"sqlite:///{path.absolute()}"


def fill_duckdb(path: Path, columns: dict[str, Array]) -> str:
    """Create and fill the table in a new file, and return its URI."""
    import duckdb  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    with duckdb.connect(str(path)) as connection:
        connection.execute(declaration("INTEGER", "DOUBLE"))
        connection.register("arrow", pa.table(columns))
        connection.execute("INSERT INTO ticks SELECT * FROM arrow")
    return f"duckdb:///{path.absolute()}"
