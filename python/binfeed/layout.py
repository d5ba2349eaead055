"""What the bytes of a file are: a :class:`Layout` lists the fields of a record and where each of them lies."""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from pathlib import Path
from typing import Any, NoReturn, Protocol, Union

import numpy as np
import numpy.typing as npt

from binfeed import element_types
from binfeed.element_types import ElementType
from binfeed.errors import LayoutError, checked_keywords, shown, suggestion
from binfeed.numbers import MAX_SIZE, whole

#: The name that a layout of one unnamed value (``np.dtype("u2")``) gives its only field.
UNNAMED = "value"

_YAML_SUFFIXES = (".yaml", ".yml")
#: Marks attributes that only the fields of tables have.
_OF_TABLES = {"is_of_tables": True}
#: NumPy 1 allows 32 axes, and a batch of windows adds two of them.
_MAX_AXES = 30


@dataclass(frozen=True)
class Field:
    """A field of a record that holds numbers or bytes, not other fields.

    Attributes:
        name: the path through nested structs, joined by dots: ``"header.time"``.
        type: the type of one element.
        shape: the shape of the array in each record; ``()`` for a single element.
        offset: bytes from the start of the record to the first element.
        strides: bytes from one element to the next, per axis of ``shape``; ``None`` for packed integers.
        source: the number of the field's source: 0 for records of files; the columns of a table have one each.
        validity: the bool that is false where the field has no value; ``None`` if it always has one.
    """

    name: str
    type: ElementType
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...] | None
    source: int = attribute(default=0, metadata=_OF_TABLES)
    validity: Field | None = attribute(default=None, metadata=_OF_TABLES)

    @property
    def elements(self) -> int:
        """The number of elements per record."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The size of all elements together, in bytes, without the gaps that strides leave."""
        return -(-self.elements * self.type.bits // 8)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie one after the other in C order: the last axis varies fastest."""
        return self.strides is None or self.strides == contiguous_strides(self.type, self.shape)

    def offsets_of(self, elements: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the bytes from :attr:`offset` to each of ``elements``, which are numbered in C order."""
        if self.is_contiguous:
            return elements * self.type.bytes
        offsets = np.zeros(elements.shape, np.int64)
        for side, stride in zip(reversed(self.shape), reversed(self.strides or ()), strict=True):
            elements, along = np.divmod(elements, max(side, 1))
            offsets += along * stride
        return offsets

    @property
    def end(self) -> int:
        """Bytes from the start of the record to the end of the last element."""
        if self.strides is None or self.elements == 0:
            return self.offset + self.bytes
        steps = zip(self.shape, self.strides, strict=True)
        return self.offset + sum((side - 1) * stride for side, stride in steps) + self.type.bytes


class Layout:
    """The bytes of a file: a header, records of one size, a footer.

    Args:
        record: anything :class:`numpy.dtype` takes: scalar or structured, nested, with sub-arrays, padding, offsets,
            and a byte order per field. Or a dict of field name to type string, which also takes types NumPy lacks:
            ``{"kmer": "<u4", "count": "<u6", "samples": "(64)>uint12"}``. Its fields lie one after the other; a pair
            ``(type, offset)`` puts a field elsewhere, and a nested dict is a struct. The guide has a table of all
            types. A record that is one unnamed value, such as ``"<u2"``, has a field called ``value``, and readers
            give bare arrays of it.
        header_bytes: bytes before the first record of each file.
        footer_bytes: bytes after the last record of each file.
        record_bytes: bytes from one record to the next, for a record given as a dict; by default a record ends with
            its last field.

    A bool is true for any byte but zero. ``print(layout)`` shows a table of the fields.

    Raises:
        LayoutError: naming the field that cannot be decoded or does not fit the record, or the size that is out of
            range.
    """

    fields: dict[str, Field]
    #: Whether a record is one unnamed value or array.
    is_scalar: bool
    record_bytes: int
    header_bytes: int
    footer_bytes: int

    @checked_keywords
    def __init__(
        self,
        record: npt.DTypeLike | Mapping[str, Any],
        *,
        header_bytes: int = 0,
        footer_bytes: int = 0,
        record_bytes: int | None = None,
    ) -> None:
        fields, size = _members(record, "", 0)
        if record_bytes is not None:
            if not _is_field_dict(record):
                raise LayoutError("record_bytes goes with a record given as a dict of fields: a dtype has its own size")
            size = _byte_count("record_bytes", record_bytes)
        named: dict[str, Field] = {}
        for field in [replace(field, name=field.name or UNNAMED) for field in fields]:
            if field.name in named:
                raise LayoutError(f"two fields have the path {shown(field.name)}; rename one")
            if field.end > size:
                raise LayoutError(
                    f"field {shown(field.name)} ends at byte {shown(field.end)} of a record of {size} bytes"
                )
            named[field.name] = field
        if not 0 < size <= MAX_SIZE:
            has = "has none" if size == 0 else f"has {shown(size)}"
            raise LayoutError(f"a record must have at least one byte and at most 2^62, but {shown(record)} {has}")
        if not fields:
            raise LayoutError(f"a record must have at least one field, but {shown(record)} has none")
        vars(self).update(
            fields=named,
            is_scalar=any(not field.name for field in fields),
            record_bytes=size,
            header_bytes=_byte_count("header_bytes", header_bytes),
            footer_bytes=_byte_count("footer_bytes", footer_bytes),
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name}: a layout cannot be changed; make another one")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Layout:
        """Load a layout from a YAML file, which :meth:`save` or a person wrote.

        The file has the key ``fields``, which maps names to types or is the type of one unnamed value, and optionally
        ``record_bytes``, ``header_bytes`` and ``footer_bytes``.

        Raises:
            LayoutError: naming the file and what is wrong in it.
            OSError: if the file cannot be read.
            ImportError: without the package PyYAML.
        """
        from binfeed import layout_yaml  # noqa: PLC0415  (PyYAML is an extra)

        known = ("fields", "record_bytes", "header_bytes", "footer_bytes")
        try:
            content = layout_yaml.parse(Path(path).read_bytes())
            if not isinstance(content, dict) or not isinstance(content.get("fields"), dict | str):
                raise LayoutError("it must have the key 'fields': a mapping of names to types, or one type")
            for name in content:
                if name not in known:
                    raise LayoutError(f"unknown key {shown(name)}{suggestion(name, known)}")
            return cls(content.pop("fields"), **content)
        except LayoutError as error:
            raise LayoutError(f"{os.fspath(path)!r} is not a layout: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the layout as YAML, to be kept beside the data.

        Raises:
            LayoutError: if the layout has so many fields that :meth:`load` would refuse the file.
            OSError: if the file cannot be written.
            ImportError: without the package PyYAML.
        """
        from binfeed import layout_yaml  # noqa: PLC0415  (PyYAML is an extra)

        record, sizes = self._arguments()
        Path(path).write_bytes(layout_yaml.dump(sizes | {"fields": record}))

    def _arguments(self) -> tuple[Any, dict[str, int]]:
        """Return the arguments that make an equal layout: the record, and the sizes that are not the default."""
        entries = {field.name: _entry(field) for field in self.fields.values()}
        sizes = {} if self.is_scalar else {"record_bytes": self.record_bytes}
        sizes |= {"header_bytes": self.header_bytes} if self.header_bytes else {}
        sizes |= {"footer_bytes": self.footer_bytes} if self.footer_bytes else {}
        return entries[UNNAMED][0] if self.is_scalar else entries, sizes

    def __getitem__(self, name: str) -> Field:
        try:
            return self.fields[name]
        except KeyError:
            raise LayoutError(f"the layout has no field {shown(name)}{suggestion(name, self.fields)}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        fields = tuple(self.fields.values())
        return fields, self.is_scalar, self.record_bytes, self.header_bytes, self.footer_bytes

    def __repr__(self) -> str:
        record, sizes = self._arguments()
        return f"Layout({', '.join([repr(record), *(f'{name}={size}' for name, size in sizes.items())])})"

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


class Fields(Protocol):
    """What features are planned for: the fields of a layout, or the columns of a table."""

    fields: dict[str, Field]
    #: Whether there is only one unnamed value or array.
    is_scalar: bool

    def __getitem__(self, name: str) -> Field:
        """Return a field, or raise LayoutError with a suggestion."""


#: Anything that describes a layout: see :func:`as_layout`.
LayoutLike = Union[Layout, npt.DTypeLike, Mapping[str, Any], "os.PathLike[str]"]


def as_layout(layout: LayoutLike) -> Layout:
    """Return ``layout`` itself, make the layout of a dtype or a dict of fields, or load it from a YAML file."""
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, os.PathLike) or (isinstance(layout, str) and layout.endswith(_YAML_SUFFIXES)):
        return Layout.load(layout)
    return Layout(layout)


def framed(layout: Layout, header_bytes: int, footer_bytes: int) -> Layout:
    """Return the layout of files that have another header and footer around the same records."""
    other = copy.copy(layout)
    vars(other).update(
        header_bytes=_byte_count("header_bytes", header_bytes), footer_bytes=_byte_count("footer_bytes", footer_bytes)
    )
    return other


def layout_of(fields: Mapping[str, Field], record_bytes: int, header_bytes: int) -> Layout:
    """Return the layout of records with ``fields``, which are known to fit."""
    layout = copy.copy(Layout("u1"))
    vars(layout).update(fields=dict(fields), is_scalar=False, record_bytes=record_bytes, header_bytes=header_bytes)
    return layout


def _byte_count(name: str, value: int) -> int:
    try:
        count = whole(name, value)
    except TypeError as error:
        raise LayoutError(str(error)) from None
    if not 0 <= count <= MAX_SIZE:
        wrong = "not be negative" if count < 0 else "be at most 2^62"
        raise LayoutError(f"{name} must {wrong}, but is {shown(count)}")
    return count


def _is_field_dict(record: Any) -> bool:
    """Whether ``record`` is a dict of fields rather than the dict that :class:`numpy.dtype` takes."""
    return isinstance(record, Mapping) and not {"names", "formats"} <= set(record)


def _members(type_: Any, path: str, offset: int) -> tuple[list[Field], int]:
    """Return the fields of a type in any form, which begins at byte ``offset``, and the byte where it ends.

    ``path`` is the name of the type's own field, or ``""`` for an unnamed value.
    """
    if _is_field_dict(type_):
        return _dict_members(type_, path, offset)
    try:
        if isinstance(type_, str) and not element_types.is_struct(type_):
            field = _field(path, *element_types.parse(type_), offset)
            return [field], field.end
        dtype = element_types.as_dtype(type_)
    except TypeError as error:
        raise LayoutError(f"{_where(path)} is {shown(type_)}: {error}") from None
    return list(_dtype_fields(dtype, path, (), offset, ())), offset + dtype.itemsize


def _dict_members(record: Mapping[str, Any], path: str, offset: int) -> tuple[list[Field], int]:
    """Return the fields of a dict, one after the other unless an offset says otherwise, and where they end."""
    fields: list[Field] = []
    last = end = offset
    for name, entry in record.items():
        member_path = _joined(path, name)
        parts = entry if isinstance(entry, tuple | list) else (entry,)
        if not 1 <= len(parts) <= 3 or (len(parts) == 3 and not isinstance(parts[2], list | tuple)):
            raise LayoutError(
                f"{_where(member_path)}: {shown(entry)} is not a type, (type, offset) or (type, offset, strides)"
            )
        type_, *place = parts
        begin = offset + _byte_count(f"the offset of {_where(member_path)}", place[0]) if place else end
        members, end = _members(type_, member_path, begin)
        if len(place) == 2:
            strides = tuple(_byte_count(f"a stride of {_where(member_path)}", stride) for stride in place[1])
            members = [_strided(field, strides) for field in members]
            end = max((field.end for field in members), default=begin)
        fields += members
        last = max(last, end)
    return fields, last


def is_name(name: Any) -> bool:
    """Whether ``name`` can name a field or a feature: it must be text, not empty, that UTF-8 can encode."""
    return isinstance(name, str) and name != "" and not re.search("[\ud800-\udfff]", name)


def _joined(path: str, name: Any) -> str:
    """Return the path of the member ``name`` of the struct at ``path``, after checking the name."""
    if not is_name(name):
        raise LayoutError(f"the name of a field must be text of at least one character, not {shown(name)}")
    return f"{path}.{name}" if path else str(name)


def _where(path: str) -> str:
    return f"field {shown(path)}" if path else "the record"


def _field(path: str, type_: ElementType, shape: tuple[int, ...], offset: int) -> Field:
    if len(shape) > _MAX_AXES:
        raise LayoutError(f"{_where(path)} has {len(shape)} axes, more than {_MAX_AXES}")
    if type_.bits * math.prod(side or 1 for side in shape) > 8 * MAX_SIZE:
        raise LayoutError(f"{_where(path)} has more than 2^62 bytes: {shown(shape)} of {type_.name}")
    if not type_.packing:
        return Field(path, type_, shape, offset, contiguous_strides(type_, shape))
    if math.prod(shape) * type_.bits % 8 != 0:
        raise LayoutError(f"{_where(path)}: {math.prod(shape)} x {type_.bits} bits are not a whole number of bytes")
    return Field(path, type_, shape, offset, None)


def _strided(field: Field, strides: tuple[int, ...]) -> Field:
    if field.strides is None:
        raise LayoutError(f"{_where(field.name)}: packed integers cannot have strides, since they share bytes")
    if len(strides) != len(field.shape):
        raise LayoutError(
            f"{_where(field.name)} needs one stride for each of its {len(field.shape)} axes, not {shown(strides)}"
        )
    return replace(field, strides=strides)


def contiguous_strides(type_: ElementType, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the bytes from one element to the next, per axis, of an array in C order without gaps."""
    return tuple(type_.bytes * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _dtype_fields(
    dtype: np.dtype[Any], path: str, shape: tuple[int, ...], offset: int, strides: tuple[int, ...]
) -> Iterator[Field]:
    """Yield the fields of ``dtype``, repeated in an array of ``shape`` and ``strides`` that begins at ``offset``."""
    if dtype.subdtype is not None:
        base, inner = dtype.subdtype
        steps = tuple(base.itemsize * math.prod(inner[axis + 1 :]) for axis in range(len(inner)))
        yield from _dtype_fields(base, path, shape + inner, offset, strides + steps)
    elif dtype.names is not None and dtype.fields is not None:
        for name in dtype.names:
            member, member_offset = dtype.fields[name][:2]
            yield from _dtype_fields(member, _joined(path, name), shape, offset + member_offset, strides)
    else:
        try:
            type_ = element_types.from_dtype(dtype)
        except TypeError as error:
            raise LayoutError(f"{_where(path)} is {dtype}: {error}") from None
        yield _strided(_field(path, type_, shape, offset), strides)


def _entry(field: Field) -> Any:
    """Return the entry of a field in a dict of fields: type, offset, and strides unless it is contiguous."""
    shape = "(" + ",".join(map(str, field.shape)) + ")" if field.shape else ""
    entry: list[Any] = [shape + field.type.spelling, field.offset]
    return entry if field.is_contiguous else [*entry, list(field.strides or ())]


def _table_row(field: Field) -> tuple[str, ...]:
    order = {"<": "little", ">": "big"}.get(field.type.order, "-")
    order = order.replace("little", "low bits first").replace("big", "high bits first") if field.type.packing else order
    shape = str(field.shape) if field.shape else "-"
    return field.name, field.type.name, order, shape, str(field.offset), str(field.bytes)
