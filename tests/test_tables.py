"""Tables as a source, against the rows that the drivers of Python give."""

from __future__ import annotations

import contextlib
import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.tables.database import without_credentials
from binfeed.tables.query import Query, parts_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import assert_identical, joined, run_program

duckdb = pytest.importorskip("duckdb", reason="the extra 'sql' is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the extra 'sql' is not installed")

Rows = list[tuple[Any, ...]]
Make = Callable[..., str]

#: A row for each number: the number, a float that may be NULL, text that may be NULL, and bytes.
ROWS: Rows = [
    (k, k % 7 - 3, None if k % 11 == 3 else k * 0.5, None if k % 13 == 5 else f"s{k % 5}", bytes([k % 256] * 8))
    for k in range(-500, 2500)
]


def make_sqlite(path: Path, rows: Rows) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE ticks (id INTEGER PRIMARY KEY, n INT, price REAL, symbol TEXT, packed BLOB)")
        connection.executemany("INSERT INTO ticks VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def make_duckdb(path: Path, rows: Rows) -> str:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE ticks (id BIGINT, n INT, price DOUBLE, symbol TEXT, packed BLOB)")
        if rows:
            columns = ["id", "n", "price", "symbol", "packed"]
            import pyarrow as pa  # noqa: PLC0415

            arrow = pa.table(
                {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}
            )
            connection.register("arrow", arrow)
            connection.execute("INSERT INTO ticks SELECT * FROM arrow")
    return f"duckdb:///{path}"


