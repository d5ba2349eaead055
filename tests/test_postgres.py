"""Tables of a real PostgreSQL, against the values that psycopg gives."""

from __future__ import annotations

import datetime
import json
import logging
import threading
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.tables import libpq

from benchmarks.postgres import Postgres
from tests.helpers import assert_identical, joined, run_program

if TYPE_CHECKING:
    import psycopg
else:
    psycopg = pytest.importorskip("psycopg", reason="the extra 'sql' is not installed")

ROWS = 3000


@pytest.fixture
def database(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty database."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        yield connection


@pytest.fixture
def ticks(database: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The same, with a table ``ticks``."""
    database.execute("CREATE TABLE ticks (id bigint PRIMARY KEY, price float8, symbol text, embedding bytea, n int)")
    database.execute(
        f"""INSERT INTO ticks SELECT g, CASE WHEN g % 11 <> 3 THEN g * 0.5 END, 's' || g % 5,
        decode(lpad(to_hex(g), 16, '0'), 'hex'), g % 7 FROM generate_series(1, {ROWS}) AS g"""
    )
    return database


@pytest.fixture(params=["libpq", "psycopg"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How rows come from the server: by the core from libpq, or as objects of psycopg."""
    if request.param == "psycopg":
        monkeypatch.setattr(libpq, "functions", lambda: None)
    return str(request.param)


FEATURES = {
    "id": bf.field("id"),
    "price": bf.field("price").fill(0),
    "code": bf.field("symbol").codes({"s0": 0, "s3": 3}),
    "symbol": bf.field("symbol"),
    "packed": bf.field("embedding"),
}


def open_ticks(postgres: Postgres, features: Any = FEATURES, **options: Any) -> Any:
    return bf.from_sql("SELECT * FROM ticks", postgres.url, features, layouts={"embedding": ">u8"}, **options)


def expected() -> dict[str, Any]:
    ids = np.arange(1, ROWS + 1)
    return {
        "id": ids,
        "price": np.where(ids % 11 == 3, 0, ids * 0.5),
        "code": np.array([{0: 0, 3: 3}.get(k % 5, -1) for k in ids], np.int32),
        "symbol": np.array([f"s{k % 5}".encode() for k in ids], object),
        "packed": ids.astype(np.uint64),
    }


@pytest.mark.parametrize("rows_per_fetch", [1, 999, 5000])
def test_all_values_are_those_of_the_table(
    postgres: Postgres, ticks: psycopg.Connection[Any], way: str, rows_per_fetch: int
) -> None:
    reader = open_ticks(postgres, order_by="id", rows_per_fetch=rows_per_fetch)
    assert_identical(joined(reader.batches(64)), expected())


def test_the_core_reads_from_the_library_of_psycopg() -> None:
    assert libpq.functions() is not None


TYPES: dict[str, tuple[str, Any]] = {
    "boolean": ("true", True),
    "smallint": ("-3", -3),
    "integer": ("2147483647", 2**31 - 1),
    "bigint": ("-9223372036854775808", -(2**63)),
    "oid": ("4000000000", 4_000_000_000),
    "real": ("0.1", float(np.float32(0.1))),
    "double precision": ("0.1", 0.1),
    "numeric": ("12345678901234567890.0123456789", float(Decimal("12345678901234567890.0123456789"))),
    "numeric(10, 2)": ("-0.07", -0.07),
    "text": ("'é'", "é".encode()),
    "varchar(5)": ("'ab'", b"ab"),
    "char(3)": ("'ab'", b"ab "),
    "bytea": ("'\\x00ff00'", b"\0\xff\0"),
    "json": ("'[1]'", b"[1]"),
    "mood": ("'sad'", b"sad"),
    "cents": ("7", 7),
    "date": ("'1969-12-31'", -1),
    "time": ("'00:00:01.5'", 1_500_000),
    "timestamp": ("'2024-02-29 12:00:00.000001'", 1_709_208_000_000_001),
    "timestamptz": ("'1970-01-01 02:00:00+02'", 0),
    "interval": ("'1 day 2 seconds'", 86_402_000_000),
    "uuid": ("'00112233-4455-6677-8899-aabbccddeeff'", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff").bytes),
    "float8[]": ("'{1,NULL,3}'", [1.0, float("nan"), 3.0]),
    "int[]": ("'{{1,2},{3,4}}'", [[1, 2], [3, 4]]),
}


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_and_its_null(postgres: Postgres, database: psycopg.Connection[Any], way: str, type_: str) -> None:
    written, value = TYPES[type_]
    database.execute("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN cents AS int")
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, x {type_})")
    database.execute(f"INSERT INTO t VALUES (1, {written}), (2, NULL), (3, {written})")
    reader = bf.from_sql("SELECT x, id FROM t ORDER BY id", postgres.url, {"none": bf.field("x").is_missing()})
    is_text = reader._table.columns[0].kind == "bytes"
    is_float = "<f" in reader._table.columns[0].kind
    none = joined(reader.batches(2))["none"].reshape(3, -1)
    assert none[1].all()
    assert is_float or not none[[0, 2]].any()
    whole = bf.from_sql("SELECT x FROM t WHERE x IS NOT NULL", postgres.url, "x")
    found = np.concatenate(list(whole.batches(1)))
    if isinstance(value, bytes) and not is_text:
        assert [each.tobytes() for each in found] == [value] * 2
    else:
        np.testing.assert_array_equal(found, np.array([value] * 2, object if is_text else None))
    if not is_text and type_ not in ("uuid",):
        filled = bf.from_sql("SELECT x FROM t ORDER BY id", postgres.url, bf.field("x").fill(1))
        np.testing.assert_array_equal(np.concatenate(list(filled.batches(5)))[1], np.ones_like(found[0]))


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_in_a_cache(
    postgres: Postgres, database: psycopg.Connection[Any], tmp_path: Path, type_: str
) -> None:
    written, _ = TYPES[type_]
    database.execute("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN cents AS int")
    database.execute(f"CREATE TABLE t (x {type_}); INSERT INTO t VALUES ({written}), ({written})")
    streamed = np.concatenate(list(bf.from_sql("SELECT x FROM t", postgres.url, "x").batches(1)))
    if type_ == "bytea":
        with pytest.raises(bf.DataError, match="ends with a zero byte"):
            bf.from_sql("SELECT x FROM t", postgres.url, "x", cache=tmp_path)
        return
    cached = bf.from_sql("SELECT x FROM t", postgres.url, "x", cache=tmp_path)[:]
    np.testing.assert_array_equal(cached, streamed.astype(cached.dtype))


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("'1.2.3.4'::inet", "column 'x' is of type inet, which cannot be read: convert it"),
        ("'{}'::jsonb", "of type jsonb"),
        ("ROW(1, 2)", "of type record"),
        ("interval '1 month'", "row 0, column 'x': an interval of 1 month"),
        ("NULL::int[]", "holds arrays whose shape is unknown"),
        ("CASE WHEN g < 5 THEN '{1,2}'::int[] ELSE '{1}' END", "row 4"),
        ("CASE WHEN g < 5 THEN '{1,2}'::int[] ELSE '{1,NULL}' END", "row 4"),
    ],
)
def test_values_that_cannot_be_read(postgres: Postgres, way: str, expression: str, words: str) -> None:
    with pytest.raises((bf.DataError, bf.DatabaseError), match=words):
        list(bf.from_sql(f"SELECT {expression} AS x FROM generate_series(1, 9) AS g", postgres.url, "x").batches(3))


