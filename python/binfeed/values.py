"""Values of all records, and the rules by which NumPy converts them: what the references of operations share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.element_types import value_dtype
from binfeed.promotion import compute_type

Array = npt.NDArray[Any]


@dataclass
class Value:
    """Values within a chain of operations.

    Attributes:
        array: the values so far, ``[N, ...]``; while computing, in the compute dtype.
        is_computed: whether they come from arithmetic that is not rounded yet.
        result: the dtype to which arithmetic is rounded in the end.
        is_null: where there is no value, as an array that broadcasts to the shape of ``array``.
        history: how many records before a record its values depend on: the first values of a file are not valid.
        is_literal: whether it is a number that is no feature, and so has a single row.
    """

    array: Array
    is_computed: bool = False
    result: str = "float32"
    is_null: Array | bool = False
    history: int = 0
    is_literal: bool = False

    @property
    def type(self) -> str:
        """The type of the values."""
        return self.array.dtype.name

    def replaced(self, array: Array) -> Value:
        """Other values in the same place of the chain."""
        return replace(self, array=array)

    def become(self, array: Array) -> Value:
        """Other values in the same place of the chain, which need no rounding."""
        return Value(array, is_null=self.is_null, history=self.history)

    def rearranged(self, move: Callable[[Array], Array]) -> Value:
        """The same values, as ``move`` puts them into another shape or order."""
        is_null = move(np.broadcast_to(self.is_null, self.array.shape))
        return replace(self, array=move(self.array), is_null=is_null)


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that arithmetic on values of ``dtype`` computes in."""
    return np.dtype(compute_type(dtype.name))


def comparable_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which values of ``dtype`` are compared: float32 for halves, else their own."""
    return np.dtype(np.float32) if dtype.name in ("float16", "bfloat16") else dtype


def cast(values: Array, dtype: str) -> Array:
    """``values`` as ``dtype``: see :meth:`Feature.cast <binfeed.features.Feature.cast>`."""
    if dtype == "bfloat16":
        return values.astype(np.float32).astype(value_dtype(dtype))
    target = np.dtype(dtype)
    if values.dtype.name == "bfloat16":
        values = values.astype(np.float32)
    if target.kind == "b":
        return values != 0
    if target.kind == "f" or values.dtype.kind == "b":
        return values.astype(target)
    limits = np.iinfo(target)
    if values.dtype.kind == "f":
        below, above = values < float(limits.min), values >= 2.0 ** (limits.bits - (target.kind == "i"))
        inside = np.where(np.isnan(values) | below | above, 0, values).astype(target)
        return np.where(below, limits.min, np.where(above, limits.max, inside)).astype(target)
    return np.asarray(np.clip(values.astype(object), limits.min, limits.max)).astype(target)


def signed_if(values: Array, bits: int, dtype: str) -> Array:
    """Return unsigned numbers of ``bits`` bits as ``dtype``; if it is signed, their highest bit is the sign."""
    if np.dtype(dtype).kind == "i":
        sign = np.uint64(1 << (bits - 1))
        return ((values.astype(np.uint64) ^ sign).astype(np.int64) - np.int64(sign.astype(np.int64))).astype(dtype)
    return values.astype(dtype)


def along_records(values: Sequence[Value]) -> list[Array]:
    """Return the arrays of several values with as many axes each, so that they broadcast over a record's shape."""
    axes = max(value.array.ndim for value in values)
    return [_with_axes(value.array, axes) for value in values]


def null_of(values: Sequence[Value]) -> Array | bool:
    """Return where at least one of several values is not there, aligned as by :func:`along_records`."""
    axes = max(value.array.ndim for value in values)
    nulls = [_with_axes(value.is_null, axes) for value in values if isinstance(value.is_null, np.ndarray)]
    return reduce(np.logical_or, nulls) if nulls else False


def exact(operation: Callable[[Any, Any], Any], x: Array, y: Array) -> Array:
    """Apply an operation to whole numbers of any size, and limit the results to the range of int64."""
    results = operation(x.astype(object), y.astype(object))
    return np.asarray(np.clip(results, -(2**63), 2**63 - 1)).astype(np.int64)


def _with_axes(array: Array, axes: int) -> Array:
    return array.reshape(len(array), *(1,) * (axes - array.ndim), *array.shape[1:])