@pytest.fixture(params=["sqlite", "duckdb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make a database with a table ``ticks``, and return its URI."""

    def make_one(rows: Rows = ROWS, name: str = "data") -> str:
        path = tmp_path / f"{name}.{request.param}"
        return make_sqlite(path, rows) if request.param == "sqlite" else make_duckdb(path, rows)

    return make_one


FEATURES = {
    "id": bf.field("id"),
    "price": bf.field("price").fill(-1).scale(2),
    "missing": bf.field("price").is_missing(),
    "symbol": bf.field("symbol").fill("?"),
    "code": bf.field("symbol").fill("?").codes({"s0": 0, "s1": 1, "?": 9}),
    "both": bf.concat(bf.field("n"), bf.field("price").fill(0), bf.field("symbol").codes({"s2": 5}).fill(-7)),
    "packed": bf.field("packed.x")[1],
}
LAYOUTS: dict[str, Any] = {"packed": {"x": "(2)>u2", "y": "<f4"}}


def expected_of(rows: Rows) -> dict[str, Any]:
    """What FEATURES are, worked out in Python."""
    ids, numbers, prices, symbols, packed = zip(*rows, strict=True)
    codes = {"s0": 0, "s1": 1, "?": 9}
    return {
        "id": np.array(ids, np.int64),
        "price": np.array([-2 if price is None else price * 2 for price in prices], np.float32),
        "missing": np.array([price is None for price in prices]),
        "symbol": np.array([b"?" if symbol is None else symbol.encode() for symbol in symbols], object),
        "code": np.array([codes.get(symbol or "?", -1) for symbol in symbols], np.int32),
        "both": np.array(
            [
                (number, price or 0, -7 if symbol is None else 5 if symbol == "s2" else -1)
                for number, price, symbol in zip(numbers, prices, symbols, strict=True)
            ],
            np.float32,
        ),
        "packed": np.array([value[2] * 256 + value[3] for value in packed], np.uint16),
    }


def open_ticks(uri: str, features: Any = FEATURES, **options: Any) -> Any:
    return bf.from_sql("SELECT * FROM ticks", uri, features, layouts=LAYOUTS, **options)


def test_all_values_are_those_of_the_database(make: Make) -> None:
    for rows_per_fetch in (1, 7, 1000, 100_000):
        reader = open_ticks(make(name=str(rows_per_fetch)), rows_per_fetch=rows_per_fetch, order_by="id")
        assert_identical(joined(reader.batches(64)), expected_of(ROWS))


def test_without_features_every_column_comes_out(make: Make) -> None:
    reader = bf.from_sql("SELECT id, n, symbol FROM ticks WHERE symbol IS NOT NULL", make())
    assert str(reader.spec["id"].dtype), str(reader.spec["symbol"].dtype) == ("int64", "object")
    batch = next(reader.batches(5))
    assert batch["symbol"].tolist() == [row[3].encode() for row in ROWS if row[3] is not None][:5]
    assert bf.from_sql("SELECT id FROM ticks", make(name="b"), "id").spec == reader.spec["id"]


@pytest.mark.parametrize("drop_remainder", [False, True])
@pytest.mark.parametrize("batch_size", [1, 100, 1000, 2999, 3000, 4000])
def test_batches_are_full_but_the_last(make: Make, batch_size: int, *, drop_remainder: bool) -> None:
    reader = open_ticks(make(), "id", rows_per_fetch=500)
    sizes = [len(batch) for batch in reader.batches(batch_size, drop_remainder=drop_remainder)]
    full, rest = divmod(len(ROWS), batch_size)
    assert sizes == [batch_size] * full + ([rest] if rest and not drop_remainder else [])


def test_epochs_are_read_anew(make: Make) -> None:
    reader = open_ticks(make(), "id", order_by="id")
    numbers = [row[0] for row in ROWS]
    assert np.concatenate(list(reader.batches(700, epochs=3))).tolist() == numbers * 3
    endless = reader.batches(3000, epochs=None)
    assert [next(endless)[0] for _ in range(4)] == [-500] * 4
    endless.close()


@pytest.mark.parametrize("partitions", [1, 2, 3, 7])
def test_partitions_hold_each_row_once(make: Make, partitions: int) -> None:
    reader = open_ticks(make(), "id", partition_on="id", partitions=partitions, rows_per_fetch=64)
    found = np.concatenate(list(reader.batches(50)))
    assert sorted(found.tolist()) == [row[0] for row in ROWS]
    again = np.concatenate(list(reader.batches(50)))
    np.testing.assert_array_equal(found, again)


KEYS = st.one_of(st.none(), st.integers(-5, 5), st.integers(-(2**62), 2**62), st.sampled_from([-(2**63), 2**63 - 1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=30), st.integers(1, 6))
def test_ranges_of_any_keys_divide_the_rows(keys: list[int | None], partitions: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (k INT, row INT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(key, row) for row, key in enumerate(keys)])
    low, high = connection.execute("SELECT MIN(k), MAX(k) FROM t").fetchone()
    parts = parts_of(Query("SELECT * FROM t -- all of it"), "k", low, high, partitions)
    assert len(parts) <= partitions
    # Rows beyond the bounds, which came after they were found, belong to a range as well.
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(-(2**63), -1), (2**63 - 1, -2), (None, -3)])
    rows = [row for part in parts for _, row in connection.execute(part.text)]
    assert sorted(rows) == sorted([*range(len(keys)), -1, -2, -3])
    connection.close()


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_shuffle_is_a_permutation_which_follows_from_its_seed(make: Make, partitions: int) -> None:
    reader = open_ticks(make(), "id", partition_on="id", partitions=partitions, rows_per_fetch=64)

    def order(**options: Any) -> list[int]:
        return [int(each) for batch in reader.batches(50, **options) for each in batch]

    first = order(shuffle=500, seed=3)
    assert sorted(first) == [row[0] for row in ROWS]
    assert first == order(shuffle=500, seed=3)
    assert first != order(shuffle=500, seed=4)
    two = order(shuffle=500, seed=3, epochs=2)
    assert two[:3000] == first
    assert two[3000:] != first
    assert sorted(two[3000:]) == sorted(first)
    assert sorted(order(shuffle=True)) == sorted(first)
    assert sorted(order(shuffle=1)) == sorted(first)


def test_a_shuffle_moves_rows_far(make: Make) -> None:
    reader = open_ticks(make(), "id", order_by="id", rows_per_fetch=64)
    found = np.concatenate(list(reader.batches(64, shuffle=1000, seed=0))) + 500
    displacement = np.abs(found - np.arange(3000))
    assert 300 < displacement.mean() < 1500
    assert len(np.unique(np.diff(found))) > 500


def test_a_state_goes_on_after_the_last_key(make: Make) -> None:
    reader = open_ticks(make(), "id", order_by="id", rows_per_fetch=100)
    whole = [batch.tolist() for batch in reader.batches(70, epochs=2)]
    batches = reader.batches(70, epochs=2)
    for taken in range(len(whole) + 1):
        state = json.loads(json.dumps(batches.state()))
        if taken % 6 == 0 or taken > len(whole) - 3:
            assert [batch.tolist() for batch in reader.batches(70, epochs=2, state=state)] == whole[taken:]
        next(batches, None)
    rest = (
        reader.batches(11, epochs=1, state=open_ticks(make(name="c"), "id", order_by="id").batches(70).state())
        if 0
        else None
    )
    assert rest is None


@pytest.mark.parametrize("column", ["id", "symbol"])
def test_keys_are_numbers_or_text(make: Make, column: str) -> None:
    rows = [(k * 3, k, k * 0.5, f"{k:05d}'\"é", b"12345678") for k in range(300)]
    reader = bf.from_sql("SELECT * FROM ticks WHERE n >= ?", make(rows), "id", order_by=column, parameters=[10])
    batches = reader.batches(100)
    next(batches)
    rest = [each for batch in reader.batches(64, state=batches.state()) for each in batch.tolist()]
    assert rest == [k * 3 for k in range(110, 300)]


def test_a_state_belongs_to_its_query_and_features(make: Make) -> None:
    uri = make()
    state = open_ticks(uri, "id", order_by="id").batches(10).state()
    others = [
        bf.from_sql("SELECT * FROM ticks WHERE n > 0", uri, "id", order_by="id", layouts=LAYOUTS),
        open_ticks(uri, "n", order_by="id"),
    ]
    for other, what in zip(others, ["query", "features"], strict=True):
        with pytest.raises(bf.StateError, match=f"another {what}"):
            other.batches(10, state=state)
    with pytest.raises(bf.StateError, match="damaged"):
        open_ticks(uri, "id", order_by="id").batches(10, state={**state, "key": 17})
    with pytest.raises(bf.StateError, match="not a state of a table"):
        open_ticks(uri, "id", order_by="id").batches(10, state=bf.open(b"ab", "u1").batches(1).state())
    with pytest.raises(bf.StateError, match="needs the key of a row: give from_sql"):
        open_ticks(uri, "id").batches(10).state()
    with pytest.raises(bf.StateError, match="leave out shuffle="):
        open_ticks(uri, "id", order_by="id").batches(10, state=state, shuffle=True)


def test_keys_must_be_unique_and_there(make: Make) -> None:
    uri = make()
    with pytest.raises(bf.DataError, match=r"order_by='n' has -3 in row \d+ after -3: it must be unique"):
        list(open_ticks(uri, "id", order_by="n").batches(100))
    with pytest.raises(bf.DataError, match="order_by='symbol' is NULL in 230 rows"):
        open_ticks(uri, "id", order_by="symbol")
    with pytest.raises(ValueError, match="not by price: float64"):
        open_ticks(uri, "id", order_by="price")


def test_null_is_an_error_that_names_column_and_row(make: Make) -> None:
    reader = open_ticks(make(), {"p": bf.field("price").scale(2)}, order_by="id", rows_per_fetch=2)
    row = next(k for k, row in enumerate(ROWS) if row[2] is None)
    with pytest.raises(
        bf.DataError, match=rf"column 'price' is NULL in row {row}, but feature 'p' needs a value"
    ) as caught:
        list(reader.batches(10))
    assert caught.value.offset == row
    with pytest.raises(bf.DataError, match=r"column 'symbol' is NULL in row .*the feature needs a value"):
        list(open_ticks(make(name="b"), "symbol").batches(10))


def test_bytes_that_do_not_fit_their_layout_are_an_error(make: Make) -> None:
    rows = [(k, 0, 0.0, "", b"12345678" if k != 40 else b"123") for k in range(50)]
    with pytest.raises(bf.DataError, match="column 'packed' has 3 bytes in row 40, but its layout has 8"):
        list(open_ticks(make(rows), "packed.x", order_by="id").batches(10))
    nullable = [(*row[:4], None if row[0] == 40 else b"12345678") for row in rows]
    reader = open_ticks(make(nullable, "b"), {"x": bf.field("packed.x").fill(7)}, order_by="id")
    assert joined(reader.batches(50))["x"][40].tolist() == [7, 7]


def test_a_query_without_rows_is_an_error(make: Make) -> None:
    with pytest.raises(bf.DataError, match="the query gives no rows: 'SELECT"):
        list(open_ticks(make([]), "id").batches(10))
    with pytest.raises(bf.DataError, match="no rows"):
        list(open_ticks(make([], "b"), "id", partition_on="id", partitions=3).batches(10))
    assert np.concatenate(list(open_ticks(make(ROWS[:1], "c"), "id", partition_on="id").batches(10))).tolist() == [-500]


# Mistakes.


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM ticks", "only reads"),
        ("  -- all\n /* of\nit */ (insert into ticks values (1))", "only reads"),
        ("ticks", "write SELECT \\* FROM ticks"),
        ("", "only reads"),
    ],
)
def test_only_queries_that_read_are_taken(make: Make, query: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bf.from_sql(query, make())


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS x; DELETE FROM ticks", "WITH y AS (SELECT 1 AS x) DELETE FROM ticks", "SELECT * FROM"]
)
def test_what_the_database_refuses_is_told(make: Make, query: str) -> None:
    uri = make()
    with pytest.raises((bf.DatabaseError, bf.DataError)):
        list(bf.from_sql(query, uri).batches(1))
    assert len(np.concatenate(list(open_ticks(uri, "id").batches(1000)))) == len(ROWS)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"features": "prise"}, bf.FeatureError, "no column 'prise'; did you mean 'price'"),
        (
            {"features": bf.field("symbol").scale(2)},
            bf.FeatureError,
            "'symbol' is text, which .scale\\(\\) does not take",
        ),
        (
            {"features": bf.concat("symbol", "n")},
            bf.FeatureError,
            "'symbol' is text, which .concat\\(\\) does not take",
        ),
        ({"features": bf.field("symbol").codes({1: 2})}, bf.FeatureError, "1 in .codes\\(\\) is not text"),
        ({"features": bf.field("symbol").fill(1)}, bf.FeatureError, "is text: .fill\\(1\\) must give text"),
        ({"features": bf.field("symbol").is_missing(1)}, bf.FeatureError, "is text"),
        ({"features": bf.field("n").fill("x")}, bf.FeatureError, "is for text, but the values are int"),
        ({"features": bf.field("n").target()}, bf.FeatureError, "tables have no windows"),
        ({"order_by": "idd"}, ValueError, "order_by: the query has no column 'idd'; did you mean 'id'"),
        ({"partition_on": "i d"}, ValueError, "partition_on: the query has no column 'i d'"),
        ({"partitions": 2}, ValueError, "needs partition_on="),
        ({"partition_on": "id", "partitions": 0}, ValueError, "partitions"),
        ({"partition_on": "id", "partitions": 10**9}, ValueError, "are more than 256"),
        ({"partition_on": "symbol"}, ValueError, "ranges of integers, not by symbol: bytes"),
        ({"partition_on": "id", "order_by": "id"}, ValueError, "exclude each other"),
        ({"retries": 1}, ValueError, "needs order_by="),
        ({"rows_per_fetch": 0}, ValueError, "rows_per_fetch"),
        ({"refresh": True}, ValueError, "give cache="),
        ({"layouts": {"pakced": "u1"}}, bf.FeatureError, "did you mean 'packed'"),
        ({"layouts": {"n": "u1"}}, bf.FeatureError, "does not hold bytes"),
        ({"layouts": 3}, TypeError, "layouts must be a dict"),
        ({"parameters": "x"}, TypeError, "list, tuple or dict"),
        ({"partitons": 2}, TypeError, "did you mean 'partitions'"),
    ],
)
def test_mistakes_are_named(make: Make, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        bf.from_sql("SELECT * FROM ticks", make(), **options)


def test_batches_check_their_arguments(make: Make) -> None:
    reader = open_ticks(make(), "id")
    for options, words in [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1, "seed": 3}, "give shuffle="),
        ({"batch_size": 1, "shuffle": 0}, "shuffle"),
        ({"batch_size": 1, "epochs": 0}, "epochs"),
        ({"batch_size": 1, "shuffle": True, "seed": -1}, "seed"),
    ]:
        with pytest.raises(ValueError, match=words):
            reader.batches(**options)
    with pytest.raises(TypeError, match="did you mean 'shuffle'"):
        reader.batches(1, shufle=True)
    for use in (len, iter, lambda it: it[0]):
        with pytest.raises(TypeError, match="cache"):
            use(reader)
    assert repr(reader) == "<reader of 'SELECT * FROM ticks' in " + reader._table.database.name + ", feature: int64>"


