"""The rules of decoding in plain NumPy: slow, and the definition of every bit that binfeed gives.

Each operation of a feature is one expression here. The tests hold the compiled decoder to it, for every instruction
set. Where a result is NaN, any NaN is equal to any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.features import Cast, Divide, Feature, Operation, Reshape, Scale, Standardize, Transpose
from binfeed.layout import UNNAMED, Layout

Array = npt.NDArray[Any]


def decode(records: Array, layout: Layout, features: Mapping[str, Feature]) -> dict[str, Array]:
    """The features of ``records``, a 1-D array of ``layout.dtype``."""
    with np.errstate(all="ignore"):
        return {name: feature_values(feature, records, layout) for name, feature in features.items()}


def feature_values(feature: Feature, records: Array, layout: Layout) -> Array:
    """What ``feature`` gives for ``records``: one row per record."""
    if isinstance(feature.source, str):
        value = Value(field_values(records, feature.source))
    else:
        parts = [cast(feature_values(part, records, layout), "float32") for part in feature.source]
        value = Value(np.concatenate([part.reshape(len(records), -1) for part in parts], axis=1))
    for operation in feature.operations:
        value = apply(operation, value)
    return cast(value.array, value.result) if value.is_computed else value.array


def field_values(records: Array, name: str) -> Array:
    """The field at the dotted path ``name``, in native byte order; a bool is true for any byte but zero."""
    values = records
    if name != UNNAMED or records.dtype.names is not None:
        for part in _path(records.dtype, name):
            values = values[part]
    if values.dtype.kind == "b":
        return values.view(np.uint8) != 0
    return values.astype(values.dtype.newbyteorder("="))


@dataclass
class Value:
    """Values within a chain of operations.

    Attributes:
        array: the values so far; while computing, in the compute dtype.
        is_computed: whether they come from arithmetic that is not rounded yet.
        result: the dtype to which arithmetic is rounded in the end.
    """

    array: Array
    is_computed: bool = False
    result: str = "float32"


def apply(operation: Operation, value: Value) -> Value:
    """One operation on the values of all records."""
    x = value.array
    match operation:
        case Cast(dtype):
            result = dtype.name if dtype.kind == "f" else "float32"
            return Value(cast(x, dtype.name), False, result)
        case Reshape(shape):
            return Value(x.reshape(len(x), *shape), value.is_computed, value.result)
        case Transpose(axes):
            order = axes if axes is not None else tuple(reversed(range(x.ndim - 1)))
            return Value(x.transpose(0, *(axis % (x.ndim - 1) + 1 for axis in order)), value.is_computed, value.result)
        case _:
            dtype = compute_dtype(x.dtype)
            return Value(arithmetic(operation, x.astype(dtype), dtype), True, value.result)


def arithmetic(operation: Scale | Divide | Standardize, x: Array, dtype: np.dtype[Any]) -> Array:
    """The arithmetic operations, on values and parameters of the compute dtype."""
    match operation:
        case Scale(factor, None):
            return x * factor.astype(dtype)
        case Scale(factor, offset) if offset is not None:
            return x * factor.astype(dtype) + offset.astype(dtype)
        case Divide(by):
            return x / by.astype(dtype)
        case Standardize(mean, std):
            return (x - mean.astype(dtype)) / std.astype(dtype)
    raise AssertionError(operation)


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What arithmetic on values of ``dtype`` computes in."""
    is_narrow = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if is_narrow else np.float64)


def cast(values: Array, dtype: str) -> Array:
    """``values`` as ``dtype``: see :meth:`Feature.cast <binfeed.features.Feature.cast>`."""
    target = np.dtype(dtype)
    if target.kind == "b":
        return values != 0
    if target.kind == "f" or values.dtype.kind == "b":
        return values.astype(target)
    limits = np.iinfo(target)
    if values.dtype.kind == "f":
        below, above = values < float(limits.min), values >= 2.0 ** (limits.bits - (target.kind == "i"))
        inside = np.where(np.isnan(values) | below | above, 0, values).astype(target)
        return np.where(below, limits.min, np.where(above, limits.max, inside)).astype(target)
    return np.clip(values.astype(object), limits.min, limits.max).astype(target)


def _path(dtype: np.dtype[Any], name: str) -> list[str]:
    """The names to follow, one struct after the other; a name may itself have dots."""
    struct = dtype.base
    for candidate in struct.names or ():
        member = struct.fields[candidate][0].base if struct.fields else struct
        if name == candidate:
            return [candidate]
        if name.startswith(candidate + ".") and member.names is not None:
            return [candidate, *_path(member, name[len(candidate) + 1 :])]
    raise KeyError(name)
