"""What a database has to offer: connections, which read queries as blocks of columns."""

from __future__ import annotations

import re
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from binfeed.errors import DatabaseError, Error
from binfeed.tables.columns import Block, ColumnType
from binfeed.tables.query import Parameters, Query, selected

#: Parameters of a URI that are secret.
_SECRETS = ("password", "passwd", "pwd", "sslpassword", "token", "motherduck_token")


class Database(ABC):
    """Makes connections.

    Attributes:
        name: the database in messages: its URI without credentials.
        identity: what tells it from others, for caches and states; None if nothing does.
        secrets: what must not be shown.
    """

    def __init__(self, name: str, identity: str | None, secrets: Sequence[str] = ()) -> None:
        self.name = name
        self.identity = identity
        self.secrets = [secret for secret in secrets if secret]

    @abstractmethod
    def connect(self, snapshot: str | None = None) -> Connection:
        """Open a connection that only reads, in ``snapshot`` if there is one.

        Raises:
            DatabaseError: saying what the database said.
        """

    @contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Raise what the driver raises as DatabaseError, without secrets."""
        try:
            yield
        except Error:
            raise
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # each driver has classes of its own
            said = self.redacted(" ".join(str(error).split())) or type(error).__name__
            # The driver's error is not chained, since it might show the secrets.
            raise DatabaseError(f"{self.name}: {doing}: {said}") from None

    def redacted(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for secret in self.secrets:
            for form in (secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)):
                text = text.replace(form, "***")
        return text


class Connection(ABC):
    """One connection. It is used by one thread at a time.

    Attributes:
        placeholders: how the driver writes a placeholder in a list, and one with the name ``binfeed_key``.
    """

    placeholders = ("?", ":binfeed_key")

    def __init__(self, database: Database, connection: Any) -> None:
        self._database = database
        self._connection = connection

    @abstractmethod
    def describe(self, query: Query, rows: int) -> Sequence[ColumnType]:
        """Return the columns of a query; at most ``rows`` rows are read to find out."""

    @abstractmethod
    def read(self, query: Query, columns: Sequence[ColumnType], rows: int) -> Iterator[Block]:
        """Yield the rows of a query, about ``rows`` at a time."""

    @abstractmethod
    def row(self, query: Query) -> Sequence[Any]:
        """Return the only row of a query."""

    def snapshot(self) -> str | None:
        """Return the snapshot that this connection reads, so that others read it, too; None if there is none."""
        return None

    def with_key(self, query: Query, condition: str, key: Any) -> Query:
        """Return a query to which ``condition`` is added; its ``{}`` becomes a placeholder, bound to ``key``."""
        positional, by_name = self.placeholders
        given = query.parameters
        # A driver takes % for a placeholder as soon as there are parameters.
        text = query.text.replace("%", "%%") if given is None and positional == "%s" else query.text
        if isinstance(given, Mapping):
            parameters: Parameters = {**given, "binfeed_key": key}
            placeholder = by_name
        else:
            parameters, placeholder = [*(given or ()), key], positional
        return Query(selected(Query(text), rest=condition.format(placeholder)).text, parameters)

    @abstractmethod
    def interrupt(self) -> None:
        """Have a read in another thread fail soon. A hint: not every driver can do that."""

    def close(self) -> None:
        """Close it, whatever it is doing."""
        with suppress(Exception):
            self._connection.close()


def without_credentials(uri: str) -> tuple[str, list[str]]:
    """Return a URI without its secrets, and the secrets."""
    base, mark, options = uri.partition("?")
    if not re.fullmatch(r"([\w%]+=[^&]*(&|$))*", options):  # the ? is part of a password that is not quoted
        base, at, place = uri.rpartition("@")
        rest, mark, options = place.partition("?")
        base += at + rest
    scheme, slashes, rest = base.partition("://")
    user, at, place = rest.rpartition("@")  # a password may have an @ that is not quoted
    name, _, password = user.partition(":")
    secrets = [password, *password.split("@")] if at else []
    kept = []
    for option in options.split("&") if mark else []:
        key, _, value = option.partition("=")
        if urllib.parse.unquote(key).lower() in _SECRETS or "=" not in option:
            secrets.append(value)
        else:
            kept.append(option)
    secrets += [urllib.parse.unquote(secret) for secret in secrets]
    shown = f"{scheme}{slashes}{name}{at}{place}" + ("?" + "&".join(kept) if kept else "")
    return shown, sorted(filter(None, set(secrets)), key=len, reverse=True)
