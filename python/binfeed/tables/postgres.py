"""PostgreSQL: rows come with ``COPY ... (FORMAT binary)`` through psycopg, and the core parses them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from binfeed._core import CopyParser
from binfeed.errors import DatabaseError, DataError, shown
from binfeed.extras import require
from binfeed.tables import libpq
from binfeed.tables.columns import BYTES, Block, Column, ColumnType, refuse
from binfeed.tables.database import Connection, Database, without_credentials
from binfeed.tables.query import Query, qualified, selected

#: How the core parses each type, by its number in pg_type, and what its numbers stand for.
_KINDS = {
    16: ("bool", ""),
    17: ("bytes", "bytea"),
    18: ("bytes", ""),  # "char"
    19: ("bytes", ""),  # name
    20: ("int64", ""),
    21: ("int16", ""),
    23: ("int32", ""),
    25: ("bytes", ""),  # text
    26: ("uint32", ""),  # oid
    114: ("bytes", ""),  # json
    700: ("float32", ""),
    701: ("float64", ""),
    1042: ("bytes", ""),  # char(n)
    1043: ("bytes", ""),  # varchar
    1082: ("date", "days since 1970"),
    1083: ("time", "microseconds since midnight"),
    1114: ("timestamp", "microseconds since 1970"),
    1184: ("timestamp", "microseconds since 1970, UTC"),
    1186: ("interval", "microseconds"),
    1700: ("numeric", ""),
    2950: ("uuid", ""),
    1000: ("bool[]", ""),
    1005: ("int16[]", ""),
    1007: ("int32[]", ""),
    1016: ("int64[]", ""),
    1021: ("float32[]", ""),
    1022: ("float64[]", ""),
    1231: ("numeric[]", ""),
}
_DTYPES = {"date": "<i8", "time": "<i8", "timestamp": "<i8", "interval": "<i8", "numeric": "<f8", "uuid": "|V16"}
#: How long a server may take to cancel a query.
_CANCEL_SECONDS = 5
#: Rows that are parsed together.
_MESSAGES = 1024
#: The shape of a column's arrays is that of the first of this many rows that are not NULL.
_SHAPE_ROWS = 1000


class PostgresDatabase(Database):
    """The database of a URI ``postgresql://...``."""

    def __init__(self, uri: str) -> None:
        name, secrets = without_credentials(uri)
        super().__init__(name, name, secrets)
        self._uri = uri

    def connect(self, snapshot: str | None = None) -> Connection:
        psycopg = _psycopg()
        with self.explained("connecting"):
            connection = psycopg.connect(self._uri)
        return PostgresConnection(self, connection, snapshot)


def _psycopg() -> Any:
    return require("psycopg", "psycopg", "sql", "tables in PostgreSQL")


