"""What the bytes of a file are: :class:`Layout`, a record's fields and where each lies."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from binfeed.errors import LayoutError, checked_keywords, suggestion

#: The name that a layout of one unnamed value (``np.dtype("u2")``) gives its only field.
UNNAMED = "value"


@dataclass(frozen=True)
class Field:
    """A field of a record that holds numbers or bytes, not other fields.

    Attributes:
        name: its path through nested structs, joined by dots: ``"header.time"``.
        dtype: of one element, with the byte order of the file.
        shape: elements per record; ``()`` for one.
        offset: bytes from the start of the record to the first element.
        strides: bytes from one element to the next, per axis of ``shape``.
    """

    name: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]

    @property
    def is_swapped(self) -> bool:
        """Whether the bytes of an element have the order that this machine has not."""
        return not self.dtype.isnative


class Layout:
    """The bytes of a file: a header, records of one size, a footer.

    Args:
        dtype: of one record: anything :class:`numpy.dtype` takes, scalar or structured, nested, with sub-arrays,
            padding, offsets, and a byte order per field. Elements are bool, integers of 8 to 64 bits, float16/32/64,
            complex, or fixed bytes (``S``, ``V``).
        header_bytes: bytes before the first record of each file.
        footer_bytes: bytes after the last record of each file.

    A bool is true for any byte but zero. ``print(layout)`` shows a table of the fields.

    Raises:
        LayoutError: naming the field, where there is no rule to decode it.
    """

    @checked_keywords
    def __init__(self, dtype: npt.DTypeLike, *, header_bytes: int = 0, footer_bytes: int = 0) -> None:
        try:
            record = np.dtype(dtype)
        except TypeError as error:
            raise LayoutError(f"not a dtype: {dtype!r} ({error})") from None
        if record.itemsize == 0:
            raise LayoutError(f"a record must have at least one byte, but {record!r} has none")
        self.dtype: np.dtype[np.generic] = record
        self.header_bytes = _byte_count("header_bytes", header_bytes)
        self.footer_bytes = _byte_count("footer_bytes", footer_bytes)
        self.fields: dict[str, Field] = {}
        for field in _leaves(record, "", (), 0, ()):
            if field.name in self.fields:
                raise LayoutError(f"two fields have the path {field.name!r}; rename one")
            self.fields[field.name] = field

    @property
    def record_bytes(self) -> int:
        """Bytes from one record to the next."""
        return self.dtype.itemsize

    def __getitem__(self, name: str) -> Field:
        try:
            return self.fields[name]
        except KeyError:
            raise LayoutError(f"the layout has no field {name!r}{suggestion(name, self.fields)}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.dtype, self.header_bytes, self.footer_bytes

    def __repr__(self) -> str:
        return f"Layout({self.dtype!r}, header_bytes={self.header_bytes}, footer_bytes={self.footer_bytes})"

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("field", "dtype", "byte order", "shape", "offset", "size")]
        rows += [_table_row(field) for field in self.fields.values()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        frame = f"record: {self.record_bytes} bytes"
        frame += f", header: {self.header_bytes} bytes" if self.header_bytes else ""
        frame += f", footer: {self.footer_bytes} bytes" if self.footer_bytes else ""
        return "\n".join([*lines, frame])


def as_layout(layout: Layout | npt.DTypeLike) -> Layout:
    """``layout`` itself, or the layout of a dtype."""
    return layout if isinstance(layout, Layout) else Layout(layout)


def _byte_count(name: str, value: int) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise LayoutError(f"{name} must be a whole number of bytes, not {value!r}") from None
    if count < 0:
        raise LayoutError(f"{name} must not be negative, but is {count}")
    return count


def _leaves(
    dtype: np.dtype[np.generic],
    path: str,
    shape: tuple[int, ...],
    offset: int,
    strides: tuple[int, ...],
) -> Iterator[Field]:
    """The fields within ``dtype``, which stands ``shape`` times at ``offset`` with ``strides``."""
    if dtype.subdtype is not None:
        base, inner = dtype.subdtype
        steps = np.cumprod([base.itemsize, *inner[:0:-1]])[::-1]
        yield from _leaves(base, path, shape + inner, offset, strides + tuple(map(int, steps)))
    elif dtype.names is not None and dtype.fields is not None:
        for name in dtype.names:
            member, member_offset = dtype.fields[name][:2]
            member_path = f"{path}.{name}" if path else name
            yield from _leaves(member, member_path, shape, offset + member_offset, strides)
    else:
        name = path or UNNAMED
        if dtype.kind in "Mm":
            whole = dtype.str.replace("M8", "i8").replace("m8", "i8").split("[")[0]
            raise LayoutError(
                f"field {name!r} is {dtype}: there is no rule how a date becomes a number. "
                f"Declare it as '{whole}' and scale it"
            )
        if dtype.kind not in "biufcSV" or (dtype.kind in "fc" and dtype.str[1:] not in _FLOATS):
            raise LayoutError(f"field {name!r} is {dtype}: bytes cannot be decoded as that")
        if dtype.itemsize == 0:
            raise LayoutError(f"field {name!r} is {dtype}: it has no bytes")
        yield Field(name, dtype, shape, offset, strides)


_FLOATS = {"f2", "f4", "f8", "c8", "c16"}


def _table_row(field: Field) -> tuple[str, ...]:
    order = {"<": "little", ">": "big", "=": sys.byteorder}.get(field.dtype.byteorder, "-")
    shape = str(field.shape) if field.shape else "-"
    size = field.dtype.itemsize * int(np.prod(field.shape, dtype=np.int64))
    dtype = field.dtype.str[1:] if field.dtype.kind in "SV" else field.dtype.name
    return field.name, dtype, order, shape, str(field.offset), str(size)
