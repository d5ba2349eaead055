"""Ways to read the table.

Those that feed a model give batches of keys and of float32 values. Those that show what a driver can do read the rows
and drop them.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import tensorflow as tf

from benchmarks.tables.data import QUERY, VALUES, Array

Batch = tuple[Any, Any]

BATCH_SIZE = 1024
#: Rows that a program by hand fetches at a time, since both round trips and elements of ``from_generator`` cost.
FETCHED = 8 * BATCH_SIZE

FEATURES = {"key": bf.field("key"), "values": bf.concat(*VALUES)}

#: The ways of binfeed, which others are compared with.
BATCHES = "binfeed, NumPy batches"
DATASET = "binfeed, tf.data"
CACHING = "binfeed, writing the cache"
CACHED = "binfeed, cached, NumPy batches"


@dataclass(frozen=True)
class Way:
    """One way to read all rows.

    Attributes:
        title: what it is called.
        batches: gives batches of keys and values; None if the rows are dropped.
        count: reads and drops all rows, and returns how many there were.
        against: the title of the way of binfeed that does the same; None if this is one of binfeed, or no reader.
    """

    title: str
    batches: Callable[[], Iterable[Batch]] | None = None
    count: Callable[[], int] | None = None
    against: str | None = None

    def run(self) -> int:
        """Read all rows, and return how many there were."""
        if self.count is not None:
            return self.count()
        assert self.batches is not None
        return sum(len(keys) for keys, _ in self.batches())


# binfeed.


def open_table(url: str, **options: Any) -> Any:
    return bf.from_sql(QUERY, url, FEATURES, **options)


def in_numpy(title: str, reader: Any, **order: Any) -> Way:
    return Way(title, lambda: pairs(reader.batches(BATCH_SIZE, **order)))


def in_tensorflow(title: str, reader: Any, **order: Any) -> Way:
    dataset = reader.to_tf_dataset(BATCH_SIZE, **order)
    return Way(title, lambda: pairs(dataset))


def pairs(batches: Iterable[Any]) -> Iterator[Batch]:
    return ((batch["key"], batch["values"]) for batch in batches)


def streamed(url: str, partitions: Iterable[int] = (1, 2)) -> list[Way]:
    """Of a database that is asked again."""
    ways = []
    for count in partitions:
        options = {} if count == 1 else {"partition_on": "key", "partitions": count}
        suffix = "" if count == 1 else f", {count} partitions"
        reader = open_table(url, **options)
        ways += [in_numpy(BATCHES + suffix, reader), in_tensorflow(DATASET + suffix, reader)]
    return ways


def cached(url: str, folder: Path) -> list[Way]:
    """Of a database that is asked once. A reader does not survive that its cache is written again."""
    reader = open_table(url, cache=folder)
    return [
        Way(CACHING, count=lambda: len(open_table(url, cache=folder / "again", refresh=True))),
        in_numpy(CACHED, reader),
        in_numpy(f"{CACHED}, shuffled", reader, shuffle=True),
        in_tensorflow("binfeed, cached, tf.data", reader),
        in_tensorflow("binfeed, cached, tf.data, shuffled", reader, shuffle=True),
    ]


# By hand: blocks of keys and values from a driver, through a generator.


def generated(title: str, blocks: Callable[[], Iterator[Batch]]) -> Way:
    """A ``from_generator`` of blocks, which are cut into batches."""
    signature = (tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, len(VALUES)), tf.float32))
    dataset = tf.data.Dataset.from_generator(blocks, output_signature=signature).rebatch(BATCH_SIZE).prefetch(2)
    return Way(f"{title}, from_generator", lambda: dataset, against=DATASET)


def of_rows(blocks: Iterable[list[tuple[Any, ...]]]) -> Iterator[Batch]:
    for rows in blocks:
        yield np.array([row[0] for row in rows], "int64"), np.array(rows, "float64")[:, 1:].astype("float32")


def of_arrow(record_batches: Iterable[Any]) -> Iterator[Batch]:
    for each in record_batches:
        yield each["key"].to_numpy(), np.stack([each[name].to_numpy().astype("float32") for name in VALUES], axis=1)


def of_pandas(frames: Iterable[Any]) -> Iterator[Batch]:
    for frame in frames:
        yield frame["key"].to_numpy(), frame[VALUES].to_numpy("float32")


def of_numpy(batches: Iterable[dict[str, Array]]) -> Iterator[Batch]:
    for batch in batches:
        yield batch["key"], np.stack([batch[name] for name in VALUES], axis=1).astype("float32")


def count_arrow(record_batches: Iterable[Any]) -> int:
    return sum(each.num_rows for each in record_batches)


def fetched(cursor: Any) -> Iterator[list[tuple[Any, ...]]]:
    return itertools.takewhile(bool, (cursor.fetchmany(FETCHED) for _ in itertools.count()))


# PostgreSQL.


def postgres_ways(url: str, folder: Path) -> list[Way]:
    return [
        *streamed(url),
        generated("ADBC, NumPy", lambda: of_arrow(adbc_postgres(url))),
        generated("psycopg fetchmany, NumPy", lambda: of_rows(psycopg_rows(url, binary=False))),
        generated("psycopg fetchmany in binary, NumPy", lambda: of_rows(psycopg_rows(url, binary=True))),
        generated("SQLAlchemy and pandas.read_sql", lambda: of_pandas(pandas_frames(url))),
        Way("ADBC alone", count=lambda: count_arrow(adbc_postgres(url)), against=BATCHES),
        Way("psycopg COPY in binary alone", count=lambda: psycopg_copy(url), against=BATCHES),
        Way(
            "psycopg fetchmany alone",
            count=lambda: sum(map(len, psycopg_rows(url, binary=False))),
            against=BATCHES,
        ),
        *connectorx_ways(url),
        Way("the server alone", count=lambda: server_alone(url)),
        *cached(url, folder / "cache"),
        *huggingface_ways(url, folder),
    ]


def adbc_postgres(url: str) -> Iterator[Any]:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        yield from cursor.fetch_record_batch()


def psycopg_rows(url: str, *, binary: bool) -> Iterator[list[tuple[Any, ...]]]:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url) as connection, connection.cursor("rows", binary=binary) as cursor:
        cursor.execute(QUERY)
        yield from fetched(cursor)


def psycopg_copy(url: str) -> int:
    import psycopg  # noqa: PLC0415

    statement = f"COPY ({QUERY}) TO STDOUT (FORMAT binary)"
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        return sum(1 for _ in copy) - 1  # a message for each row, and one for the end


def pandas_frames(url: str) -> Iterator[Any]:
    import pandas as pd  # noqa: PLC0415
    import sqlalchemy  # noqa: PLC0415

    engine = sqlalchemy.create_engine(with_driver(url))
    with engine.connect().execution_options(stream_results=True, max_row_buffer=FETCHED) as connection:
        yield from pd.read_sql(sqlalchemy.text(QUERY), connection, chunksize=FETCHED)
    engine.dispose()


def with_driver(url: str) -> str:
    """The URL for SQLAlchemy."""
    return url.replace("postgresql:", "postgresql+psycopg:")


def server_alone(url: str) -> int:
    """Have the server write the rows that it sends otherwise, to a program that drops them."""
    import psycopg  # noqa: PLC0415

    with psycopg.connect(url) as connection:
        return connection.execute(f"COPY ({QUERY}) TO PROGRAM 'cat > /dev/null' (FORMAT binary)").rowcount


def huggingface_ways(url: str, folder: Path) -> list[Way]:
    """Hugging Face's datasets, which write a cache as well, of Arrow."""
    built: dict[str, Any] = {}

    def build() -> int:
        from datasets import Dataset, disable_progress_bars  # noqa: PLC0415

        disable_progress_bars()
        cache = tempfile.mkdtemp(dir=folder)  # which a second build would find
        built["dataset"] = Dataset.from_sql(QUERY, with_driver(url), cache_dir=cache)
        return len(built["dataset"])

    def iterate() -> Iterator[Batch]:
        return of_numpy(built["dataset"].with_format("numpy").iter(BATCH_SIZE))

    return [
        Way("datasets.Dataset.from_sql, writing its cache", count=build, against=CACHING),
        Way("datasets.Dataset, cached, NumPy batches", iterate, against=CACHED),
    ]


