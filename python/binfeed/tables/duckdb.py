"""DuckDB, which gives Arrow record batches itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from binfeed.extras import require
from binfeed.tables import arrow
from binfeed.tables.columns import Block, ColumnType, refuse
from binfeed.tables.database import Connection, Database, without_credentials
from binfeed.tables.query import Query, named, selected

#: Types of which Arrow has only a part.
_REFUSED = ("TIME WITH TIME ZONE", "BIT", "BIGNUM", "VARINT")


class DuckdbDatabase(Database):
    """The file of a URI ``duckdb:///relative.db`` or ``duckdb:////absolute.db``."""

    def __init__(self, uri: str) -> None:
        name, secrets = without_credentials(uri)
        self._path = Path(name.removeprefix("duckdb://").removeprefix("/").split("?")[0])
        super().__init__(name, f"duckdb:///{self._path.absolute()}", secrets)
        if not self._path.is_file():
            raise FileNotFoundError(
                f"{name}: there is no such file; three slashes precede a relative path, four an absolute one"
            )
        self._lock = threading.Lock()

    def connect(self, snapshot: str | None = None) -> Connection:
        driver = require("duckdb", "duckdb", "sql", "tables in DuckDB")
        with self._lock, self.explained("connecting"):
            return DuckdbConnection(self, driver.connect(str(self._path), read_only=True))


class DuckdbConnection(Connection):
    """A connection of DuckDB."""

    placeholders = ("?", "$binfeed_key")

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        with self._database.explained("reading"):
            relation = self._relation(query)
            for name, type_ in zip(relation.columns, map(str, relation.types), strict=True):
                if type_ in _REFUSED:
                    refuse(name, type_, self._database.name)
        with self._record_batches(query, rows) as reader:
            return arrow.described(reader, self._database.name)

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        with self._record_batches(named(query, columns), rows) as reader:
            yield from arrow.blocks_of(iter(reader), self._database.name)

    def row(self, query: Query) -> Sequence[Any]:
        with self._database.explained("reading"):
            rows: list[Sequence[Any]] = self._relation(query).fetchall()
            return rows[0]

    def _relation(self, query: Query) -> Any:
        # As part of another query, it cannot be several statements, or one that writes.
        text, parameters = selected(query).text, query.parameters
        return self._connection.sql(text, params=parameters)

    @contextlib.contextmanager
    def _record_batches(self, query: Query, rows: int) -> Iterator[Any]:
        arrow.pyarrow()
        with self._database.explained("reading"):
            relation = self._relation(query)
            make = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
            with contextlib.closing(make(rows)) as reader:
                yield reader

    def interrupt(self) -> None:
        with contextlib.suppress(Exception):
            self._connection.interrupt()
