"""SQLite, through ADBC, in which any value of a column may be of any type."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from binfeed.errors import DatabaseError
from binfeed.extras import require
from binfeed.tables.columns import BYTES, Block, ColumnType
from binfeed.tables.database import Connection, Database, without_credentials
from binfeed.tables.generic import AdbcConnection, DbApiConnection
from binfeed.tables.query import Query, quoted, selected

#: A value of each kind of column, from which the driver takes the type of a column.
_EXAMPLES = {"<i8": "0", "|b1": "0", "<f8": "0.0", BYTES: "x''"}


class SqliteDatabase(Database):
    """The file of a URI ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""

    def __init__(self, uri: str) -> None:
        super().__init__(*without_credentials(uri)[:1], None)
        path = Path(urllib.parse.unquote(uri.removeprefix("sqlite://").removeprefix("/").split("?")[0]))
        if not path.is_file():
            raise FileNotFoundError(
                f"{uri}: there is no file {str(path)!r}; three slashes precede a relative path, four an absolute one"
            )
        self.identity = f"sqlite:///{path.absolute()}"
        # Connections that share a cache wait for each other.
        self.uri = f"file:{urllib.parse.quote(str(path.absolute()))}?mode=ro&cache=private"

    def connect(self, snapshot: str | None = None) -> Connection:
        driver = require("adbc_driver_sqlite.dbapi", "adbc-driver-sqlite", "sql", "tables in SQLite")
        with self.explained("connecting"):
            connection = driver.connect(self.uri)
            # Reads one state of the database from its first query on.
            return SqliteConnection(self, connection)


class SqliteConnection(AdbcConnection):
    """A connection that reads with ADBC, and looks at types with Python's own driver."""

    _database: SqliteDatabase

    options = staticmethod(lambda rows: {"adbc.sqlite.query.batch_rows": rows})

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        declared = self._declared_kinds(query)
        with self._by_python() as connection:
            connection.declared = declared
            columns = connection.describe(query, rows)
        return [_with_declaration(column, declared.get(column.name, "")) for column in columns]

    def bound(self, query: Query) -> Any:
        if not isinstance(query.parameters, Mapping):
            return super().bound(query)
        # The driver's names begin with the sign that marks them in the query.
        marked = re.findall(r"([:@$])(\w+)", query.text)
        return {mark + name: query.parameters[name] for mark, name in marked if name in query.parameters}

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        # The driver takes the types of columns from the first rows. So the first row is one of the right types.
        examples = ", ".join(f"{_EXAMPLES[column.kind]} AS {quoted(column.name)}" for column in columns)
        typed = Query(f"SELECT {examples} UNION ALL {selected(query).text}", query.parameters)
        blocks = super().read(typed, columns, rows)
        is_first = True
        try:
            for block in blocks:
                rows_only = [column[1:] for column in block] if is_first else block
                is_first = False
                if len(rows_only[0]):
                    yield rows_only
        except DatabaseError as error:
            if "Type mismatch" in str(error):
                self._explain_mismatch(query, columns, rows)
            raise

    def _explain_mismatch(self, query: Query, columns: Sequence[ColumnType], rows: int) -> None:
        """Raise DataError for the first value that does not fit its column, if Python's driver finds it."""
        with self._by_python() as connection:
            for _ in connection.read(query, columns, rows):
                pass

    @contextlib.contextmanager
    def _by_python(self) -> Iterator[DbApiConnection]:
        with contextlib.closing(sqlite3.connect(self._database.uri, uri=True)) as connection:
            yield DbApiConnection(self._database, connection)

    def _declared_kinds(self, query: Query) -> dict[str, str]:
        """Return the kinds of columns that tables declare; none for a query with parameters, which no view has."""
        opened = contextlib.closing(sqlite3.connect(self._database.uri, uri=True))
        with opened as connection, contextlib.suppress(sqlite3.Error):
            connection.execute(f"CREATE TEMP VIEW binfeed_rows AS {query.text}")
            rows = connection.execute("PRAGMA table_info(binfeed_rows)").fetchall()
            return {row[1]: kind for row in rows if (kind := _kind_of(row[2].upper()))}
        return {}


#: The words of declarations and the kinds that they stand for: SQLite's rules (Datatypes In SQLite, 3.1), and bools.
_DECLARATIONS = {
    "BOOL": "|b1",
    "INT": "<i8",
    "CHAR": BYTES,
    "CLOB": BYTES,
    "TEXT": BYTES,
    "BLOB": BYTES,
    "REAL": "<f8",
    "FLOA": "<f8",
    "DOUB": "<f8",
    "NUM": "<f8",
    "DEC": "<f8",
}


def _kind_of(declaration: str) -> str:
    return next((kind for word, kind in _DECLARATIONS.items() if word in declaration), "")


def _with_declaration(column: ColumnType, declared: str) -> ColumnType:
    """Return a column of integers as one of bools or floats if its table declares that."""
    is_number = column.kind == "<i8" and not column.note
    return ColumnType(column.name, declared) if is_number and declared in ("|b1", "<f8") else column