def connectorx_ways(url: str) -> list[Way]:
    return [
        Way("ConnectorX to an Arrow table alone", count=lambda: connectorx(url, "arrow").num_rows, against=BATCHES),
        Way(
            "ConnectorX to an Arrow stream alone",
            count=lambda: count_arrow(connectorx(url, "arrow_stream", batch_size=FETCHED)),
            against=BATCHES,
        ),
    ]


def connectorx(url: str, kind: str, **options: Any) -> Any:
    import connectorx as cx  # noqa: PLC0415

    return cx.read_sql(url, QUERY, return_type=kind, **options)


# SQLite and DuckDB.


def sqlite_ways(url: str, folder: Path) -> list[Way]:
    path = url.removeprefix("sqlite:///")
    return [
        *streamed(url),
        generated("ADBC, NumPy", lambda: of_arrow(adbc_sqlite(path))),
        generated("sqlite3 fetchmany, NumPy", lambda: of_rows(sqlite_rows(path))),
        Way("ADBC alone", count=lambda: count_arrow(adbc_sqlite(path)), against=BATCHES),
        Way("sqlite3 fetchmany alone", count=lambda: sum(map(len, sqlite_rows(path))), against=BATCHES),
        *connectorx_ways(f"sqlite://{path}"),
    ]


def adbc_sqlite(path: str) -> Iterator[Any]:
    from adbc_driver_sqlite import dbapi  # noqa: PLC0415

    with dbapi.connect(f"file:{path}?mode=ro") as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": FETCHED})
        cursor.execute(QUERY)
        yield from cursor.fetch_record_batch()


def sqlite_rows(path: str) -> Iterator[list[tuple[Any, ...]]]:
    # TensorFlow calls a generator from any of its threads.
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    with contextlib.closing(connection):
        yield from fetched(connection.execute(QUERY))


def duckdb_ways(url: str, folder: Path) -> list[Way]:
    path = url.removeprefix("duckdb:///")
    return [
        *streamed(url),
        generated("DuckDB's Arrow reader, NumPy", lambda: of_arrow(duckdb_arrow(path))),
        Way("DuckDB's Arrow reader alone", count=lambda: count_arrow(duckdb_arrow(path)), against=BATCHES),
    ]


def duckdb_arrow(path: str) -> Iterator[Any]:
    import duckdb  # noqa: PLC0415

    with duckdb.connect(path, read_only=True) as connection:
        yield from connection.sql(QUERY).to_arrow_reader(FETCHED)
