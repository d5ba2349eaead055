"""Pure Python: ``struct.iter_unpack`` record by record, through ``from_generator``."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.bench.in_tensorflow import signature
from binfeed.bench.peers._tensorflow import endless, shuffled
from binfeed.bench.workload import Column, NotApplicable, Output, Source, Workload, is_plain
from binfeed.layout import Field

title = "struct.iter_unpack in from_generator, record by record"

_CODES = {
    **{"bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I"},
    **{"int64": "q", "uint64": "Q", "float16": "e", "float32": "f", "float64": "d"},
}


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_records()
    readers = [_Records(source) for source in workload.sources]
    specs = tuple(tf.TensorSpec(spec.shape[1:], spec.dtype) for spec in signature(workload))

    def generate() -> Iterator[tuple[Any, ...]]:
        for samples in zip(*map(iter, readers), strict=True):
            yield tuple(itertools.chain.from_iterable(samples))

    records = tf.data.Dataset.from_generator(generate, output_signature=specs)
    return endless([shuffled(records, workload).batch(workload.batch_size)])


class _Records:
    """The outputs of one record after the other."""

    def __init__(self, source: Source) -> None:
        orders = {field.type.order for field in source.fields} - {"|"}
        if len(orders) > 1:
            raise NotApplicable("struct reads one byte order at a time")
        self._source = source
        self._order = (orders or {"<"}).pop()
        self._format = self._order
        self._slots: dict[str, slice] = {}
        end = values = 0
        for field in sorted(source.fields, key=lambda field: field.offset):
            code = _CODES.get(field.type.name)
            if not is_plain(field):
                raise NotApplicable(f"struct has no code for field {field.name!r}")
            items = f"{field.elements}{code}" if code else f"{field.type.bytes}s" * field.elements
            self._format += f"{field.offset - end}x{items}"
            self._slots[field.name] = slice(values, values + field.elements)
            values += field.elements
            end = field.end
        self._format += f"{source.layout.record_bytes - end}x"

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        layout = self._source.layout
        for file in self._source.files:
            content = memoryview(Path(file).read_bytes())
            body = content[layout.header_bytes : len(content) - layout.footer_bytes]
            for record in struct.iter_unpack(self._format, body):
                yield tuple(self._output(output, record) for output in self._source.outputs)

    def _output(self, output: Output, record: tuple[Any, ...]) -> Any:
        columns = [self._column(column, record) for column in output.columns]
        return columns[0] if len(columns) == 1 else columns

    def _column(self, column: Column, record: tuple[Any, ...]) -> Any:
        field = self._source.layout[column.field]
        values = list(record[self._slots[field.name]])
        if isinstance(values[0], bytes):
            order = "little" if self._order == "<" else "big"
            signed = not field.type.name.startswith("uint")
            values = [int.from_bytes(value, order, signed=signed) for value in values]  # type: ignore[arg-type]
        if column.multiply is not None:
            values = [value * column.multiply for value in values]
        if column.divide is not None:
            values = [value / column.divide for value in values]
        return _nested(values, field) if field.shape else values[0]


def _nested(values: list[Any], field: Field) -> Any:
    for size in field.shape[:0:-1]:
        values = [values[begin : begin + size] for begin in range(0, len(values), size)]
    return values
