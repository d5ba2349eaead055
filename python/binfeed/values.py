"""Values of all records, and the rules by which NumPy converts them: what the references of operations share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.element_types import value_dtype

Array = npt.NDArray[Any]


@dataclass
class Value:
    """Values within a chain of operations.

    Attributes:
        array: the values so far, ``[N, ...]``; while computing, in the compute dtype.
        is_computed: whether they come from arithmetic that is not rounded yet.
        result: the dtype to which arithmetic is rounded in the end.
        is_null: where there is no value, as an array that broadcasts to the shape of ``array``.
    """

    array: Array
    is_computed: bool = False
    result: str = "float32"
    is_null: Array | bool = False

    def replaced(self, array: Array) -> Value:
        """Other values in the same place of the chain."""
        return Value(array, self.is_computed, self.result, self.is_null)

    def rearranged(self, move: Callable[[Array], Array]) -> Value:
        """The same values, as ``move`` puts them into another shape or order."""
        is_null = move(np.broadcast_to(self.is_null, self.array.shape))
        return Value(move(self.array), self.is_computed, self.result, is_null)


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that arithmetic on values of ``dtype`` computes in."""
    is_narrow = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if is_narrow else np.float64)


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