def test_infinite_times_are_the_ends_of_the_range(postgres: Postgres) -> None:
    reader = bf.from_sql("SELECT 'infinity'::timestamp AS a, '-infinity'::date AS b", postgres.url)
    batch = next(reader.batches(1))
    assert (batch["a"][0], batch["b"][0]) == (2**63 - 1, -(2**63))


def test_parameters_are_bound(postgres: Postgres, ticks: psycopg.Connection[Any], way: str) -> None:
    evil = "s1'; DROP TABLE ticks; --"
    reader = bf.from_sql(
        "SELECT id FROM ticks WHERE symbol <> %s AND id > %s", postgres.url, "id", parameters=[evil, 10]
    )
    assert len(np.concatenate(list(reader.batches(100)))) == ROWS - 10
    named = bf.from_sql(
        "SELECT * FROM ticks WHERE id <= %(last)s AND symbol LIKE 's%%'",
        postgres.url,
        "id",
        parameters={"last": 50},
        order_by="id",
    )
    batches = named.batches(20)
    next(batches)
    assert np.concatenate(list(named.batches(7, state=batches.state()))).tolist() == list(range(21, 51))
    plain = bf.from_sql("SELECT * FROM ticks WHERE symbol LIKE 's%'", postgres.url, "id", order_by="id")
    batches = plain.batches(2000)
    next(batches)
    assert np.concatenate(list(plain.batches(7, state=batches.state()))).tolist() == list(range(2001, ROWS + 1))