def test_connections_are_made_by_uris_and_functions(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_sqlite(path, ROWS)
    live = sqlite3.connect(path)
    with pytest.raises(TypeError, match=r"or a function that makes a connection.*not a Connection"):
        bf.from_sql("SELECT 1", live)  # type: ignore[call-overload]
    live.close()
    for uri, words in [
        ("sqlight:///x", "did you mean 'sqlite'"),
        ("ticks.db", "begins with sqlite:///"),
        ("mysql://me:secret@host/x", "mysql://me@host/x"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            bf.from_sql("SELECT 1", uri)
        assert "secret" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="three slashes"):
        bf.from_sql("SELECT 1", "sqlite:///nowhere.db")
    with pytest.raises(TypeError, match="gave a int, which is not a connection"):
        bf.from_sql("SELECT 1", lambda: 3)


def functions(path: Path) -> dict[str, Callable[[], Any]]:
    import adbc_driver_sqlite.dbapi  # noqa: PLC0415

    return {
        "sqlite3": lambda: sqlite3.connect(path, check_same_thread=False),
        "adbc": lambda: adbc_driver_sqlite.dbapi.connect(str(path)),
    }


@pytest.mark.parametrize("driver", ["sqlite3", "adbc"])
def test_functions_make_connections_of_any_driver(tmp_path: Path, driver: str) -> None:
    make_sqlite(tmp_path / "a.db", ROWS)
    connect = functions(tmp_path / "a.db")[driver]
    reader = open_ticks(connect, order_by="id")  # type: ignore[arg-type]
    assert_identical(joined(reader.batches(64)), expected_of(ROWS))
    parts = open_ticks(connect, "id", partition_on="id", partitions=2)  # type: ignore[arg-type]
    assert sorted(np.concatenate(list(parts.batches(64))).tolist()) == [row[0] for row in ROWS]
    batches = reader.batches(1000)
    next(batches)
    assert joined(reader.batches(500, state=batches.state()))["id"][0] == 500


def test_a_function_may_connect_to_duckdb(tmp_path: Path) -> None:
    make_duckdb(tmp_path / "a.duckdb", ROWS)
    reader = open_ticks(lambda: duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True), order_by="id")  # type: ignore[arg-type]
    assert_identical(joined(reader.batches(64)), expected_of(ROWS))


# SQLite, whose columns hold values of any type.


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    connection = sqlite3.connect(tmp_path / "any.db")
    yield connection, f"sqlite:///{tmp_path / 'any.db'}"
    connection.close()


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("REAL", [1, 2.5], [1.0, 2.5]),
        ("DECIMAL(10, 2)", [1, 2, 2.5], [1.0, 2.0, 2.5]),
        ("BOOLEAN", [0, 1], [False, True]),
        ("INT", [2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)]),
        ("TEXT", ["a", "", "é"], [b"a", b"", "é".encode()]),
        ("BLOB", [b"\0", b"", b"a\0"], [b"\0", b"", b"a\0"]),
    ],
)
def test_sqlite_columns_have_the_types_that_are_declared(
    sqlite: tuple[sqlite3.Connection, str], declared: str, values: list[Any], expected: list[Any]
) -> None:
    connection, uri = sqlite
    connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})")
    connection.executemany("INSERT INTO t (x) VALUES (?)", [(value,) for value in values])
    connection.commit()
    for rows in (1, 100):
        reader = bf.from_sql("SELECT x FROM t", uri, "x", rows_per_fetch=rows)
        assert np.concatenate(list(reader.batches(2))).tolist() == expected


