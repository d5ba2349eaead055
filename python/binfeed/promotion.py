"""Promotion: the types in which values compute, and in which values of two types meet.

- Two integers (a bool counts as one) are added, subtracted, multiplied and divided with ``//`` and ``%`` exactly. The
  result is int64, limited to its range: what lies outside becomes the nearest bound. An integer divided by zero, or
  its remainder, is 0.
- All other arithmetic is in floating point: in float32 for bools, integers of up to 16 bits and floats of up to 32
  bits, in float64 for wider integers and float64; of two values, in the wider of these.
- Values that are compared or chosen, rather than computed with, meet in the smallest type that holds both. An integer
  and a float meet in the type in which they would compute.
- A number or an array that is not a feature, a *literal*, is an integer or a float, of no certain size. It takes the
  type of the features that it meets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.element_types import OUTPUT_TYPES

#: Types whose arithmetic is in float32, which holds all of their values exactly.
_NARROW = ("bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32")
#: From the smallest on: of two of one size, the one without a sign comes first.
_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
_FLOAT_BITS = {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}

Literals = Sequence[npt.NDArray[Any]]


def is_integer(type_: str) -> bool:
    """Whether values count as integers in arithmetic and comparisons: those of integer types, and bools."""
    return type_ in OUTPUT_TYPES and "float" not in type_


def compute_type(*types: str) -> str:
    """Return the floating type that arithmetic on values of these types computes in."""
    return "float32" if all(type_ in _NARROW for type_ in types) else "float64"


def common_float(*types: str) -> str:
    """Return the smallest floating type that holds the values of several."""
    return reduce(_wider_float, types)


def are_integers(types: Sequence[str], literals: Literals) -> bool:
    """Whether all features, by their types, and all literals count as integers."""
    return all(map(is_integer, types)) and all(literal.dtype.kind in "biu" for literal in literals)


def meeting(types: Sequence[str], literals: Literals, *, is_computing: bool) -> tuple[str, bool] | None:
    """Return the type in which features of some types and literals meet, and whether they are to be rounded later.

    None says that no integer type holds all of them. ``is_computing`` says whether a feature comes from arithmetic that
    is not rounded yet.
    """
    if not are_integers(types, literals):
        is_mixed = is_computing or any(map(is_integer, types))
        return (compute_type(*types) if is_mixed else common_float(*types) if types else "float32"), is_mixed
    type_ = _smallest_integer(types, literals)
    return None if type_ is None else (type_, False)


def _smallest_integer(types: Sequence[str], literals: Literals) -> str | None:
    """Return the smallest type that holds all values of some types and literals, which count as integers."""
    if {*types, *(literal.dtype.name for literal in literals)} == {"bool"}:
        return "bool"
    if not types:
        return "int64"
    bounds = [bound for type_ in types for bound in _limits(type_)]
    bounds += [int(bound) for literal in literals if literal.size for bound in (literal.min(), literal.max())]
    for type_ in _INTEGERS:
        low, high = _limits(type_)
        if low <= min(bounds) and max(bounds) <= high:
            return type_
    return None


def _limits(type_: str) -> tuple[int, int]:
    """Return the lowest and the highest value of an integer type, or of bool."""
    return (0, 1) if type_ == "bool" else (int(np.iinfo(type_).min), int(np.iinfo(type_).max))


def _wider_float(a: str, b: str) -> str:
    if a == b:
        return a
    wider = max(a, b, key=_FLOAT_BITS.__getitem__)
    return wider if _FLOAT_BITS[wider] > 16 else "float32"