def test_parameters_in_the_columns_have_one_type(postgres: Postgres, ticks: psycopg.Connection[Any], way: str) -> None:
    query = "SELECT id, %s AS tag, n * %s AS scaled FROM ticks"
    reader = bf.from_sql(query, postgres.url, parameters=[7, 0.5], order_by="id")
    batch = next(reader.batches(5))
    assert batch["tag"].tolist() == [7] * 5
    assert batch["scaled"].tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
    zero = bf.from_sql("SELECT n * %s AS scaled FROM ticks", postgres.url, "scaled", parameters=[0.0])
    assert not np.concatenate(list(zero.batches(100))).any()


def test_arrays_need_not_be_in_every_partition(postgres: Postgres, database: psycopg.Connection[Any]) -> None:
    database.execute(
        "CREATE TABLE t AS SELECT g AS id, CASE WHEN g < 5 THEN ARRAY[g, 1.5] END AS v FROM generate_series(0, 9) AS g"
    )
    database.execute("INSERT INTO t VALUES (1000, NULL)")
    reader = bf.from_sql("SELECT * FROM t", postgres.url, bf.field("v").fill(-1), partition_on="id", partitions=4)
    assert np.concatenate(list(reader.batches(3))).tolist() == [[g, 1.5] for g in range(5)] + [[-1, -1]] * 6


def test_columns_are_found_by_name_when_a_table_changes(
    postgres: Postgres, ticks: psycopg.Connection[Any], way: str
) -> None:
    reader = bf.from_sql(
        "SELECT * FROM ticks WHERE symbol LIKE %s ORDER BY n DESC, id", postgres.url, "n", parameters=["s%"]
    )
    before = np.concatenate(list(reader.batches(100)))
    assert (np.diff(before) <= 0).all()
    ticks.execute("CREATE TABLE other AS SELECT 1 AS new, n, embedding, symbol, price, id FROM ticks")
    ticks.execute("DROP TABLE ticks; ALTER TABLE other RENAME TO ticks")
    np.testing.assert_array_equal(np.concatenate(list(reader.batches(100))), before)
    with pytest.raises(ValueError, match="the query has no columns"):
        bf.from_sql("SELECT FROM ticks", postgres.url)


def test_names_of_columns_may_hold_signs(postgres: Postgres, database: psycopg.Connection[Any]) -> None:
    database.execute("""CREATE TABLE t AS SELECT g AS "a %s" FROM generate_series(1, 9) AS g""")
    for parameters in (None, [0]):
        where = 'WHERE "a %%s" > %s' if parameters else ""
        reader = bf.from_sql(f"SELECT * FROM t {where}", postgres.url, "a %s", parameters=parameters)
        assert np.concatenate(list(reader.batches(5))).tolist() == list(range(1, 10))
    with pytest.raises(ValueError, match="rename it with AS"):
        bf.from_sql("SELECT * FROM t", postgres.url, order_by="a %s")


