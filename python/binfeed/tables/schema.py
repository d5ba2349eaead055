"""The columns of a table as fields, which features read in the same way as the fields of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from binfeed import element_types
from binfeed.element_types import ElementType
from binfeed.errors import FeatureError, LayoutError, shown, suggestion
from binfeed.layout import Field, Layout, LayoutLike, as_layout, contiguous_strides
from binfeed.tables.columns import BYTES, ColumnType

#: The type of a field of any number of bytes. No program loads it: see :mod:`binfeed.tables.decoder`.
_TEXT = ElementType("O", "text", "|", 0, "O")
_BOOL = element_types.from_dtype(np.dtype(bool))


class Schema:
    """The fields of the columns of a table.

    Column k is source 2k of the core, and source 2k + 1 is the bools that say which of its rows have a value.

    Attributes:
        columns: the types of the columns.
        layouts: what the bytes of some columns are, by name.
        fields: the fields: one per column, or several for a column whose layout is a struct.
    """

    is_scalar = False

    def __init__(self, columns: Sequence[ColumnType], layouts: Mapping[str, Layout]) -> None:
        names = [column.name for column in columns]
        for name in layouts:
            if name not in names:
                raise FeatureError(f"layouts: the query has no column {shown(name)}{suggestion(name, names)}")
        self.columns = columns
        self.layouts = layouts
        self.fields: dict[str, Field] = {}
        for number, column in enumerate(columns):
            for field in self._fields_of(number, column):
                if field.name in self.fields:
                    raise LayoutError(f"two columns of the query are called {shown(field.name)}: rename one with AS")
                self.fields[field.name] = field

    def _fields_of(self, number: int, column: ColumnType) -> list[Field]:
        validity = Field(column.name, _BOOL, (), 0, (), 2 * number + 1)
        layout = self.layouts.get(column.name)
        if layout is not None:
            if column.kind != BYTES:
                raise FeatureError(f"layouts: column {column} does not hold bytes")
            return [
                replace(
                    field,
                    name=column.name if layout.is_scalar else f"{column.name}.{field.name}",
                    offset=layout.header_bytes + field.offset,
                    source=2 * number,
                    validity=validity,
                )
                for field in layout.fields.values()
            ]
        type_ = _TEXT if column.kind == BYTES else element_types.from_dtype(np.dtype(column.kind))
        strides = contiguous_strides(type_, column.shape)
        return [Field(column.name, type_, column.shape, 0, strides, 2 * number, validity)]

    def __getitem__(self, name: str) -> Field:
        try:
            return self.fields[name]
        except KeyError:
            raise LayoutError(f"the query has no column {shown(name)}{suggestion(name, self.fields)}") from None

    def is_text(self, name: str) -> bool:
        """Whether a field holds any number of bytes."""
        return self[name].type is _TEXT

    def source_bytes(self, number: int) -> int:
        """Return the bytes of a row of a column's values; 0 for any number of them."""
        column = self.columns[number]
        layout = self.layouts.get(column.name)
        if layout is not None:
            return layout.header_bytes + layout.record_bytes + layout.footer_bytes
        if column.kind == BYTES:
            return 0
        return int(np.prod(column.shape, dtype=np.int64)) * np.dtype(column.kind).itemsize

    def number_of(self, name: str) -> int:
        """Return the number of the column that a field is in."""
        return self[name].source // 2


def as_layouts(layouts: Mapping[str, LayoutLike] | None) -> dict[str, Layout]:
    """Check the ``layouts`` that :func:`binfeed.from_sql` takes."""
    if layouts is None:
        return {}
    if not isinstance(layouts, Mapping):
        raise TypeError(f"layouts must be a dict of layouts by column, not {shown(layouts)}")
    return {name: as_layout(layout) for name, layout in layouts.items()}