class PostgresConnection(Connection):
    """A connection within a transaction that only reads, and sees one state of the database."""

    placeholders = ("%s", "%(binfeed_key)s")

    def __init__(self, database: Database, connection: Any, snapshot: str | None) -> None:
        super().__init__(database, connection)
        with database.explained("connecting"):
            connection.rollback()
            connection.row_factory = _psycopg().rows.tuple_row
            connection.autocommit = True
            connection.execute("SET client_encoding TO 'UTF8'")
            connection.autocommit = False
            connection.read_only = True
            connection.isolation_level = _psycopg().IsolationLevel.REPEATABLE_READ
            if snapshot is not None:
                sql = _psycopg().sql
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        # Merges parameters in the client as COPY does: types may depend on it.
        with self._database.explained("reading"), _psycopg().ClientCursor(self._connection) as cursor:
            cursor.execute(selected(query, rest="LIMIT 0").text, query.parameters)
            described = [(column.name, column.type_code) for column in cursor.description]
            columns = [(name, *self._kind_of(name, oid)) for name, oid in described]
        return [self._column_type(query, name, kind, note) for name, kind, note in columns]

    def _kind_of(self, name: str, oid: int) -> tuple[str, str]:
        if oid in _KINDS:
            return _KINDS[oid]
        row = self._connection.execute(
            "SELECT typtype::text, format_type(oid, NULL) FROM pg_type WHERE oid = %s", [oid]
        )
        category, written = row.fetchone()
        if category == "e":
            return BYTES, ""
        return refuse(name, written, self._database.name)

    def _column_type(self, query: Query, name: str, kind: str, note: str) -> ColumnType:
        element = kind.removesuffix("[]")
        dtype = BYTES if element == BYTES else _DTYPES.get(element, element)
        dtype = dtype if dtype == BYTES else np.dtype(dtype).str
        if not kind.endswith("[]"):
            return ColumnType(name, dtype, (), note, _key(kind, note), kind)
        column = self._quoted(name, query)
        some = selected(query, column, f"WHERE {column} IS NOT NULL LIMIT {_SHAPE_ROWS}")
        (first,) = next(self._copied(some, [(name, kind)], _SHAPE_ROWS), [None])
        if first is None:
            raise DatabaseError(
                f"{self._database.name}: column {shown(name)} holds arrays whose shape is unknown: all of them are NULL"
            )
        return ColumnType(name, dtype, first.values.shape[1:], note, "", kind)

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        listed = ", ".join(self._quoted(column.name, query) for column in columns)
        kinds = [(column.name, column.driver_type) for column in columns]
        return self._copied(selected(query, listed), kinds, rows)

    @staticmethod
    def _quoted(name: str, query: Query) -> str:
        """Return a name as a query writes it, in which a driver with parameters takes % for a placeholder."""
        return qualified(name) if query.parameters is None else qualified(name).replace("%", "%%")

    def _copied(self, query: Query, kinds: Sequence[tuple[str, str]], rows: int) -> Iterator[Block]:
        parser = CopyParser(kinds)
        statement = f"COPY (\n{query.text}\n) TO STDOUT (FORMAT binary)"
        with (
            self._database.explained("reading"),
            _named(self._database.name),
            self._connection.cursor() as cursor,
            cursor.copy(statement, query.parameters) as copy,
        ):
            direct = libpq.functions()
            fed = (
                _fed(parser, copy, rows) if direct is None else libpq.fed(parser, self._connection.pgconn, direct, rows)
            )
            for _ in fed:
                yield [Column(values, valid) for values, valid in parser.take()]
            if not parser.is_finished:
                raise DatabaseError(f"{self._database.name}: reading: the rows end without their trailer")

    def row(self, query: Query) -> Sequence[Any]:
        with self._database.explained("reading"), _psycopg().ClientCursor(self._connection) as cursor:
            row: Sequence[Any] = cursor.execute(query.text, query.parameters).fetchone()
            return row

    def snapshot(self) -> str | None:
        return str(self.row(Query("SELECT pg_export_snapshot()"))[0])

    def interrupt(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.cancel_safe(timeout=_CANCEL_SECONDS)


@contextlib.contextmanager
def _named(database: str) -> Iterator[None]:
    """Give the errors of the parser the name of the database, and the row."""
    try:
        yield
    except DataError as error:
        row = re.match(r"row (\d+)", str(error))
        raise DataError(str(error), database, int(row[1]) if row else 0) from None


def _key(kind: str, note: str) -> str:
    """Return how a value of a kind is bound to a query as a key."""
    if kind in ("int16", "int32", "int64", "uint32"):
        return "int"
    if kind == "timestamp":
        return "timestamptz" if "UTC" in note else "timestamp"
    return {"bytes": "" if note else "text", "date": "date"}.get(kind, "")


def _fed(parser: CopyParser, copy: Any, rows: int) -> Iterator[None]:
    """Feed the messages of a copy to ``parser``, and yield whenever it has ``rows`` rows, or the last of them."""
    waiting: list[bytes] = []  # messages of a row each, which fit the second-level cache
    for message in copy:
        waiting.append(message)
        if len(waiting) == _MESSAGES:
            complete = parser.feed(b"".join(waiting))
            waiting.clear()
            if complete >= rows:
                yield
    if parser.feed(b"".join(waiting)) > 0:
        yield