def test_settings_of_a_connection_change_nothing(postgres: Postgres, ticks: psycopg.Connection[Any]) -> None:
    ticks.execute("INSERT INTO ticks VALUES (-1, 1, 'é')")

    def connect() -> Any:
        return psycopg.connect(
            postgres.url, client_encoding="latin1", row_factory=psycopg.rows.dict_row, autocommit=True
        )

    options: dict[str, Any] = {"order_by": "id"}
    for _ in range(2):
        reader = bf.from_sql("SELECT id, symbol FROM ticks", connect, bf.field("symbol").codes({"é": 5}), **options)
        assert np.concatenate(list(reader.batches(100))).tolist().count(5) == 1
        options = {"partition_on": "id", "partitions": 2}


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "text", "int"])
def test_states_keep_keys_of_any_type(postgres: Postgres, database: psycopg.Connection[Any], kind: str) -> None:
    moment = "timestamptz '2024-01-01 00:00:00.000001+01' + g * interval '1 day'"
    key = {"text": "lpad(g::text, 5, '0')", "int": "g"}.get(kind, f"({moment})::{kind}")
    database.execute(f"CREATE TABLE t AS SELECT {key} AS k, g AS id FROM generate_series(1, 100) AS g")
    reader = bf.from_sql("SELECT * FROM t", postgres.url, "id", order_by="k")
    batches = reader.batches(30)
    next(batches)
    state = json.loads(json.dumps(batches.state()))
    assert np.concatenate(list(reader.batches(30, state=state))).tolist() == list(range(31, 101))


@pytest.mark.parametrize("partitions", [2, 5])
def test_partitions_see_one_snapshot(
    postgres: Postgres, ticks: psycopg.Connection[Any], way: str, partitions: int
) -> None:
    reader = open_ticks(postgres, "id", partition_on="id", partitions=partitions, rows_per_fetch=10)
    batches = reader.batches(10)
    first = next(batches)
    ticks.execute("DELETE FROM ticks WHERE id > 100")
    ticks.execute("INSERT INTO ticks SELECT g FROM generate_series(5000, 6000) AS g")
    found = np.concatenate([first, *batches])
    assert sorted(found.tolist()) == list(range(1, ROWS + 1))
    again = np.concatenate(list(reader.batches(10)))
    assert sorted(again.tolist()) == [*range(1, 101), *range(5000, 6001)]


def test_null_and_negative_keys_are_in_a_partition(postgres: Postgres, database: psycopg.Connection[Any]) -> None:
    database.execute("CREATE TABLE t (k int, id int)")
    keys = [None, -(2**31), 2**31 - 1, 0, -1, None, 5, 5, 5]
    with database.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(key, number) for number, key in enumerate(keys)])
    for partitions in (1, 2, 3, 50):
        reader = bf.from_sql("SELECT * FROM t", postgres.url, "id", partition_on="k", partitions=partitions)
        assert sorted(np.concatenate(list(reader.batches(2))).tolist()) == list(range(len(keys)))
    with pytest.raises(ValueError, match="divided by ranges of integers, not by k: float64"):
        bf.from_sql("SELECT 0.5::float8 AS k", postgres.url, partition_on="k")


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM ticks RETURNING *) SELECT * FROM gone",
        "SELECT * FROM ticks; DELETE FROM ticks",
        "SELECT * FROM ticks) TO STDOUT; DELETE FROM ticks; COPY (SELECT 1",
        "SELECT set_config('x.y', '1', false), pg_notify('a', 'b'), nextval('s')",
    ],
)
def test_nothing_is_written(postgres: Postgres, ticks: psycopg.Connection[Any], query: str) -> None:
    ticks.execute("CREATE SEQUENCE s")
    with pytest.raises(bf.DatabaseError):
        list(bf.from_sql(query, postgres.url).batches(10))
    row = ticks.execute("SELECT count(*) FROM ticks").fetchone()
    assert row == (ROWS,)


def test_mistakes_are_told_by_the_server(postgres: Postgres, ticks: psycopg.Connection[Any]) -> None:
    with pytest.raises(bf.DatabaseError, match='column "prise" does not exist'):
        bf.from_sql("SELECT prise FROM ticks", postgres.url)
    with pytest.raises(bf.DatabaseError, match='relation "tick" does not exist'):
        bf.from_sql("SELECT * FROM tick", postgres.url)
    with pytest.raises(bf.FeatureError, match="did you mean 'price'"):
        bf.from_sql("SELECT * FROM ticks", postgres.url, "prise")
    with pytest.raises(bf.DatabaseError, match="division by zero"):
        list(bf.from_sql("SELECT 1 / (id - 2000) AS x FROM ticks", postgres.url).batches(10))
    with pytest.raises(bf.DatabaseError, match='database "nowhere" does not exist'):
        bf.from_sql("SELECT 1", postgres.url.replace("/postgres", "/nowhere").replace("nowhereql", "postgresql"))


