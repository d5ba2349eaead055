"""The batches of a workload in NumPy, as people write them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.bench.workload import Column, NotApplicable, Output, Source, is_plain
from binfeed.element_types import ElementType
from binfeed.layout import Field, Layout

Array = npt.NDArray[Any]

#: Sizes of the integers that NumPy lacks, and of the integers that they are made of, the lowest first.
_PARTS = {3: (2, 1), 5: (4, 1), 6: (4, 2), 7: (4, 2, 1)}


def record_dtype(layout: Layout) -> np.dtype[Any]:
    """Return a structured dtype for the records, with the fields of the layout by their paths."""
    fields = [(field, _dtype_of(field)) for field in layout.fields.values()]
    return np.dtype(
        {
            "names": [field.name for field, _ in fields],
            "formats": [dtype for _, dtype in fields],
            "offsets": [field.offset for field, _ in fields],
            "itemsize": layout.record_bytes,
        }
    )


def _dtype_of(field: Field) -> np.dtype[Any]:
    if not is_plain(field):
        return np.dtype(f"V{field.bytes}")
    return np.dtype((_element_dtype(field.type), field.shape))


def _element_dtype(type_: ElementType) -> np.dtype[Any]:
    if type_.bytes not in _PARTS or not type_.is_number:
        return np.dtype(type_.spelling)
    sizes = _PARTS[type_.bytes] if type_.order == "<" else _PARTS[type_.bytes][::-1]
    return np.dtype([(f"part{number}", f"{type_.order}u{size}") for number, size in enumerate(sizes)])


def _values(records: Array, field: Field) -> Array:
    if not is_plain(field) or not field.type.is_number:
        raise NotApplicable(f"NumPy has no type for field {field.name!r}")
    values = records[field.name]
    if field.type.bytes not in _PARTS:
        return values
    sizes = _PARTS[field.type.bytes]
    parts = [values[name] for name in values.dtype.names or ()]
    parts = parts if field.type.order == "<" else parts[::-1]
    whole = parts[0].astype("u8")
    for number, part in enumerate(parts[1:], start=1):
        whole |= part.astype("u8") << np.uint64(8 * sum(sizes[:number]))
    if field.type.name.startswith("uint"):
        return whole.astype(field.type.value)
    unused = np.int64(64 - field.type.bits)
    return ((whole.view("i8") << unused) >> unused).astype(field.type.value)


def _computed(values: Array, column: Column) -> Array:
    compute = np.float32 if values.dtype.itemsize <= 2 or values.dtype == np.float32 else np.float64
    for function, operand in ((np.multiply, column.multiply), (np.divide, column.divide)):
        if operand is not None:
            values = function(values, compute(operand), dtype=compute)
    return values


def batch_of(source: Source, records: Array) -> list[Array]:
    """Make the outputs of an array of records, which has the dtype of :func:`record_dtype`."""
    return [_array_of(source, output, records) for output in source.outputs]


def _array_of(source: Source, output: Output, records: Array) -> Array:
    columns = [_computed(_values(records, source.layout[column.field]), column) for column in output.columns]
    if len(columns) == 1:
        return columns[0].astype(output.dtype)
    block = np.empty((len(records), len(columns)), output.dtype)
    for number, column in enumerate(columns):
        block[:, number] = column
    return block


def as_rows(arrays: Sequence[Array]) -> Array:
    """Return one opaque value per sample, made of the bytes of all its arrays, to compare and sort."""
    columns = [np.ascontiguousarray(array).reshape(len(array), -1) for array in arrays]
    joined = np.concatenate([column.view(np.uint8) for column in columns], axis=1)
    return np.ascontiguousarray(joined).view(f"V{joined.shape[1]}").ravel()