def test_sqlite_columns_that_begin_with_null(sqlite: tuple[sqlite3.Connection, str]) -> None:
    connection, uri = sqlite
    connection.execute("CREATE TABLE t (x REAL, y TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(None, "a")] * 5000 + [(0.5, "b")])
    connection.commit()
    reader = bf.from_sql("SELECT * FROM t", uri, bf.field("x").fill(7), rows_per_fetch=10)
    assert np.concatenate(list(reader.batches(100))).tolist() == [7.0] * 5000 + [0.5]


@pytest.mark.parametrize(
    ("declared", "first", "odd"),
    [("INT", 1, "x"), ("INT", 1, 0.5), ("REAL", 0.5, "x"), ("TEXT", "a", b"\0"), ("", 1, b"")],
)
def test_sqlite_values_of_another_type_are_never_zero(
    sqlite: tuple[sqlite3.Connection, str], declared: str, first: Any, odd: Any
) -> None:
    connection, uri = sqlite
    connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})")
    connection.executemany("INSERT INTO t (x) VALUES (?)", [(first,)] * 200 + [(odd,)] + [(first,)] * 200)
    connection.commit()
    reader = bf.from_sql("SELECT * FROM t", uri, "x", rows_per_fetch=50)
    if isinstance(first, str):
        assert np.concatenate(list(reader.batches(100)))[200] == odd
        return
    with pytest.raises(bf.DataError, match=r"column 'x' .*(200|row 200)"):
        list(reader.batches(100))


