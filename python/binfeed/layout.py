"""What the bytes of a file are: :class:`Layout`, a record's fields and where each lies."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed import element_types
from binfeed.element_types import ElementType
from binfeed.errors import LayoutError, checked_keywords, suggestion

#: The name that a layout of one unnamed value (``np.dtype("u2")``) gives its only field.
UNNAMED = "value"

_YAML_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Field:
    """A field of a record that holds numbers or bytes, not other fields.

    Attributes:
        name: its path through nested structs, joined by dots: ``"header.time"``.
        type: of one element.
        shape: elements per record; ``()`` for one.
        offset: bytes from the start of the record to the first element.
        strides: bytes from one element to the next, per axis of ``shape``; ``None`` where elements are packed.
    """

    name: str
    type: ElementType
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...] | None

    @property
    def elements(self) -> int:
        """Per record."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Of all elements together."""
        return -(-self.elements * self.type.bits // 8)

    @property
    def is_contiguous(self) -> bool:
        """Whether elements lie one after the other, the last axis first."""
        return self.strides is None or self.strides == _contiguous_strides(self.type, self.shape)

    def element_offsets(self) -> npt.NDArray[np.int64]:
        """Bytes from :attr:`offset` to each element, in the field's shape."""
        offsets = np.zeros(self.shape, np.int64)
        for axis, stride in enumerate(self.strides or ()):
            steps = np.arange(self.shape[axis]) * stride
            offsets += steps.reshape([-1 if other == axis else 1 for other in range(offsets.ndim)])
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
        record: anything :class:`numpy.dtype` takes, scalar or structured, nested, with sub-arrays, padding, offsets,
            and a byte order per field. Or a dict of field name to type string, for types that NumPy has not as well:
            ``{"kmer": "<u4", "count": "<u6", "samples": "(64)>uint12"}``; fields lie one after the other. A pair
            ``(type, offset)`` puts one elsewhere, a nested dict is a struct. The guide has a table of all types.
        header_bytes: bytes before the first record of each file.
        footer_bytes: bytes after the last record of each file.
        record_bytes: bytes from one record to the next, of a record given as a dict; by default they end with the last
            field.

    A bool is true for any byte but zero. ``print(layout)`` shows a table of the fields.

    Raises:
        LayoutError: naming the field, where there is no rule to decode it or it does not fit the record.
    """

    @checked_keywords
    def __init__(
        self,
        record: npt.DTypeLike | Mapping[str, Any],
        *,
        header_bytes: int = 0,
        footer_bytes: int = 0,
        record_bytes: int | None = None,
    ) -> None:
        fields, size = _parse_record(record)
        if record_bytes is not None:
            if not _is_field_dict(record):
                raise LayoutError("record_bytes goes with a record given as a dict of fields: a dtype has its own size")
            size = _byte_count("record_bytes", record_bytes)
        self.record_bytes: int = size
        self.header_bytes = _byte_count("header_bytes", header_bytes)
        self.footer_bytes = _byte_count("footer_bytes", footer_bytes)
        self.fields: dict[str, Field] = {}
        for field in fields:
            if field.name in self.fields:
                raise LayoutError(f"two fields have the path {field.name!r}; rename one")
            if field.end > size:
                raise LayoutError(f"field {field.name!r} ends at byte {field.end} of a record of {size} bytes")
            self.fields[field.name] = field
        if size == 0:
            raise LayoutError(f"a record must have at least one byte, but {record!r} has none")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Layout:
        """The layout that :meth:`save` wrote, or somebody by hand: YAML with ``fields``, and sizes if there are any.

        Raises:
            LayoutError: naming the file and what is wrong in it.
            ImportError: without the package PyYAML.
        """
        content = _yaml().safe_load(Path(path).read_text(encoding="utf-8"))
        known = ("fields", "record_bytes", "header_bytes", "footer_bytes")
        if not isinstance(content, dict) or not isinstance(content.get("fields"), dict):
            raise LayoutError(f"{os.fspath(path)!r} is no layout: it must have a mapping 'fields' of name to type")
        for name in content:
            if name not in known:
                raise LayoutError(f"{os.fspath(path)!r} has an unknown key {name!r}{suggestion(str(name), known)}")
        try:
            return cls(content.pop("fields"), **content)
        except LayoutError as error:
            raise LayoutError(f"{os.fspath(path)!r}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the layout as YAML, so that it can lie beside the data.

        Raises:
            ImportError: without the package PyYAML.
        """
        content: dict[str, Any] = {"record_bytes": self.record_bytes}
        content |= {"header_bytes": self.header_bytes} if self.header_bytes else {}
        content |= {"footer_bytes": self.footer_bytes} if self.footer_bytes else {}
        content["fields"] = {field.name: _entry(field) for field in self.fields.values()}
        Path(path).write_text(_yaml().safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8")

    @property
    def is_scalar(self) -> bool:
        """Whether a record is one unnamed value or array."""
        return list(self.fields) == [UNNAMED]

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
        return tuple(self.fields.values()), self.record_bytes, self.header_bytes, self.footer_bytes

    def __repr__(self) -> str:
        fields = {field.name: _entry(field) for field in self.fields.values()}
        sizes = f"header_bytes={self.header_bytes}, footer_bytes={self.footer_bytes}, record_bytes={self.record_bytes}"
        return f"Layout({fields}, {sizes})"

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


def as_layout(layout: Layout | npt.DTypeLike | Mapping[str, Any] | os.PathLike[str]) -> Layout:
    """``layout`` itself, the layout of a dtype or of a dict of fields, or that of a YAML file."""
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, os.PathLike) or (isinstance(layout, str) and layout.endswith(_YAML_SUFFIXES)):
        return Layout.load(layout)
    return Layout(layout)


def _yaml() -> Any:
    try:
        import yaml  # noqa: PLC0415  (an extra)
    except ImportError:
        raise ImportError("layouts in YAML need the package PyYAML: pip install 'binfeed[yaml]'") from None
    return yaml


def _byte_count(name: str, value: int) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise LayoutError(f"{name} must be a whole number of bytes, not {value!r}") from None
    if count < 0:
        raise LayoutError(f"{name} must not be negative, but is {count}")
    return count


def _is_field_dict(record: Any) -> bool:
    """Whether it is a dict of fields, not one of NumPy's own forms."""
    return isinstance(record, Mapping) and not {"names", "formats"} <= set(record)


def _parse_record(record: Any) -> tuple[list[Field], int]:
    """The fields of a record, and its bytes."""
    if _is_field_dict(record):
        fields = list(_dict_fields(record, "", 0))
        return fields, max((field.end for field in fields), default=0)
    if isinstance(record, str):
        # A record of one value may have a type that NumPy has not.
        field = _typed_field("", record, 0)
        if field is not None:
            return [field], field.bytes
    try:
        dtype = np.dtype(record)
    except TypeError as error:
        raise LayoutError(f"not a dtype: {record!r} ({error})") from None
    return list(_dtype_fields(dtype, "", (), 0, ())), dtype.itemsize


def _typed_field(name: str, spelling: str, offset: int) -> Field | None:
    """A field of the type that a string stands for; None for the string of a struct, such as ``"u1,f4"``."""
    try:
        type_, shape = element_types.parse(spelling)
    except TypeError as error:
        if not name:
            return None
        raise LayoutError(f"field {name!r} is {spelling!r}: {error}") from None
    return _field(name or UNNAMED, type_, shape, offset)


def _field(name: str, type_: ElementType, shape: tuple[int, ...], offset: int) -> Field:
    if not type_.packing:
        return Field(name, type_, shape, offset, _contiguous_strides(type_, shape))
    if math.prod(shape) * type_.bits % 8 != 0:
        raise LayoutError(f"field {name!r}: {math.prod(shape)} x {type_.bits} bits are no whole number of bytes")
    return Field(name, type_, shape, offset, None)


def _contiguous_strides(type_: ElementType, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(type_.bytes * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _dict_fields(record: Mapping[str, Any], path: str, offset: int) -> Iterator[Field]:
    """The fields of a dict, one after the other unless an offset says otherwise."""
    end = offset
    for name, entry in record.items():
        member_path = f"{path}.{name}" if path else str(name)
        type_, *place = entry if isinstance(entry, tuple | list) else (entry,)
        expected = (int, list | tuple)
        if len(place) > 2 or not all(map(isinstance, place, expected)):
            raise LayoutError(
                f"field {member_path!r}: {entry!r} is not a type, (type, offset) or (type, offset, strides)"
            )
        begin = offset + _byte_count(f"the offset of field {member_path!r}", place[0]) if place else end
        members: list[Field]
        if _is_field_dict(type_):
            members = list(_dict_fields(type_, member_path, begin))
        elif isinstance(type_, str) and "," not in type_.rsplit(")", 1)[-1]:
            field = _typed_field(member_path, type_, begin)
            members = [field] if field else []
        else:
            try:
                members = list(_dtype_fields(np.dtype(type_), member_path, (), begin, ()))
            except TypeError as error:
                raise LayoutError(f"field {member_path!r} is {type_!r}: {error}") from None
        if len(place) == 2:
            if any(len(place[1]) != len(each.shape) or min(place[1], default=0) < 0 for each in members):
                raise LayoutError(f"field {member_path!r}: strides {place[1]!r} are not one of 0 or more for each axis")
            members = [Field(each.name, each.type, each.shape, each.offset, tuple(place[1])) for each in members]
        yield from members
        end = max((field.end for field in members), default=begin)


def _dtype_fields(
    dtype: np.dtype[Any], path: str, shape: tuple[int, ...], offset: int, strides: tuple[int, ...]
) -> Iterator[Field]:
    """The fields within ``dtype``, which stands ``shape`` times at ``offset`` with ``strides``."""
    if dtype.subdtype is not None:
        base, inner = dtype.subdtype
        steps = tuple(base.itemsize * math.prod(inner[axis + 1 :]) for axis in range(len(inner)))
        yield from _dtype_fields(base, path, shape + inner, offset, strides + steps)
    elif dtype.names is not None and dtype.fields is not None:
        for name in dtype.names:
            member, member_offset = dtype.fields[name][:2]
            member_path = f"{path}.{name}" if path else name
            yield from _dtype_fields(member, member_path, shape, offset + member_offset, strides)
    else:
        name = path or UNNAMED
        try:
            type_ = element_types.from_dtype(dtype)
        except TypeError as error:
            raise LayoutError(f"field {name!r} is {dtype}: {error}") from None
        yield Field(name, type_, shape, offset, strides)


def _entry(field: Field) -> Any:
    """What stands for a field in a dict of them, with its offset; and its strides where they are not the usual ones."""
    shape = "(" + ",".join(map(str, field.shape)) + ")" if field.shape else ""
    entry: list[Any] = [shape + field.type.spelling, field.offset]
    return entry if field.is_contiguous else [*entry, list(field.strides or ())]


def _table_row(field: Field) -> tuple[str, ...]:
    order = {"<": "little", ">": "big"}.get(field.type.order, "-")
    order = order.replace("little", "low bits first").replace("big", "high bits first") if field.type.packing else order
    shape = str(field.shape) if field.shape else "-"
    return field.name, field.type.name, order, shape, str(field.offset), str(field.bytes)