def test_a_server_that_is_not_there(postgres: Postgres) -> None:
    with pytest.raises(bf.DatabaseError, match=r"connecting: .*refused"):
        bf.from_sql("SELECT 1", "postgresql://me:hush@127.0.0.1:1/x")


def test_secrets_are_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Postgres("scram-sha-256") as server:
        secret = server.password
        reader = bf.from_sql("SELECT g AS id FROM generate_series(1, 9) AS g", server.url, order_by="id")
        batches = reader.batches(3)
        shown = [repr(reader), str(reader), json.dumps(batches.state()), repr(batches)]
        cached = bf.from_sql("SELECT 1 AS x", server.url, cache=tmp_path)
        shown += [repr(cached), json.dumps(cached.batches(1).state())]
        shown += [path.name + path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()]
        for uri in (
            server.url.replace(secret, "wrong-word"),
            server.url.replace("127.0.0.1", "nowhere.invalid"),
            server.url.replace("/postgres", f"/nowhere?password={secret}").replace("nowhereql", "postgresql"),
            f"postgresql://{server.user}@127.0.0.1:{server.port}/postgres?password={secret}&nonsense=1",
            f"postgresql://{server.user}:{secret}@127.0.0.1:{server.port}x/postgres",
            f"postgresql://{server.user}:p%40ss@{secret}@127.0.0.1/postgres",
        ):
            with pytest.raises((bf.DatabaseError, ValueError)) as caught:
                bf.from_sql("SELECT 1", uri)
            error: BaseException | None = caught.value
            while error is not None:
                shown.append(repr(error))
                error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        server.stop()
        with pytest.raises(bf.DatabaseError) as caught:
            list(reader.batches(3))
        shown.append(repr(caught.value))
    for text in [*shown, caplog.text]:
        assert secret not in text
        assert "wrong-word" not in text
        assert "p%40ss" not in text


MANY = 300_000


