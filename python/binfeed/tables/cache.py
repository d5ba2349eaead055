"""The cache of a table: its rows as binary records in one file, which the readers of files take.

The file has a header, and a record for each row: the values of all columns, then a bool for each column that is false
where it is NULL. Text becomes fixed bytes of the longest value.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from binfeed import element_types
from binfeed.errors import DataError, shown
from binfeed.layout import Field, Layout, layout_of
from binfeed.state import canonical, digest
from binfeed.tables.columns import BYTES, Array, Block, Column, ColumnType, rows_of
from binfeed.tables.schema import Schema
from binfeed.tables.stream import Epoch, Table, in_turn

_MAGIC = b"binfeed table 1\n"
_ALIGNMENT = 64
#: Every record is as long as the longest text.
_MAX_TEXT_BYTES = 65_536
_BOOL = element_types.from_dtype(np.dtype(bool))


@dataclass(frozen=True)
class Cached:
    """The file of a cache.

    Attributes:
        path: where it is.
        layout: the layout of its records.
        nulls: the first row in which a column is NULL, for each column that is anywhere.
    """

    path: Path
    layout: Layout
    nulls: Mapping[str, int]


def path_of(folder: Path, table: Table, schema: Schema) -> Path:
    """Return the path of the cache of a table, which follows from everything that determines its rows."""
    order = None if table.order_by is None else table.columns[table.order_by].name
    asked = [table.database.identity, table.query.text, repr(table.query.parameters), order]
    read = [[column.name, column.kind, column.shape] for column in table.columns]
    sizes = [schema.source_bytes(number) for number in range(len(table.columns))]
    return folder / f"{digest(canonical([asked, read, sizes]))}.bin"


def find(path: Path, schema: Schema) -> Cached | None:
    """Return the cache at ``path``, or None if there is none, or one that is not whole."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
            size = int.from_bytes(file.read(8), "little")
            if size > os.fstat(file.fileno()).st_size:
                return None
            header = json.loads(file.read(size))
            nulls = {str(name): int(row) for name, row in header["nulls"].items()}
            records = _Records(schema, header["text_bytes"])
            is_whole = os.fstat(file.fileno()).st_size == _header_bytes(size) + header["rows"] * records.dtype.itemsize
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Cached(path, records.layout(_header_bytes(size)), nulls) if is_whole else None


def write(path: Path, table: Table, schema: Schema, *, replaces: bool) -> Cached:
    """Read all rows of a table, and write them at ``path``, which exists only once it is whole.

    Unless it ``replaces``, a file that another process has written there in the meantime stays and is returned, since
    somebody may be reading it.

    Raises:
        DataError: naming column and row, if a value cannot be kept, or if there are no rows.
        DatabaseError: if the database cannot be reached, or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as file, _temporary(path) as spool:
        writer = _Spool(spool, table, schema)
        opened = Epoch(table, table.rows_per_fetch, None)
        try:
            for block in in_turn([opened.read(lane) for lane in range(opened.lanes)], opened.interrupt):
                writer.add(block)
        finally:
            opened.close()
        records = _Records(schema, writer.text_bytes)
        text = {
            "database": table.database.name,
            "query": str(table.query),
            "columns": list(map(str, table.columns)),
            "rows": writer.rows,
            "text_bytes": writer.text_bytes,
            "nulls": writer.nulls,
        }
        header = json.dumps(text).encode()
        file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
        file.write(bytes(_header_bytes(len(header)) - file.tell()))
        for values, valid in writer.blocks():
            file.write(records.pack(values, valid).tobytes())
        file.flush()
        os.fchmod(file.fileno(), 0o666 & ~_umask())  # temporary files are for their owner only
        os.fsync(file.fileno())
        if not replaces and _is_taken(path, file.name):
            others = find(path, schema)
            if others is not None:
                return others
        Path(file.name).replace(path)
    return Cached(path, records.layout(_header_bytes(len(header))), writer.nulls)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _is_taken(path: Path, new: str) -> bool:
    """Give the file ``new`` the name ``path`` as well, unless there is such a file already."""
    try:
        os.link(new, path)
    except FileExistsError:
        return True
    except OSError:  # a file system without links
        return path.exists()
    return False


def _header_bytes(text_bytes: int) -> int:
    return -(-(len(_MAGIC) + 8 + text_bytes) // _ALIGNMENT) * _ALIGNMENT


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file in the same folder, which is removed at the end unless it was given another name."""
    with tempfile.NamedTemporaryFile("w+b", prefix=f".{path.stem}-", dir=path.parent, delete=False) as file:
        try:
            yield file
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(file.name).unlink()


