"""Databases that are reached through a function which makes connections: of the DB-API, or of ADBC."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from binfeed.tables import arrow, python_values
from binfeed.tables.columns import Block, ColumnType
from binfeed.tables.database import Connection, Database
from binfeed.tables.query import Query, named

Connect = Callable[[], Any]


class GenericDatabase(Database):
    """A database that ``connect`` reaches, with any driver of the DB-API (PEP 249)."""

    def __init__(self, connect: Connect, name: str, wrap: Callable[[Database, Any, str | None], Connection]) -> None:
        super().__init__(name, None)
        self._connect = connect
        self._wrap = wrap

    def connect(self, snapshot: str | None = None) -> Connection:
        with self.explained("connecting"):
            connection = self._connect()
        return self._wrap(self, connection, snapshot)


class DbApiConnection(Connection):
    """A connection of the DB-API, whose rows are tuples of Python values."""

    def __init__(self, database: Database, connection: Any, paramstyle: str) -> None:
        super().__init__(database, connection)
        if paramstyle in ("format", "pyformat"):
            self.placeholders = ("%s", "%(binfeed_key)s")

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        with self._executed(query) as cursor:
            names = [column[0] for column in cursor.description]
            return python_values.column_types(names, cursor.fetchmany(rows), self._database.name)

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        with self._executed(named(query, columns)) as cursor:
            fetched = itertools.takewhile(bool, (cursor.fetchmany(rows) for _ in itertools.count()))
            yield from python_values.blocks_of(fetched, columns, self._database.name)

    def row(self, query: Query) -> Sequence[Any]:
        with self._executed(query) as cursor:
            row: Sequence[Any] = cursor.fetchone()
            return row

    @contextlib.contextmanager
    def _executed(self, query: Query) -> Iterator[Any]:
        with self._database.explained("reading"), contextlib.closing(self._connection.cursor()) as cursor:
            cursor.execute(query.text, *(() if query.parameters is None else (query.parameters,)))
            yield cursor

    def interrupt(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.interrupt()  # of SQLite


class AdbcConnection(Connection):
    """A connection of ADBC, which gives Arrow record batches."""

    #: Options of statements of ``rows`` rows per batch.
    options: Callable[[int], dict[str, Any]] = staticmethod(lambda rows: {})

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        with self._executed(query, rows) as cursor:
            return arrow.described(cursor.fetch_record_batch(), self._database.name)

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        with self._executed(named(query, columns), rows) as cursor:
            yield from arrow.blocks_of(iter(cursor.fetch_record_batch()), self._database.name)

    def row(self, query: Query) -> Sequence[Any]:
        with self._executed(query, 1) as cursor:
            row: Sequence[Any] = cursor.fetchone()
            return row

    @contextlib.contextmanager
    def _executed(self, query: Query, rows: int) -> Iterator[Any]:
        arrow.pyarrow()
        with self._database.explained("reading"), contextlib.closing(self._connection.cursor()) as cursor:
            options = self.options(rows)
            if options:
                cursor.adbc_statement.set_options(**options)
            cursor.execute(query.text, *(() if query.parameters is None else (self.bound(query),)))
            yield cursor

    def bound(self, query: Query) -> Any:
        """Return the parameters of a query as the driver takes them."""
        if isinstance(query.parameters, Mapping):
            raise TypeError("ADBC takes parameters in a list, not by name")
        return tuple(query.parameters or ())

    def interrupt(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.adbc_cancel()
