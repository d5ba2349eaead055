"""States of tables: which rows of a query were given, by the key of the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from binfeed.errors import StateError, shown
from binfeed.features import Feature
from binfeed.numbers import MAX_SIZE
from binfeed.state import State, canonical, checksum, digest
from binfeed.tables.stream import Key, Table

_VERSION = 1
_FIELDS = ("version", "table", "features", "order_by", "epoch", "key", "checksum")


def make_state(table: Table, features: Mapping[str, Feature] | Feature, epoch: int, key: Key | None) -> State:
    """Return the state of an iterator that goes on after ``key`` in ``epoch``, or at its start if there is no key."""
    state = {"version": _VERSION, **_identity(table, features), "epoch": epoch, "key": key}
    return {**state, "checksum": checksum(state)}


def check_state(table: Table, features: Mapping[str, Feature] | Feature, state: object) -> tuple[int, Key | None]:
    """Return the epoch and key of a state, after checking that it belongs to the same query and features.

    Raises:
        StateError: if it does not, or is damaged.
    """
    if not isinstance(state, Mapping) or "table" not in state:
        raise StateError(f"not a state of a table: {shown(state)}")
    if state.get("version") != _VERSION:
        raise StateError(f"the state has version {shown(state.get('version'))}, but this binfeed reads {_VERSION}")
    key, epoch = state.get("key"), state.get("epoch")
    is_sound = set(state) == set(_FIELDS) and type(epoch) is int and 0 <= epoch <= MAX_SIZE
    if not is_sound or type(key) not in (int, str, type(None)) or state["checksum"] != checksum(state):
        raise StateError("the state is damaged: its entries or its checksum do not match")
    for name, value in _identity(table, features).items():
        if state[name] != value:
            what = "query" if name == "table" else name
            raise StateError(f"the state belongs to another {what} than the reader's: the rows would differ")
    return cast("int", epoch), key


def _identity(table: Table, features: Mapping[str, Feature] | Feature) -> dict[str, Any]:
    order_by = None if table.order_by is None else table.columns[table.order_by].name
    query = canonical([table.database.identity, table.query.text, repr(table.query.parameters)])
    return {"table": digest(query), "features": digest(canonical(features)), "order_by": order_by}