@pytest.fixture
def many(ticks: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The same, with more rows than a server sends before they are taken."""
    ticks.execute("SET synchronous_commit TO on")  # a crash of the server loses nothing
    ticks.execute(f"INSERT INTO ticks SELECT g, 1, repeat('x', 50) FROM generate_series({ROWS + 1}, {MANY}) AS g")
    return ticks


def test_a_lost_connection_names_the_last_key(postgres: Postgres, many: psycopg.Connection[Any], way: str) -> None:
    reader = bf.from_sql("SELECT * FROM ticks", postgres.url, "id", order_by="id", rows_per_fetch=50)
    batches = reader.batches(50)
    found = [next(batches)]
    terminate_others(postgres)
    with pytest.raises(bf.DatabaseError, match=r"the last key was \d+, after \d+ rows: go on from a state"):
        found.extend(batches)
    state = batches.state()
    rest = list(reader.batches(1000, state=state))
    assert len(found) < MANY // 50
    assert np.concatenate([*found, *rest]).tolist() == list(range(1, MANY + 1))


def terminate_others(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%COPY%' AND pid <> pg_backend_pid()"
        )


def test_a_lost_connection_is_made_again(postgres: Postgres, many: psycopg.Connection[Any], way: str) -> None:
    reader = open_ticks(postgres, "id", order_by="id", rows_per_fetch=10, retries=2)
    batches = reader.batches(10)
    found = [next(batches)]
    terminate_others(postgres)
    found += list(batches)
    assert np.concatenate(found).tolist() == list(range(1, MANY + 1))


def test_retries_outlast_a_restart_of_the_server(postgres: Postgres, many: psycopg.Connection[Any], way: str) -> None:
    reader = bf.from_sql("SELECT * FROM ticks", postgres.url, "id", order_by="id", rows_per_fetch=10, retries=30)
    batches = reader.batches(1000)
    found = [next(batches)]
    postgres.stop("immediate")
    starting = threading.Timer(1.5, postgres.start)
    starting.start()
    found.extend(batches)
    starting.join()
    assert np.concatenate(found).tolist() == list(range(1, MANY + 1))


def test_a_server_that_stops(postgres: Postgres, many: psycopg.Connection[Any], way: str) -> None:
    reader = bf.from_sql("SELECT * FROM ticks", postgres.url, "id", order_by="id", rows_per_fetch=10)
    batches = reader.batches(10)
    next(batches)
    state = batches.state()
    postgres.stop("immediate")
    try:
        with pytest.raises(bf.DatabaseError, match="the last key was"):
            list(batches)
        with pytest.raises(bf.DatabaseError, match="connecting"):
            list(reader.batches(10))
    finally:
        postgres.start()
    assert len(np.concatenate(list(reader.batches(1000, state=state)))) == MANY - 10


def test_functions_make_connections(postgres: Postgres, ticks: psycopg.Connection[Any]) -> None:
    reader = bf.from_sql(
        "SELECT * FROM ticks",
        lambda: psycopg.connect(postgres.url),
        FEATURES,
        layouts={"embedding": ">u8"},
        partition_on="id",
        partitions=2,
    )
    found = joined(reader.batches(64))
    order = np.argsort(found["id"])
    assert_identical({name: values[order] for name, values in found.items()}, expected())


def test_iterations_that_are_given_up_close_their_connections(
    postgres: Postgres, ticks: psycopg.Connection[Any]
) -> None:
    reader = open_ticks(postgres, "id", partition_on="id", partitions=3, rows_per_fetch=10)
    for _ in range(5):
        batches = reader.batches(10)
        next(batches)
        batches.close()
    del batches
    row = ticks.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    assert row[0] <= 1  # a backend may take a moment to end


@pytest.mark.parametrize("partitions", [1, 3])
def test_ctrl_c_ends_a_slow_query(postgres: Postgres, partitions: int) -> None:
    program = """
        import sys, threading, time, signal, os
        import binfeed as bf
        query = "SELECT g AS id, pg_sleep(CASE WHEN g > 50 THEN 100 END) IS NULL FROM generate_series(1, 100) AS g"
        url, partitions = sys.argv[1], int(sys.argv[2])
        reader = bf.from_sql(query, url, partition_on="id", partitions=partitions, rows_per_fetch=1)
        threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        try:
            list(reader.batches(1))
        except KeyboardInterrupt:
            print(time.monotonic() - start < 10)
    """
    result = run_program(program, postgres.url, partitions)
    assert result.stdout.split() == ["True"], result.stderr


def test_tf_data_reads_partitions(postgres: Postgres, ticks: psycopg.Connection[Any], way: str) -> None:
    pytest.importorskip("tensorflow")
    reader = open_ticks(postgres, partition_on="id", partitions=3, rows_per_fetch=100)
    wanted = list(reader.batches(64, epochs=2))
    found = list(reader.to_tf_dataset(64, epochs=2).as_numpy_iterator())
    for ours, theirs in zip(found, wanted, strict=True):
        assert_identical(ours, theirs)


def test_many_threads_share_a_reader(postgres: Postgres, ticks: psycopg.Connection[Any], way: str) -> None:
    reader = open_ticks(postgres, "id", order_by="id", rows_per_fetch=100)
    results: list[list[int]] = []

    def read() -> None:
        results.append(np.concatenate(list(reader.batches(100))).tolist())

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(1, ROWS + 1))] * 6


def test_the_difference_of_time_zones_changes_nothing(postgres: Postgres, database: psycopg.Connection[Any]) -> None:
    database.execute(
        "CREATE TABLE t AS SELECT timestamptz '2024-07-01 12:00:00+02' + g * interval '1 h' AS at "
        "FROM generate_series(1, 50) AS g"
    )
    database.execute("ALTER DATABASE postgres SET timezone = 'America/New_York'")
    try:
        reader = bf.from_sql("SELECT * FROM t", postgres.url, "at", order_by="at")
        batches = reader.batches(20)
        first = next(batches)
        start = datetime.datetime(2024, 7, 1, 11, tzinfo=datetime.timezone.utc).timestamp()
        assert first[0] == start * 1_000_000
        assert len(np.concatenate(list(reader.batches(20, state=batches.state())))) == 30
    finally:
        database.execute("ALTER DATABASE postgres RESET timezone")