def test_sqlite_orders_survive(sqlite: tuple[sqlite3.Connection, str]) -> None:
    connection, uri = sqlite
    connection.execute("CREATE TABLE t (x INT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(k * 7919 % 1000,) for k in range(1000)])
    connection.commit()
    reader = bf.from_sql("SELECT x FROM t ORDER BY x DESC -- the largest first", uri, "x", rows_per_fetch=10)
    assert np.concatenate(list(reader.batches(100))).tolist() == list(range(999, -1, -1))


def test_names_of_columns_are_quoted(sqlite: tuple[sqlite3.Connection, str]) -> None:
    connection, uri = sqlite
    name = 'a "b"; DROP TABLE t; -- {0}'
    quoted = name.replace('"', '""')
    connection.execute(f'CREATE TABLE t ("{quoted}" INT)')
    connection.executemany("INSERT INTO t VALUES (?)", [(k,) for k in range(100)])
    connection.commit()
    ordered = bf.from_sql("SELECT * FROM t", uri, name, order_by=name)
    batches = ordered.batches(30)
    next(batches)
    assert np.concatenate(list(ordered.batches(7, state=batches.state()))).tolist() == list(range(30, 100))
    parts = bf.from_sql("SELECT * FROM t", uri, name, partition_on=name)
    assert sorted(np.concatenate(list(parts.batches(7))).tolist()) == list(range(100))


def test_two_columns_of_one_name_are_an_error(sqlite: tuple[sqlite3.Connection, str]) -> None:
    with pytest.raises(bf.LayoutError, match="two columns of the query are called 'id': rename one with AS"):
        bf.from_sql("SELECT 1 AS id, 2 AS id", sqlite[1])


# DuckDB, whose types are those of Arrow.


def test_types_of_arrow(tmp_path: Path) -> None:
    path = tmp_path / "types.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """CREATE TABLE t AS SELECT i::UTINYINT AS u1, i::SMALLINT AS i2, i::UBIGINT AS u8, i::FLOAT AS f4,
            (i * 1.01)::DECIMAL(10, 2) AS d, (i * 123456789012345)::DECIMAL(38, 10) AS big,
            i % 2 = 0 AS b, DATE '1999-12-31' + i::INT AS day,
            TIMESTAMP '1969-12-31 23:59:59.999999' + to_days(i::INT) AS ts,
            TIMESTAMPTZ '2020-01-01 00:00:00+02' AS tz, TIME '01:02:03.5' AS t, to_minutes(i) AS span,
            [i, i + 1, i + 2]::FLOAT[3] AS array, [i, i + 1]::DOUBLE[] AS list, uuid() AS id
            FROM range(5) AS r(i)"""
        )
        rows = connection.execute("SELECT * FROM t").fetchall()
    reader = bf.from_sql("SELECT * FROM t", f"duckdb:///{path}")
    batch = next(reader.batches(5))
    columns = dict(zip(batch, zip(*rows, strict=True), strict=True))
    for name in ("u1", "i2", "u8", "f4", "b"):
        assert batch[name].tolist() == list(columns[name])
    for name in ("d", "big"):
        assert batch[name].tolist() == [float(value) for value in columns[name]]
    epoch = datetime.datetime(1970, 1, 1)
    assert batch["day"].tolist() == [(day - epoch.date()).days for day in columns["day"]]
    microsecond = datetime.timedelta(microseconds=1)
    assert batch["ts"].tolist() == [(moment - epoch) // microsecond for moment in columns["ts"]]
    assert batch["tz"].tolist() == [(datetime.datetime(2019, 12, 31, 22) - epoch) // microsecond] * 5
    assert batch["t"].tolist() == [3_723_500_000] * 5
    assert batch["span"].tolist() == [k * 60_000_000 for k in range(5)]
    assert batch["array"].tolist() == [[k, k + 1, k + 2] for k in range(5)]
    assert batch["list"].tolist() == [[k, k + 1] for k in range(5)]
    assert "microseconds since 1970, UTC" in " ".join(map(str, reader._table.columns))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("INTERVAL 2 MONTHS", "interval of months in row 0"),
        ("[1, 2][:i]", "an array of 1 in row 1, but of 0 before"),
        ("{'a': 1}", "is of type struct"),
        ("[1, NULL]", "arrays with NULL in them"),
    ],
)
def test_values_of_arrow_that_cannot_be_read(tmp_path: Path, expression: str, words: str) -> None:
    path = tmp_path / "odd.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises((bf.DataError, bf.DatabaseError), match=words):
        list(bf.from_sql(f"SELECT {expression} AS x FROM range(3) AS r(i)", f"duckdb:///{path}").batches(3))


# tf.data.


@pytest.mark.parametrize("options", [{}, {"partition_on": "id", "partitions": 3}, {"order_by": "id"}])
@pytest.mark.parametrize("order", [{}, {"shuffle": 300, "seed": 5}, {"epochs": 2}, {"drop_remainder": True}])
def test_tf_data_gives_the_same_batches(make: Make, options: dict[str, Any], order: dict[str, Any]) -> None:
    pytest.importorskip("tensorflow")
    reader = open_ticks(make(), rows_per_fetch=128, **options)
    expected = list(reader.batches(64, **order))
    dataset = reader.to_tf_dataset(64, **order)
    assert dataset.element_spec["id"].shape.as_list() == [64 if order.get("drop_remainder") else None]
    found = list(dataset.as_numpy_iterator())
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert_identical(ours, theirs)


def test_a_shuffled_dataset_goes_on_with_other_orders(make: Make) -> None:
    pytest.importorskip("tensorflow")
    reader = open_ticks(make(), "id", partition_on="id")

    def orders(**options: Any) -> list[list[int]]:
        dataset = reader.to_tf_dataset(100, shuffle=True, seed=1, **options)
        return [np.concatenate(list(dataset.as_numpy_iterator())).tolist() for _ in range(2)]

    first, second = orders()
    assert first != second
    assert sorted(first) == sorted(second)
    assert orders(reshuffle_each_iteration=False) == [first, first]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras, of any dataset of unknown size
def test_keras_trains_on_a_table(make: Make) -> None:
    keras = pytest.importorskip("keras")
    rows = [(k, k % 3, k % 7 * 1.0, "a", b"12345678") for k in range(1000)]
    features = {"x": bf.concat("n", "price"), "y": bf.field("n").scale(2)}
    dataset = open_ticks(make(rows), features).to_tf_dataset(50, label="y", shuffle=True, epochs=3)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    assert np.isfinite(model.fit(dataset, shuffle=False, verbose=0).history["loss"]).all()


def test_datasets_that_are_given_up_leave_no_connection(make: Make) -> None:
    pytest.importorskip("tensorflow")
    reader = open_ticks(make(), "id", partition_on="id", partitions=3, rows_per_fetch=10)
    dataset = reader.to_tf_dataset(10, prefetch=0)
    for _ in range(20):
        assert len(next(iter(dataset))) == 10


# Caches.


def test_a_cache_gives_a_reader_of_files(make: Make, tmp_path: Path) -> None:
    uri, folder = make(), tmp_path / "cache"
    features = {**FEATURES, "code": bf.field("symbol").fill("?").codes({"s0": 0, "s1": 1, "?": 9})}
    reader = open_ticks(uri, features, cache=folder, order_by="id")
    expected = expected_of(ROWS)
    expected["symbol"] = expected["symbol"].astype("S2")
    assert isinstance(reader, bf.Reader)
    assert len(reader) == len(ROWS)
    assert_identical(reader[:], expected)
    assert_identical(reader.take([5, 3, 2999]), {name: values[[5, 3, 2999]] for name, values in expected.items()})
    numbers = np.concatenate([batch["id"] for batch in reader.batches(64, shuffle=True, seed=1)])
    assert sorted(numbers.tolist()) == [row[0] for row in ROWS]
    (path,) = folder.iterdir()
    assert path.suffix == ".bin"


def test_the_graph_engine_reads_a_cache(make: Make, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    reader = open_ticks(make(), cache=tmp_path / "cache", order_by="id")
    for engine in ("auto", "generator"):
        batches = list(reader.to_tf_dataset(1000, engine=engine).as_numpy_iterator())
        expected = expected_of(ROWS[-1000:])
        assert_identical(batches[-1], expected)


def test_a_cache_is_found_again(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from binfeed.tables import cache  # noqa: PLC0415

    uri, folder = make(), tmp_path / "cache"
    written = []
    write = cache.write
    monkeypatch.setattr(cache, "write", lambda *arguments, **options: written.append(1) or write(*arguments, **options))

    def open_(query: str = "SELECT id, n FROM ticks WHERE n >= ?", parameters: Any = (0,), **options: Any) -> Any:
        return bf.from_sql(query, uri, "id", parameters=parameters, cache=folder, **options)

    first = open_()[:].tolist()
    assert open_()[:].tolist() == first
    assert open_("\n SELECT id, n FROM ticks WHERE n >= ? ;")[:].tolist() == first
    assert len(written) == 1
    assert len(open_(parameters=[1])) < len(first)
    assert len(open_("SELECT id, n FROM ticks", None)) == len(ROWS)
    open_(refresh=True)
    open_(order_by="id")
    assert len(written) == 5
    assert len(list(folder.iterdir())) == 4


def test_a_damaged_cache_is_made_again(make: Make, tmp_path: Path) -> None:
    uri, folder = make(), tmp_path / "cache"
    whole = open_ticks(uri, "id", cache=folder)[:]
    (path,) = folder.iterdir()
    content = path.read_bytes()
    for damaged in (
        b"",
        content[:10],
        content[:-1],
        content[:200],
        b"x" + content[1:],
        content + b"x",
        content[:16] + b"\xff" * 8,
    ):
        path.write_bytes(damaged)
        np.testing.assert_array_equal(open_ticks(uri, "id", cache=folder)[:], whole)
        assert path.read_bytes() == content


def test_processes_may_write_the_same_cache(make: Make, tmp_path: Path) -> None:
    program = """
        import sys
        import binfeed as bf
        for number in range(5):
            query = f"SELECT id, {number} AS number FROM ticks"
            reader = bf.from_sql(query, sys.argv[1], "id", cache=sys.argv[2])
            assert sorted(reader[:].tolist()) == list(range(-500, 2500))
    """
    uri = make()
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: run_program(program, uri, tmp_path / "cache"), range(3)))
    assert [result.stderr for result in results] == [""] * 3
    assert len(list((tmp_path / "cache").iterdir())) == 5


def test_memory_does_not_grow_with_the_table(make: Make) -> None:
    program = """
        import resource, sys
        import binfeed as bf
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        query = "SELECT a.id, b.price, b.packed FROM ticks AS a, ticks AS b LIMIT 1000000"
        features = {"id": "id", "price": bf.field("price").fill(0), "packed": "packed"}
        reader = bf.from_sql(query, sys.argv[1], features, layouts={"packed": "<u8"}, rows_per_fetch=1000)
        batches = reader.batches(1000)
        for _ in range(50):
            next(batches)
        before = peak()
        assert sum(len(batch["id"]) for batch in batches) == 950_000
        print(peak() - before)
    """
    result = run_program(program, make())
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 20_000  # KB; the rows have 24 MB


def test_a_cache_that_fails_leaves_nothing(make: Make, tmp_path: Path) -> None:
    rows = [(k, 0, 0.0, "", b"12345678" if k != 40 else b"123") for k in range(50)]
    with pytest.raises(bf.DataError, match="'packed' has 3 bytes, but its layout has 8, in row 40"):
        open_ticks(make(rows), "id", cache=tmp_path / "cache")
    with pytest.raises(bf.DataError, match="ends with a zero byte"):
        bf.from_sql("SELECT packed FROM ticks", make([(1, 0, 0.0, "", b"a\0")], "b"), cache=tmp_path / "cache")
    with pytest.raises(bf.DataError, match="no rows"):
        bf.from_sql("SELECT id FROM ticks", make([], "c"), cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_null_in_a_cache_is_an_error_when_it_is_opened(make: Make, tmp_path: Path) -> None:
    row = next(k for k, row in enumerate(ROWS) if row[2] is None)
    with pytest.raises(bf.DataError, match=f"'price' is NULL in row {row}, but the feature needs a value"):
        open_ticks(make(), "price", cache=tmp_path / "cache", order_by="id")


def test_states_of_a_cache_are_those_of_files(make: Make, tmp_path: Path) -> None:
    reader = open_ticks(make(), "id", cache=tmp_path / "cache")
    batches = reader.batches(100, shuffle=True, seed=1)
    next(batches)
    rest = np.concatenate(list(reader.batches(100, shuffle=True, seed=1, state=batches.state())))
    assert len(rest) == len(ROWS) - 100


# What drivers of the DB-API give.


def sqlite_function(path: Path, values: list[Any]) -> Callable[[], sqlite3.Connection]:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    connection.close()
    return lambda: sqlite3.connect(path, check_same_thread=False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 1, 2, 3, 4.5, 5.5], r"column 'x' holds int64, but 4\.5 in row 4"),
        ([0.5, 1.5, 2.5, 3.5, 2**53 + 1], r"column 'x' holds float64, but 9007199254740993 in row 4"),
        ([1, 2, 3, 4, "x"], r"column 'x' holds int64, but 'x' in row 4"),
    ],
)
def test_values_of_python_keep_their_type(tmp_path: Path, values: list[Any], words: str) -> None:
    connect = sqlite_function(tmp_path / "a.db", values)
    with pytest.raises(bf.DataError, match=words):
        list(bf.from_sql("SELECT x FROM t", connect, rows_per_fetch=4).batches(2))


class FixedRows:
    """A connection of the DB-API that gives some rows, whatever is asked."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = iter(rows)
        self.description = [("x", None)]

    def cursor(self) -> FixedRows:
        return self

    def execute(self, *_: Any) -> None:
        pass

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        return [row for _, row in zip(range(count), self._rows, strict=False)]

    def close(self) -> None:
        pass


UTC = datetime.timezone.utc


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], [True, False]),
        ([1, 2.5], [1.0, 2.5]),
        ([Decimal("0.07"), 3], [0.07, 3.0]),
        ([datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)], [-1]),
        (
            [datetime.datetime(2000, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))],
            [946_684_800_000_000],
        ),
        ([datetime.date(1969, 12, 31)], [-1]),
        ([datetime.time(0, 0, 1, 5)], [1_000_005]),
        ([datetime.timedelta(days=-1)], [-86_400_000_000]),
        ([memoryview(b"ab"), bytearray(b"c")], [b"ab", b"c"]),
        ([[1.5, None], (2, 3)], [[1.5, float("nan")], [2.0, 3.0]]),
    ],
)
def test_values_of_python(values: list[Any], expected: list[Any]) -> None:
    reader = bf.from_sql("SELECT x", lambda: FixedRows([(value,) for value in values]), "x")
    np.testing.assert_array_equal(np.concatenate(list(reader.batches(1))).tolist(), expected)


