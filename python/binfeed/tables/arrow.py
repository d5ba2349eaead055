"""Columns of Arrow record batches, which most drivers of databases give: numbers without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from binfeed.errors import DatabaseError, DataError, shown
from binfeed.extras import require
from binfeed.tables.columns import BYTES, Array, Block, BoolArray, Column, ColumnType, refuse

_INTERVAL = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_DAY = 86_400_000_000  # microseconds
#: Extension types whose values are those of their storage.
_PLAIN_EXTENSIONS = ("arrow.uuid", "arrow.json", "arrow.bool8")
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def pyarrow() -> Any:
    """Return the package, or raise ImportError saying how to install it."""
    return require("pyarrow", "pyarrow", "sql", "tables")


def described(reader: Any, source: str) -> list[ColumnType]:
    """Return the types of the columns of a reader of record batches, from the first of them.

    Raises:
        DatabaseError: naming the column whose type cannot be read.
    """
    batch = next(iter(reader), None)
    if batch is None:
        batch = pyarrow().RecordBatch.from_pylist([], schema=reader.schema)
    types = []
    for field, array in zip(batch.schema, batch.columns, strict=True):
        values = column_of(array, field.name, source, 0).values
        kind = BYTES if values.dtype == object else values.dtype.str
        types.append(ColumnType(field.name, kind, values.shape[1:], _note(field.type), _key(field.type)))
    return types


def blocks_of(batches: Iterator[Any], source: str) -> Iterator[Block]:
    """Yield the columns of record batches."""
    first_row = 0
    for batch in batches:
        if batch.num_rows > 0:
            names = batch.schema.names
            yield [column_of(array, name, source, first_row) for name, array in zip(names, batch.columns, strict=True)]
            first_row += batch.num_rows


def column_of(array: Any, name: str, source: str, first_row: int) -> Column:
    """Return an Arrow array as a column.

    Raises:
        DatabaseError: if its type cannot be read.
        DataError: if a value cannot be: an interval with months, or arrays of several lengths.
    """
    types = pyarrow().types
    valid = None if array.null_count == 0 else np.asarray(array.is_valid())
    type_ = array.type
    if getattr(type_, "extension_name", None) in _PLAIN_EXTENSIONS:
        return column_of(array.storage, name, source, first_row)
    if types.is_dictionary(type_):
        return column_of(array.dictionary_decode(), name, source, first_row)
    if types.is_null(type_):
        return Column(np.zeros(len(array)), np.zeros(len(array), bool))
    if types.is_boolean(type_) or types.is_integer(type_) or types.is_floating(type_):
        return Column(_numbers(array), valid)
    if types.is_decimal(type_):
        return Column(_decimals(array), valid)
    if types.is_interval(type_):
        return Column(_microseconds(array, name, source, first_row), valid)
    if types.is_temporal(type_):
        return Column(_temporal(array), valid)
    if types.is_fixed_size_binary(type_):
        return Column(_fixed(array, type_.byte_width).view(f"V{type_.byte_width}")[:, 0], valid)
    if _is_text(type_):
        return Column(array.cast(pyarrow().large_binary()).to_numpy(zero_copy_only=False), valid)
    if types.is_fixed_size_list(type_) or types.is_list(type_) or types.is_large_list(type_):
        return Column(_arrays(array, valid, name, source, first_row), valid)
    return refuse(name, str(type_), source)


def _is_text(type_: Any) -> bool:
    types = pyarrow().types
    tests: Sequence[str] = ("is_string", "is_large_string", "is_binary", "is_large_binary", "is_string_view")
    return any(getattr(types, test)(type_) for test in (*tests, "is_binary_view") if hasattr(types, test))


def _key(type_: Any) -> str:
    """Return how a value of a type is bound to a query as a key."""
    types = pyarrow().types
    if types.is_integer(type_):
        return "int"
    if types.is_string(type_) or types.is_large_string(type_):
        return "text"
    if types.is_date32(type_):
        return "date"
    if types.is_timestamp(type_) and type_.unit == "us":
        return "timestamptz" if type_.tz else "timestamp"
    return ""


def _note(type_: Any) -> str:
    types = pyarrow().types
    if types.is_timestamp(type_):
        return f"{_UNITS[type_.unit]} since 1970{', UTC' if type_.tz else ''}"
    if types.is_date(type_):
        return "days since 1970"
    if types.is_time(type_):
        return f"{_UNITS[type_.unit]} since midnight"
    if types.is_duration(type_):
        return _UNITS[type_.unit]
    return "microseconds" if types.is_interval(type_) else ""


def _numbers(array: Any) -> Array:
    if array.null_count > 0:
        array = array.fill_null(pyarrow().scalar(0).cast(array.type))
    values: Array = array.to_numpy(zero_copy_only=False)
    return values


def _fixed(array: Any, width: int) -> Array:
    """Return the bytes ``[N, width]`` of values of a fixed width."""
    data = array.buffers()[1]
    if data is None:
        return np.zeros((len(array), width), np.uint8)
    rows = np.frombuffer(data, np.uint8, len(array) * width, array.offset * width).reshape(-1, width)
    if array.null_count > 0:  # the bytes of NULL may be anything
        rows = np.where(np.asarray(array.is_valid())[:, np.newaxis], rows, 0)
    return rows


def _decimals(array: Any) -> Array:
    """Return decimals as the nearest float64."""
    width = array.type.byte_width
    if width == 16 and 0 <= array.type.scale <= 22:
        words = _fixed(array, 16).reshape(-1).view("<i8").reshape(-1, 2)
        low, high = words[:, 0], words[:, 1]
        # Both sides of the division are exact, so that it rounds once.
        if (high == low >> 63).all() and (np.abs(low) <= 2**53).all():
            return np.asarray(low / 10.0**array.type.scale)
    return np.array([float(Decimal(0) if value is None else value) for value in array.to_pylist()])


def _temporal(array: Any) -> Array:
    types, arrow = pyarrow().types, pyarrow()
    type_ = array.type
    wide = arrow.int32() if types.is_date32(type_) or types.is_time32(type_) else arrow.int64()
    numbers = _numbers(array.view(wide)).astype(np.int64, copy=False)
    return numbers // 86_400_000 if types.is_date64(type_) else numbers


def _microseconds(array: Any, name: str, source: str, first_row: int) -> Array:
    intervals = _fixed(array, _INTERVAL.itemsize).reshape(-1).view(_INTERVAL)
    wrong = np.flatnonzero(intervals["months"] != 0)
    if wrong.size:
        row = first_row + int(wrong[0])
        raise DataError(
            f"column {shown(name)} is an interval of months in row {row}, which have no fixed length: use "
            "extract(epoch from ...) in the query",
            source,
            row,
        )
    days, rest = intervals["days"].astype(np.int64), intervals["nanoseconds"] // 1000
    wide = np.flatnonzero(np.abs(days * float(_DAY) + rest) >= 2.0**63 - 1024)
    if wide.size:
        row = first_row + int(wide[0])
        raise DataError(f"column {shown(name)} has more than 2^63 microseconds in row {row}", source, row)
    return np.asarray(days * _DAY + rest)


def _arrays(array: Any, valid: BoolArray | None, name: str, source: str, first_row: int) -> Array:
    """Return lists of numbers of one length, also nested, as an array ``[N, *shape]``."""
    sizes = np.asarray(array.value_lengths().fill_null(-1)) if hasattr(array, "value_lengths") else None
    if sizes is None:
        size = array.type.list_size
    else:
        present = sizes[sizes >= 0]
        size = int(present[0]) if present.size else 0
        wrong = np.flatnonzero((sizes != size) & (sizes >= 0))
        if wrong.size:
            row = first_row + int(wrong[0])
            raise DataError(
                f"column {shown(name)} has an array of {sizes[wrong[0]]} in row {row}, but of {size} before: arrays "
                "of a column must have one length",
                source,
                row,
            )
    inner = array.drop_null().flatten()
    elements = column_of(inner, name, source, first_row)
    numbers = elements.values
    if numbers.dtype.kind not in "biuf":
        raise DatabaseError(f"{source}: column {shown(name)} holds arrays of {inner.type}, which cannot be read")
    if elements.valid is not None:
        if numbers.dtype.kind != "f":
            raise DatabaseError(
                f"{source}: column {shown(name)} has arrays with NULL in them: only floats may have that"
            )
        there = elements.valid.reshape(-1, *(1,) * (numbers.ndim - 1))
        numbers = np.where(there, numbers, np.nan).astype(numbers.dtype)
    rows = len(array) - array.null_count
    found = numbers.reshape(rows, size, *numbers.shape[1:])
    if valid is None:
        return found
    values = np.zeros((len(array), *found.shape[1:]), found.dtype)
    values[valid] = found
    return values
