"""Columns of a table: what type they have, and blocks of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from binfeed.errors import DatabaseError, DataError, shown

Array = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]

#: The kind of columns whose values have any number of bytes.
BYTES = "bytes"


@dataclass(frozen=True)
class ColumnType:
    """What the values of a column are.

    Attributes:
        name: the name of the column.
        kind: a dtype string, such as ``"<f8"`` or ``"V16"``, or ``"bytes"`` for text and bytes of any length.
        shape: the shape of each value, for arrays.
        note: what the numbers stand for, such as ``"microseconds since 1970"``.
        key: what its values are when a query is given one: ``"int"``, ``"text"``, ``"date"``, or in microseconds
            ``"timestamp"`` and ``"timestamptz"``; ``""`` if they cannot be given.
        driver_type: what the driver needs to know to read it again.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    note: str = ""
    key: str = ""
    driver_type: str = ""

    @property
    def type_name(self) -> str:
        """The type as messages show it, such as ``"float64[3]"``."""
        name = self.kind if self.kind == BYTES else np.dtype(self.kind).name
        return f"{name}{list(self.shape) if self.shape else ''}"

    def __str__(self) -> str:
        return f"{self.name}: {self.type_name}{f' ({self.note})' if self.note else ''}"


@dataclass(frozen=True)
class Column:
    """The values of a column in some rows.

    Attributes:
        values: ``[N, *shape]``; an object array of ``bytes`` for values of any length. Values that are NULL are zeros,
            or None in an object array.
        valid: ``[N]``, false where a value is NULL; None if none is.
    """

    values: Array
    valid: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Column:
        return Column(self.values[rows], None if self.valid is None else self.valid[rows])

    def is_valid(self) -> BoolArray:
        """Return ``[N]``, true where there is a value; it may be a view of a single bool."""
        return np.broadcast_to(np.True_, len(self)) if self.valid is None else self.valid


#: Some rows of all columns.
Block = Sequence[Column]


def rows_of(block: Block) -> int:
    """Return how many rows a block has."""
    return len(block[0])


def joined(blocks: Sequence[Block]) -> Block:
    """Return the rows of several blocks, one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    return [_joined(parts) for parts in zip(*blocks, strict=True)]


def _joined(parts: Sequence[Column]) -> Column:
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate([part.is_valid() for part in parts])
    return Column(np.concatenate([part.values for part in parts]), valid)


def conformed(column: Column, type_: ColumnType, source: str, first_row: int) -> Column:
    """Return a column in the type that was found when the query was first read.

    Raises:
        DataError: naming column and row, if a value does not fit that type.
    """
    dtype = np.dtype(object if type_.kind == BYTES else type_.kind)
    values = column.values
    if column.valid is not None and not column.valid.any() and values.shape[1:] != type_.shape:
        return Column(np.zeros((len(column), *type_.shape), dtype), column.valid)
    if values.shape[1:] != type_.shape:
        raise DataError(
            f"column {shown(type_.name)} holds arrays of shape {list(type_.shape)}, but of {list(values.shape[1:])} "
            f"from row {first_row} on",
            source,
            first_row,
        )
    if values.dtype == dtype:
        return column
    converted = values.astype(dtype) if dtype.kind in "biuf" and values.dtype.kind in "biuf" else None
    if converted is None:
        raise DataError(
            f"column {shown(type_.name)} holds {type_.type_name}, but {values.dtype} from row {first_row} on",
            source,
            first_row,
        )
    # Integers are compared as integers: as floats, they would be rounded alike.
    is_lossy = converted.astype(values.dtype) != values if values.dtype.kind in "iu" else converted != values
    is_lossy |= (values.dtype.kind in "iu") & (dtype.kind == "f") & (np.abs(converted) >= 2.0**63)
    wrong = np.flatnonzero(is_lossy.reshape(len(values), -1).any(axis=1) & ~_are_nan(values))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"column {shown(type_.name)} holds {dtype.name}, which cannot represent {shown(values[row].item())} in row "
            f"{first_row + row}",
            source,
            first_row + row,
        )
    return Column(converted, column.valid)


def refuse(name: str, type_: str, source: str) -> NoReturn:
    """Raise the error for a column of a type that cannot be read."""
    raise DatabaseError(
        f"{source}: column {shown(name)} is of type {type_}, which cannot be read: convert it in the query, such as "
        "with CAST(... AS text)"
    )


def null_error(name: str, row: int, where: str, source: str) -> DataError:
    """Return the error for a column that is NULL although the feature ``where`` needs a value."""
    return DataError(
        f"column {shown(name)} is NULL in row {row}, but {where} needs a value: add .fill(...) or .is_missing() to it, "
        "or leave such rows out of the query",
        source,
        row,
    )


def _are_nan(values: Array) -> BoolArray:
    return np.asarray((values != values).reshape(len(values), -1).all(axis=1))