@pytest.mark.parametrize(
    ("first", "odd"),
    [
        (True, 0.5),
        (1, 2**63),
        (datetime.datetime(2000, 1, 1), 5),
        (datetime.datetime(2000, 1, 1), datetime.datetime(2000, 1, 1, tzinfo=UTC)),
        (datetime.time(1), datetime.time(1, tzinfo=UTC)),
        ("a", 5),
        (0.5, "a"),
        ([1, 2], [1, 2, 3]),
        ([1, 2], [0.5, 2]),
    ],
)
def test_values_of_python_of_another_type_are_errors(first: Any, odd: Any) -> None:
    reader = bf.from_sql("SELECT x", lambda: FixedRows([(first,), (odd,)]), "x", rows_per_fetch=1)
    with pytest.raises(bf.DataError, match=r"column 'x'.* in row 1"):
        list(reader.batches(1))
    with pytest.raises(bf.DataError, match=r"column 'x' has .* in row 0"):
        bf.from_sql("SELECT x", lambda: FixedRows([({},)]), "x")


# What else may go wrong.


def test_named_parameters_are_bound(make: Make) -> None:
    mark = "$" if "duckdb" in (uri := make()) else ":"
    reader = bf.from_sql(
        f"SELECT id FROM ticks WHERE id < {mark}last", uri, "id", parameters={"last": -498}, order_by="id"
    )
    assert np.concatenate(list(reader.batches(10))).tolist() == [-500, -499]
    batches = reader.batches(1)
    next(batches)
    assert np.concatenate(list(reader.batches(1, state=batches.state()))).tolist() == [-499]


