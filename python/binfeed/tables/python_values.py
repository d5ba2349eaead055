"""Columns of Python values, which drivers of the DB-API (PEP 249) give."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from binfeed.errors import DataError, shown
from binfeed.tables.columns import BYTES, Array, Block, Column, ColumnType

_EPOCH = datetime.datetime(1970, 1, 1)
_UTC = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


def _since(moment: datetime.datetime) -> int:
    return (moment - (_EPOCH if moment.tzinfo is None else _UTC)) // _MICROSECOND


def _of_day(time: datetime.time) -> int:
    if time.tzinfo is not None:
        raise ValueError("a time of day with a time zone")
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond


#: For each type of Python: the kind of its column, what the numbers stand for, and how to convert a value.
_CONVERSIONS: dict[type, tuple[str, str, Any]] = {
    bool: ("|b1", "", None),
    int: ("<i8", "", None),
    float: ("<f8", "", None),
    decimal.Decimal: ("<f8", "", float),
    str: (BYTES, "", str.encode),
    bytes: (BYTES, "", bytes),
    bytearray: (BYTES, "", bytes),
    memoryview: (BYTES, "", bytes),
    datetime.datetime: ("<i8", "microseconds since 1970", _since),
    datetime.date: ("<i8", "days since 1970", lambda date: date.toordinal() - _EPOCH.toordinal()),
    datetime.time: ("<i8", "microseconds since midnight", _of_day),
    datetime.timedelta: ("<i8", "microseconds", lambda delta: delta // _MICROSECOND),
    uuid.UUID: ("|V16", "", lambda identifier: identifier.bytes),
}


def column_types(names: Sequence[str], rows: Sequence[Sequence[Any]], source: str) -> list[ColumnType]:
    """Return the types of columns, from some of their rows; a column of NULL alone is float64.

    Raises:
        DataError: naming column and row, if values of a column are of different types.
    """
    found = [_type_of(name, [row[k] for row in rows], source) for k, name in enumerate(names)]
    return [type_ or ColumnType(name, "<f8") for name, type_ in zip(names, found, strict=True)]


def blocks_of(
    fetched: Iterator[Sequence[Sequence[Any]]], columns: Sequence[ColumnType], source: str
) -> Iterator[Block]:
    """Yield rows as columns.

    Raises:
        DataError: naming column and row, if a value does not fit its column.
    """
    first_row = 0
    for rows in fetched:
        yield [_column([row[k] for row in rows], column, source, first_row) for k, column in enumerate(columns)]
        first_row += len(rows)


def _type_of(name: str, values: Sequence[Any], source: str) -> ColumnType | None:
    found: ColumnType | None = None
    for row, value in enumerate(values):
        if value is None:
            continue
        type_ = _type_of_value(name, value, source, row)
        if found is None or (found.kind, type_.kind) == ("<i8", "<f8"):
            found = type_
        elif (type_.kind, type_.shape) != (found.kind, found.shape) and (found.kind, type_.kind) != ("<f8", "<i8"):
            raise DataError(
                f"column {shown(name)} has {shown(value)} in row {row}, but {found.type_name} before", source, row
            )
    return found


def _type_of_value(name: str, value: Any, source: str, row: int) -> ColumnType:
    if isinstance(value, list | tuple):
        array = _as_array(value)
        if array is not None:
            return ColumnType(name, array.dtype.str, array.shape)
    elif type(value) in _CONVERSIONS:
        kind, note, _ = _conversion_of(value)
        return ColumnType(name, kind, (), note, _key(value))
    raise DataError(
        f"column {shown(name)} has {shown(value)} in row {row}, a {type(value).__name__}, which cannot be read: "
        "convert it in the query",
        source,
        row,
    )


def _conversion_of(value: Any) -> tuple[str, str, Any]:
    kind, note, convert = _CONVERSIONS.get(type(value), ("", "", None))
    is_aware = isinstance(value, datetime.datetime) and value.tzinfo is not None
    return kind, f"{note}, UTC" if is_aware else note, convert


def _key(value: Any) -> str:
    """Return how a value is bound to a query as a key."""
    if isinstance(value, datetime.datetime):
        return "timestamp" if value.tzinfo is None else "timestamptz"
    return {int: "int", str: "text", datetime.date: "date"}.get(type(value), "")


def _as_array(value: Any) -> Array | None:
    try:
        array = np.array([np.nan if item is None else item for item in value])
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "biuf" else None


def _column(values: list[Any], type_: ColumnType, source: str, first_row: int) -> Column:
    absent = np.fromiter((value is None for value in values), bool, len(values))
    valid = ~absent if absent.any() else None
    if type_.kind == BYTES:
        converted: list[Any] = [
            None if value is None else _converted(value, type_, source, first_row + row)
            for row, value in enumerate(values)
        ]
        array = np.empty(len(values), object)
        array[:] = converted
        return Column(array, valid)
    array = np.zeros((len(values), *type_.shape), type_.kind)
    dtype = array.dtype
    kinds = set(map(type, values)) - {type(None)}
    is_usual = (kinds <= {float} and dtype.kind == "f") or (kinds <= {int} and dtype.kind == "i" and not type_.note)
    if is_usual:
        try:
            present = values if valid is None else [value for value in values if value is not None]
            array[... if valid is None else valid] = present
            return Column(array, valid)
        except OverflowError:
            pass
    for row, value in enumerate(values):
        if value is not None:
            array[row] = _converted(value, type_, source, first_row + row)
    return Column(array, valid)


def _converted(value: Any, type_: ColumnType, source: str, row: int) -> Any:
    """Return a value as its column holds it."""
    kind, note, convert = _conversion_of(value)
    if isinstance(value, list | tuple):
        array = _as_array(value)
        if array is not None and array.shape == type_.shape and np.can_cast(array.dtype, type_.kind):
            return array
    elif kind == type_.kind and note == type_.note:
        try:
            number = value if convert is None else convert(value)
        except (ValueError, OverflowError, UnicodeEncodeError):
            number = 2**63  # which no column holds
        if type(number) is not int or -(2**63) <= number < 2**63:
            return number
    elif type_.kind == "<f8" and isinstance(value, int) and abs(value) <= 2**1023 and float(value) == value:
        return float(value)
    elif type_.kind == "|b1" and value in (0, 1):
        return bool(value)
    raise DataError(
        f"column {shown(type_.name)} holds {type_.type_name}, but {shown(value)} in row {row}",
        source,
        row,
    )