class _Spool:
    """Keeps blocks in a file until all of them are there, since only then the longest text is known."""

    def __init__(self, file: IO[bytes], table: Table, schema: Schema) -> None:
        self._file = file
        self._table = table
        self._schema = schema
        self.rows = 0
        self.nulls: dict[str, int] = {}
        self.text_bytes = {column.name: 1 for column in _text_columns(schema)}

    def add(self, block: Block) -> None:
        for number, (column, type_) in enumerate(zip(block, self._table.columns, strict=True)):
            np.save(self._file, self._values(column, type_, number))
            np.save(self._file, np.packbits(column.is_valid()))
            if column.valid is not None and not column.valid.all():
                self.nulls.setdefault(type_.name, self.rows + int(np.argmin(column.valid)))
        self.rows += rows_of(block)

    def _values(self, column: Column, type_: ColumnType, number: int) -> Array:
        if type_.kind != BYTES:
            return column.values
        values = [value or b"" for value in column.values]
        width = self._schema.source_bytes(number)
        for row, value in enumerate(values):
            if width == 0 and value.endswith(b"\0"):
                self._refuse(type_, row, "ends with a zero byte, which a cache does not keep")
            if width == 0 and len(value) > _MAX_TEXT_BYTES:
                self._refuse(type_, row, f"has {len(value)} bytes, too many to be kept as fixed bytes")
            if width > 0 and len(value) != width and column.is_valid()[row]:
                self._refuse(type_, row, f"has {len(value)} bytes, but its layout has {width}")
        array = np.array(values, f"S{width or max(map(len, values)) or 1}")
        if width == 0:
            self.text_bytes[type_.name] = max(self.text_bytes[type_.name], array.itemsize)
        return array

    def _refuse(self, type_: ColumnType, row: int, why: str) -> None:
        name, row = self._table.database.name, self.rows + row
        raise DataError(f"column {shown(type_.name)} {why}, in row {row}", name, row)

    def blocks(self) -> Iterator[tuple[list[Array], list[Array]]]:
        """Yield the values and the validity of all columns, block by block."""
        self._file.seek(0)
        rows = 0
        while rows < self.rows:
            values, valid = [], []
            for _ in self._table.columns:
                values.append(np.load(self._file))
                bits = np.load(self._file)
                valid.append(np.unpackbits(bits, count=len(values[-1])).astype(bool))
            yield values, valid
            rows += len(values[0])


class _Records:
    """Where the columns lie in a record."""

    def __init__(self, schema: Schema, text_bytes: Mapping[str, int]) -> None:
        self._schema = schema
        self._types = [self._type(number, column, text_bytes) for number, column in enumerate(schema.columns)]
        count = len(self._types)
        self.dtype = np.dtype(
            [(f"v{k}", *type_) for k, type_ in enumerate(self._types)] + [(f"n{k}", "?") for k in range(count)]
        )

    def _type(self, number: int, column: ColumnType, text_bytes: Mapping[str, int]) -> tuple[str, tuple[int, ...]]:
        if column.kind != BYTES:
            return column.kind, column.shape
        return f"S{self._schema.source_bytes(number) or int(text_bytes[column.name])}", ()

    def pack(self, values: Sequence[Array], valid: Sequence[Array]) -> Array:
        records = np.zeros(len(values[0]), self.dtype)
        for k, (column, is_there) in enumerate(zip(values, valid, strict=True)):
            records[f"v{k}"] = column
            records[f"n{k}"] = is_there
        return records

    def layout(self, header_bytes: int) -> Layout:
        """Return the layout of the records, with the fields of the schema."""
        fields = {name: self._placed(field) for name, field in self._schema.fields.items()}
        return layout_of(fields, self.dtype.itemsize, header_bytes)

    def _placed(self, field: Field) -> Field:
        number = field.source // 2
        places: Any = self.dtype.fields
        begin, validity = places[f"v{number}"][1], places[f"n{number}"][1]
        type_ = field.type
        if self._schema.is_text(field.name):
            type_ = element_types.from_dtype(np.dtype(self._types[number][0]))
        valid = Field(field.name, _BOOL, (), validity, ())
        return replace(field, type=type_, offset=begin + field.offset, source=0, validity=valid)


def _text_columns(schema: Schema) -> list[ColumnType]:
    columns = enumerate(schema.columns)
    return [column for number, column in columns if column.kind == BYTES and schema.source_bytes(number) == 0]