def test_databases_and_literals_are_told_apart(make: Make, tmp_path: Path) -> None:
    folder, packed = tmp_path / "cache", b"12345678"
    one, other = make([(1, 0, 0.0, "a b", packed)], "one"), make([(2, 0, 0.0, "a  b", packed)], "two")
    query = "SELECT id FROM ticks WHERE symbol = 'a b'"
    assert bf.from_sql(query, one, "id", cache=folder)[:].tolist() == [1]
    with pytest.raises(bf.DataError, match="no rows"):
        bf.from_sql(query, other, "id", cache=folder)
    assert bf.from_sql(query.replace("a b", "a  b"), other, "id", cache=folder)[:].tolist() == [2]
    state = bf.from_sql(query, one, "id", order_by="id").batches(1).state()
    with pytest.raises(bf.StateError, match="another query"):
        bf.from_sql(query, other, "id", order_by="id").batches(1, state=state)
    with pytest.raises(ValueError, match="needs the URI of a database"):
        bf.from_sql("SELECT x", lambda: FixedRows([(1,)]), "x", cache=folder)


def test_relative_paths_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        make_sqlite(folder / "t.db", [(number, 0, 0.0, "", b"")])
        monkeypatch.chdir(folder)
        found.append(bf.from_sql("SELECT id FROM ticks", "sqlite:///t.db", "id", cache=tmp_path / "cache")[0])
    assert found == [1, 2]


def test_text_in_a_cache_may_be_shorter_than_codes_and_fills(make: Make, tmp_path: Path) -> None:
    features = {
        "code": bf.field("symbol").fill("something").codes({"something": 7, "s1": 1, "else": 3}),
        "hot": bf.concat(bf.field("symbol").fill("none").codes({"s0": 1}, default=5).one_hot(6), "n"),
    }
    streamed = joined(open_ticks(make(), features, order_by="id").batches(500))
    cached = open_ticks(make(name="b"), features, order_by="id", cache=tmp_path / "cache")[:]
    assert_identical(cached, streamed)
    assert 7 in streamed["code"]
    with pytest.raises(bf.FeatureError, match="longer than S2"):
        open_ticks(make(name="c"), bf.field("symbol").fill("something"), cache=tmp_path / "cache")


def test_fills_of_text_keep_zero_bytes(make: Make) -> None:
    features = {"text": bf.field("symbol").fill(b"x\0"), "code": bf.field("symbol").fill(b"x\0").codes({b"x\0": 7})}
    batch = next(open_ticks(make(), features, order_by="id").batches(20))
    assert batch["text"].tolist().count(b"x\0") == (batch["code"] == 7).sum() > 0


