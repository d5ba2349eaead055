"""What a database has to offer: connections, which read queries as blocks of columns."""

from __future__ import annotations

import re
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from binfeed.errors import DatabaseError
from binfeed.tables.columns import Block, ColumnType
from binfeed.tables.query import Parameters, Query

#: Parameters of a URI that are secret.
_SECRETS = ("password", "passwd", "pwd", "sslpassword", "token", "motherduck_token")


class Database(ABC):
    """Makes connections.

    Attributes:
        name: the database in messages and caches: its URI without credentials.
        secrets: what must not be shown.
    """

    def __init__(self, name: str, secrets: Sequence[str] = ()) -> None:
        self.name = name
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
        except (DatabaseError, ImportError, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:  # each driver has classes of its own
            if type(error).__module__.startswith("binfeed"):
                raise
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
    """One connection. It is used by one thread at a time."""

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

    @abstractmethod
    def with_key(self, query: Query, condition: str, key: Any) -> Query:
        """Return a query to which ``condition`` is added; its ``{}`` becomes a placeholder, bound to ``key``."""

    @abstractmethod
    def interrupt(self) -> None:
        """Have a read in another thread fail soon. A hint: not every driver can do that."""

    @abstractmethod
    def close(self) -> None:
        """Close it, whatever it is doing."""


def with_value(parameters: Parameters, value: Any, positional: str, named: str) -> tuple[Parameters, str]:
    """Return parameters with one more value at the end, and the placeholder for it.

    ``positional`` and ``named`` are the placeholders of the driver; ``named`` has the name ``binfeed_key``.
    """
    if isinstance(parameters, Sequence) or parameters is None:
        return [*(parameters or ()), value], positional
    return {**parameters, "binfeed_key": value}, named


def without_credentials(uri: str) -> tuple[str, list[str]]:
    """Return a URI without its secrets, and the secrets."""
    secrets = []
    matched = re.match(r"(?P<scheme>[\w+.-]+://)(?P<user>[^/@]*?)(:(?P<password>[^/]*))?@(?P<rest>[^@]*)$", uri)
    if matched and matched["password"] is not None:
        secrets += [matched["password"], *matched["password"].split("@")]  # whichever way a driver takes it
        uri = f"{matched['scheme']}{matched['user']}@{matched['rest']}"
    base, mark, options = uri.partition("?")
    kept = []
    for option in options.split("&") if mark else []:
        name, _, value = option.partition("=")
        if name.lower() in _SECRETS:
            secrets.append(value)
        else:
            kept.append(option)
    secrets += [urllib.parse.unquote(secret) for secret in secrets]
    return base + ("?" + "&".join(kept) if kept else ""), sorted(set(secrets), key=len, reverse=True)
