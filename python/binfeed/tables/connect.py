"""From what a user calls a connection to a database."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from binfeed.errors import shown, suggestion
from binfeed.tables.database import Database, without_credentials
from binfeed.tables.duckdb import DuckdbConnection, DuckdbDatabase
from binfeed.tables.generic import AdbcConnection, DbApiConnection, GenericDatabase
from binfeed.tables.postgres import PostgresConnection, PostgresDatabase
from binfeed.tables.sqlite import SqliteDatabase

_BY_SCHEME: dict[str, Callable[[str], Database]] = {
    "sqlite": SqliteDatabase,
    "duckdb": DuckdbDatabase,
    "postgresql": PostgresDatabase,
    "postgres": PostgresDatabase,
}


def find_database(connection: Any) -> Database:
    """Return the database of a URI, or of a function that makes connections.

    Raises:
        TypeError: if it is neither, such as a connection that is open already.
        ValueError: for a URI of an unknown database.
    """
    if isinstance(connection, str):
        scheme, mark, _ = connection.partition("://")
        if not mark or scheme not in _BY_SCHEME:
            uri = shown(without_credentials(connection)[0]) if mark else "this"
            raise ValueError(
                f"{uri} is not the URI of a database: it begins with sqlite:///, duckdb:/// or postgresql://"
                f"{suggestion(scheme, _BY_SCHEME) if mark else ''}; for others, give a function that connects"
            )
        return _BY_SCHEME[scheme](connection)
    if not callable(connection) or hasattr(connection, "cursor"):
        raise TypeError(
            "connection must be a URI such as 'sqlite:///ticks.db', or a function that makes a connection, such as "
            f"lambda: psycopg.connect(...), not a {type(connection).__name__}: readers open connections of their own"
        )
    return GenericDatabase(connection, "the database", _wrapped)


def _wrapped(database: Database, connection: Any, snapshot: str | None) -> Any:
    module = type(connection).__module__.split(".")[0].lstrip("_")
    if module == "psycopg":
        return PostgresConnection(database, connection, snapshot)
    if module == "duckdb":
        return DuckdbConnection(database, connection)
    if hasattr(connection, "adbc_get_info"):
        return AdbcConnection(database, connection)
    if hasattr(connection, "cursor"):
        return DbApiConnection(database, connection, _paramstyle_of(connection))
    raise TypeError(f"the function gave a {type(connection).__name__}, which is not a connection")


def _paramstyle_of(connection: Any) -> str:
    module = sys.modules.get(type(connection).__module__.split(".")[0])
    return str(getattr(module, "paramstyle", "qmark"))