def test_features_of_one_column_do_not_share_memory(make: Make) -> None:
    batch = next(open_ticks(make(), {"a": bf.field("symbol").fill(""), "b": bf.field("symbol").fill("")}).batches(9))
    batch["a"][0] = b"changed"
    assert batch["b"][0] != b"changed"


def test_columns_are_found_by_name_when_a_table_changes(make: Make, tmp_path: Path) -> None:
    if "duckdb" in (uri := make(ROWS[:3])):
        connect: Any = lambda: duckdb.connect(uri.removeprefix("duckdb:///"))  # noqa: E731
    else:
        connect = lambda: sqlite3.connect(uri.removeprefix("sqlite:///"))  # noqa: E731
    reader = bf.from_sql("SELECT * FROM ticks ORDER BY id", uri, "id")
    with contextlib.closing(connect()) as connection:
        connection.execute("CREATE TABLE other AS SELECT 'new' AS new, packed, symbol, price, n, id FROM ticks")
        connection.execute("DROP TABLE ticks")
        connection.execute("ALTER TABLE other RENAME TO ticks")
        connection.commit()
    assert np.concatenate(list(reader.batches(10))).tolist() == [-500, -499, -498]
    with contextlib.closing(connect()) as connection:
        connection.execute("ALTER TABLE ticks DROP COLUMN n")
        connection.commit()
    with pytest.raises(bf.DatabaseError, match="n"):
        list(reader.batches(10))


def test_orders_within_a_query_survive(make: Make) -> None:
    reader = bf.from_sql("SELECT id FROM ticks ORDER BY n, id DESC", make(), "id", rows_per_fetch=100)
    expected = [row[0] for row in sorted(ROWS, key=lambda row: (row[1], -row[0]))]
    assert np.concatenate(list(reader.batches(100))).tolist() == expected


def test_a_query_without_columns(sqlite: tuple[sqlite3.Connection, str]) -> None:
    with pytest.raises((ValueError, bf.DatabaseError)):
        bf.from_sql("SELECT", sqlite[1])


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_fork_leaves_the_connections_of_its_parent(make: Make, partitions: int) -> None:
    program = """
        import gc, os, sys, warnings
        import binfeed as bf
        warnings.simplefilter("ignore")  # Python warns of forks while there are threads
        options = {"partition_on": "id", "partitions": int(sys.argv[2])}
        batches = bf.from_sql("SELECT id FROM ticks", sys.argv[1], "id", rows_per_fetch=10, **options).batches(10)
        count = len(next(batches))
        child = os.fork()
        if child == 0:
            try:
                next(batches)
            except RuntimeError as error:
                print(error, flush=True)
            del batches
            gc.collect()
            os._exit(0)
        print(os.waitpid(child, 0)[1], count + sum(map(len, batches)))
    """
    result = run_program(program, make(), partitions)
    assert result.stdout.splitlines() == [
        "a fork cannot use the connections of its parent: call batches() in the fork",
        "0 3000",
    ], result.stderr


def test_endless_epochs_without_a_batch_end(make: Make) -> None:
    assert list(open_ticks(make(), "id").batches(5000, drop_remainder=True, epochs=None)) == []


def test_keys_that_the_database_takes_for_equal_are_not_unique(sqlite: tuple[sqlite3.Connection, str]) -> None:
    connection, uri = sqlite
    connection.execute("CREATE TABLE t (k TEXT COLLATE NOCASE, b BLOB)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(key, key.encode()) for key in "aAbBcC"])
    connection.commit()
    with pytest.raises(bf.DataError, match="order_by='k' has 3 values in 6 rows"):
        bf.from_sql("SELECT k FROM t", uri, order_by="k")
    with pytest.raises(ValueError, match="not by b: bytes"):
        bf.from_sql("SELECT b FROM t", uri, order_by="b")


def test_a_connection_may_serve_only_its_thread(tmp_path: Path) -> None:
    make_sqlite(tmp_path / "a.db", ROWS)
    connect = lambda: sqlite3.connect(tmp_path / "a.db")  # noqa: E731
    reader = bf.from_sql("SELECT id FROM ticks", connect, "id", partition_on="id", partitions=1)
    assert len(np.concatenate(list(reader.batches(100)))) == len(ROWS)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[[1, 2], NULL]::DOUBLE[][]", [[1, 2], [float("nan")] * 2]),
        ("[[1, 2], [3, NULL]]::DOUBLE[][]", [[1, 2], [3, float("nan")]]),
        ("INTERVAL (200000000) DAYS", "error"),
        ("'12:00:00+05'::TIMETZ", "error"),
        ("'101'::BIT", "error"),
    ],
)
def test_odd_values_of_arrow(tmp_path: Path, expression: str, expected: Any) -> None:
    path = tmp_path / "odd.duckdb"
    duckdb.connect(str(path)).close()
    query = f"SELECT {expression} AS x FROM range(3)"
    if expected == "error":
        with pytest.raises((bf.DataError, bf.DatabaseError)):
            list(bf.from_sql(query, f"duckdb:///{path}").batches(3))
        return
    batch = next(bf.from_sql(query, f"duckdb:///{path}", "x").batches(3))
    np.testing.assert_array_equal(batch, [expected] * 3)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:pa@ss@host/db?application_name=a@b", "postgresql://me@host/db?application_name=a@b"),
        ("postgresql://me:a/b@host:5/db", "postgresql://me@host:5/db"),
        ("postgresql://host/db?user=me&pass%77ord=hush&sslmode=off", "postgresql://host/db?user=me&sslmode=off"),
        ("duckdb:///x.duckdb?motherduck_token=hush", "duckdb:///x.duckdb"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("postgresql://me:p@ss:w/rd%?#@host/db?sslmode=off", "postgresql://me@host/db?sslmode=off"),
        ("postgresql://host/db?user=me&password=SEK&RET", "postgresql://host/db?user=me"),
    ],
)
def test_uris_are_shown_without_secrets(uri: str, shown: str) -> None:
    assert without_credentials(uri)[0] == shown
