"""The text of queries: what may be asked, and the parts of a query that are read apart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from binfeed.errors import shown
from binfeed.tables.columns import ColumnType

#: Values for the placeholders of a query, in the style of its driver.
Parameters = Union[Sequence[Any], Mapping[str, Any], None]  # noqa: UP007  (evaluated on Python 3.10 as well)

#: The statements that only read.
_READING = ("SELECT", "WITH", "VALUES", "TABLE", "FROM")
_BEFORE_THE_STATEMENT = re.compile(r"(\s|\(|--[^\n]*(\n|$)|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True)
class Query:
    """A query, with the values of its placeholders."""

    text: str
    parameters: Parameters = None

    def __str__(self) -> str:
        """The query on one line, for messages."""
        return " ".join(self.text.split())


def as_query(text: Any, parameters: Parameters) -> Query:
    """Check the query that a user gave.

    Raises:
        TypeError: if it is no text, or its parameters are neither a sequence nor a mapping.
        ValueError: if it does not begin like a query that only reads.
    """
    if not isinstance(text, str):
        raise TypeError(f"a query is text, such as 'SELECT * FROM ticks', not {shown(text)}")
    if parameters is not None and (
        isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence | Mapping)
    ):
        raise TypeError(f"parameters must be a list, tuple or dict of values, not {type(parameters).__name__}")
    query = text.strip().rstrip(";").rstrip()
    start = _BEFORE_THE_STATEMENT.match(query)
    word = re.match(r"\w*", query[start.end() if start else 0 :])
    statement = word[0].upper() if word else ""
    if statement not in _READING:
        hint = f"; for a whole table, write SELECT * FROM {query}" if re.fullmatch(r"[\w.\"]+", query) else ""
        raise ValueError(f"a query begins with SELECT or WITH, since it only reads, but this is {shown(query)}{hint}")
    return Query(query, parameters or None)


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str) -> str:
    """Return the name of a column of a query that is :func:`selected` from.

    The name of the table is part of it, or SQLite would take a column that does not exist for text.
    """
    return f"binfeed_rows.{quoted(name)}"


def selected(query: Query, columns: str = "*", rest: str = "") -> Query:
    """Return the query of ``columns`` of what ``query`` gives; ``rest`` follows, such as a WHERE."""
    return replace(query, text=f"SELECT {columns} FROM (\n{query.text}\n) AS binfeed_rows {rest}".rstrip())


def named(query: Query, columns: Sequence[ColumnType]) -> Query:
    """Return the query of ``columns``, in their order, whatever the order is in which the query gives them now."""
    return selected(query, ", ".join(qualified(column.name) for column in columns))


def parts_of(query: Query, column: str, low: int | None, high: int | None, parts: int) -> list[Query]:
    """Divide a query into ranges of ``column``, whose values are from ``low`` to ``high``: each row is in one of them.

    The first range has no lower bound and takes NULL, and the last has no upper bound, so rows that are beyond the
    bounds are not lost.
    """
    if low is None or high is None or parts == 1:
        return [query]
    span = high - low + 1
    cuts = sorted({low + span * part // parts for part in range(1, parts)} - {low})
    if not cuts:
        return [query]
    name = qualified(column)
    conditions = [f"{name} < {cuts[0]} OR {name} IS NULL"]
    conditions += [f"{name} >= {first} AND {name} < {end}" for first, end in itertools.pairwise(cuts)]
    conditions.append(f"{name} >= {cuts[-1]}")
    return [selected(query, rest=f"WHERE {condition}") for condition in conditions]
