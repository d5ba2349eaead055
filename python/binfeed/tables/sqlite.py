"""SQLite, through ADBC, in which any value of a column may be of any type."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from binfeed.errors import DatabaseError, DataError, shown
from binfeed.extras import require
from binfeed.tables.columns import BYTES, Array, Block, ColumnType
from binfeed.tables.database import Connection, Database, without_credentials
from binfeed.tables.generic import AdbcConnection
from binfeed.tables.query import Query, named, qualified, quoted, selected

#: A value of each kind of column, from which the driver takes the type of a column.
_EXAMPLES = {"<i8": "0", "|b1": "0", "<f8": "0.0", BYTES: "x''"}


class SqliteDatabase(Database):
    """The file of a URI ``sqlite:///relative.db`` or ``sqlite:////absolute.db``."""

    def __init__(self, uri: str) -> None:
        super().__init__(*without_credentials(uri)[:1], None)
        path = Path(urllib.parse.unquote(uri.removeprefix("sqlite://").removeprefix("/").split("?")[0]))
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.name}: there is no such file; three slashes precede a relative path, four an absolute one"
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
    """A connection of ADBC's driver, which has a copy of SQLite of its own.

    Python's driver has another one. It must not open the same file in this process: closing a file in one copy ends the
    locks of the other (How To Corrupt An SQLite Database File, 2.2.1).
    """

    options = staticmethod(lambda rows: {"adbc.sqlite.query.batch_rows": rows})

    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        with self._executed(query, 1) as cursor:  # not within another query, which would give new names to equal ones
            names = cursor.fetch_record_batch().schema.names
        if not names:
            return []
        declared = self._declared_kinds(query)
        found = next(self._types(query, names, rows, f"LIMIT {rows}"), [np.empty(0, object)] * len(names))
        return [
            _column_type(name, types, declared.get(name, ""), self._database.name)
            for name, types in zip(names, found, strict=True)
        ]

    def bound(self, query: Query) -> Any:
        if not isinstance(query.parameters, Mapping):
            return super().bound(query)
        # The driver's names begin with the sign that marks them in the query.
        marked = re.findall(r"([:@$])(\w+)", query.text)
        return {mark + name: query.parameters[name] for mark, name in marked if name in query.parameters}

    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        # The driver takes the types of columns from the first rows. So the first row is one of the right types.
        examples = ", ".join(f"{_EXAMPLES[column.kind]} AS {quoted(column.name)}" for column in columns)
        typed = Query(f"SELECT {examples} UNION ALL {named(query, columns).text}", query.parameters)
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
        """Raise DataError for the first value that does not fit its column."""
        first_row = 0
        for found in self._types(query, [column.name for column in columns], rows, ""):
            for column, types in zip(columns, found, strict=True):
                wrong = np.flatnonzero(~np.isin(types.astype(str), _FITTING[column.kind]))
                if wrong.size:
                    row = int(wrong[0])
                    what = f"{types[row]} in row {first_row + row}"
                    raise DataError(
                        f"column {shown(column.name)} holds {column.type_name}, but {what}",
                        self._database.name,
                        first_row + row,
                    )
            first_row += len(found[0])

    def _types(self, query: Query, names: Sequence[str], rows: int, rest: str) -> Iterator[list[Array]]:
        """Yield what ``typeof`` says of all columns, for some rows at a time."""
        asked = selected(query, ", ".join(f"typeof({qualified(name)})" for name in names), rest)
        with self._executed(asked, rows) as cursor:
            for batch in cursor.fetch_record_batch():
                if batch.num_rows:
                    yield [column.to_numpy(zero_copy_only=False) for column in batch.columns]

    def _declared_kinds(self, query: Query) -> dict[str, str]:
        """Return the kinds of columns that tables declare; none for a query with parameters, which no view has."""
        if query.parameters is not None:
            return {}
        with self._executed(Query(f"CREATE TEMP VIEW binfeed_rows AS {query.text}"), 1):
            pass
        with self._executed(Query("PRAGMA table_info(binfeed_rows)"), 1000) as cursor:
            rows = cursor.fetchall()
        return {row[1]: kind for row in rows if (kind := _kind_of(row[2].upper()))}


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
#: What ``typeof`` says of values that a kind of column holds.
_FITTING = {
    "|b1": ["integer", "null"],
    "<i8": ["integer", "null"],
    "<f8": ["real", "integer", "null"],
    BYTES: ["text", "blob", "null"],
}


def _kind_of(declaration: str) -> str:
    return next((kind for word, kind in _DECLARATIONS.items() if word in declaration), "")


def _column_type(name: str, types: Array, declared: str, source: str) -> ColumnType:
    """Return the type of a column whose first rows hold values of ``types``, and whose table declares ``declared``."""
    found = set(types) - {"null"}
    if not found:
        kind = declared or "<f8"
        return ColumnType(name, kind, key={"<i8": "int", BYTES: "text"}.get(kind, ""))
    for kind in (declared if declared in ("|b1", "<f8") else "<i8", "<i8", "<f8", BYTES):
        if found <= set(_FITTING[kind]):
            key = "text" if found == {"text"} else "int" if kind == "<i8" else ""
            return ColumnType(name, kind, key=key)
    first = next(type_ for type_ in types if type_ != "null")
    row = int(np.flatnonzero((types != first) & (types != "null"))[0])
    raise DataError(f"column {shown(name)} has {types[row]} in row {row}, but {first} before", source, row)
