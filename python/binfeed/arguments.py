"""Checks of the arguments of features."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.combinations import Literal
from binfeed.errors import FeatureError, shown
from binfeed.nodes import MAX_HISTORY
from binfeed.numbers import whole


def parameter(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a number or an array of finite numbers as float64; ``what`` is what errors call it.

    Raises:
        FeatureError: if it is not numbers, or not finite.
    """
    try:
        given = np.asarray(value)
        is_real = given.dtype.kind in "iuf" or given.dtype.name == "bfloat16"
        if not is_real and not all(isinstance(number, int | float) for number in given.flat):
            raise TypeError
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError
        numbers = np.array(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise FeatureError(f"{what} must be a number or an array of numbers, not {shown(value)}") from None
    if not np.isfinite(numbers).all():
        raise FeatureError(f"{what} must be finite, not {shown(value)}")
    numbers.flags.writeable = False
    return numbers


def divisor(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return a :func:`parameter`, none of which is zero."""
    numbers = parameter(what, value)
    if not numbers.all():
        where = f", element {tuple(map(int, np.argwhere(numbers == 0)[0]))}" if numbers.ndim else ""
        raise FeatureError(f"{what} must not be zero{where}")
    return numbers


def number(what: str, value: Any, *, allow_nan: bool = False) -> float | None:
    """Return an int or float unchanged, and a NumPy scalar as the Python number it equals."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and (not isinstance(value, int | float) or (value != value and not allow_nan)):
        raise FeatureError(f"{what} must be a number, not {shown(value)}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise FeatureError(f"{what} must be a number that fits float64, not {shown(value)}")
    return value


def text(what: str, value: str | bytes) -> bytes:
    """Return text as UTF-8."""
    try:
        return value.encode() if isinstance(value, str) else bytes(value)
    except UnicodeEncodeError:
        raise FeatureError(f"{what} must be text that UTF-8 can encode, not {shown(value)}") from None


def integer(what: str, value: Any) -> int:
    """Return a whole number that fits a signed integer of 64 bits."""
    try:
        number = whole(what, value)
    except TypeError as error:
        raise FeatureError(str(error)) from None
    if not -(2**63) <= number < 2**63:
        raise FeatureError(f"{what} must be within 64 bits, not {shown(number)}")
    return number


def integers(what: str, values: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    """Return whole numbers, given one by one or as a single sequence."""
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    return tuple(integer(what, value) for value in values)


def key(value: Any) -> bytes | int:
    """Return a value that has a code."""
    if isinstance(value, bytes):
        return bytes(value)
    try:
        return text("a key", value) if isinstance(value, str) else whole("a key", value)
    except (TypeError, FeatureError):
        raise FeatureError(f"codes(): keys are strings or whole numbers, not {shown(value)}") from None


def code(value: Any) -> int:
    """Return an int32."""
    number = integer("a code in codes()", value)
    if not -(2**31) <= number < 2**31:
        raise FeatureError(f"codes(): {shown(value)} is not an int32")
    return number


def index(part: Any) -> Any:
    """Return a part of an index of a record's array: an integer, a slice, or an ellipsis."""
    if part is Ellipsis:
        return part
    try:
        if isinstance(part, slice):
            bounds = (part.start, part.stop, part.step)
            return slice(*(None if bound is None else whole("a bound", bound) for bound in bounds))
        return whole("an index", part)
    except TypeError:
        raise FeatureError(f"a feature is indexed by integers, slices and ..., not by {shown(part)}") from None


def literal(what: str, value: npt.ArrayLike, *, allow_infinite: bool = False, allow_nan: bool = False) -> Literal:
    """Return a number or an array of numbers that features are combined with.

    Raises:
        FeatureError: if it is not numbers, an integer does not fit 64 bits, or a float is not finite.
    """
    try:
        given = np.asarray(value)
        if isinstance(value, np.ma.MaskedArray) or given.dtype.kind not in "biufO":
            raise TypeError
        if given.dtype.kind == "f" and not hasattr(value, "dtype"):
            listed = np.asarray(value, object)  # NumPy makes floats of 0 next to 2^63
            given = listed if listed.size and all(isinstance(each, Integral) for each in listed.flat) else given
        if given.dtype.kind == "O":
            if not all(isinstance(each, Real) for each in given.flat):
                raise TypeError
            are_whole = all(isinstance(each, Integral) for each in given.flat)
            given = np.asarray(given, np.uint64 if are_whole else np.float64)
    except OverflowError:
        raise FeatureError(f"{what} takes integers that fit int64 or uint64, not {shown(value)}") from None
    except (TypeError, ValueError):
        raise FeatureError(f"{what} takes features, numbers and arrays of numbers, not {shown(value)}") from None
    widest = {"b": "bool", "i": "int64", "u": "uint64", "f": "float64"}[given.dtype.kind]
    numbers = np.array(given, np.int64 if widest == "uint64" and (given < 2**63).all() else widest)
    is_bad = (np.isnan(numbers) & (not allow_nan)) | (np.isinf(numbers) & (not allow_infinite))
    if numbers.dtype.kind == "f" and is_bad.any():
        raise FeatureError(f"{what} takes finite numbers, not {shown(numbers[is_bad].flat[0].item())}")
    numbers.flags.writeable = False
    return Literal(numbers)


def class_count(what: str, value: Any) -> int:
    """Return the depth of an encoding: a number of classes."""
    depth = integer(f"{what}(depth=)", value)
    if depth < 1:
        raise FeatureError(f"{what}({depth}): the depth must be at least 1")
    return depth


def bin_count(what: str, value: Any) -> int:
    """Return a number of bins."""
    bins = integer(f"{what}(bins=)", value)
    if bins < 1:
        raise FeatureError(f"{what}(bins={bins}): there must be at least 1 bin")
    return bins


def hash_key(salt: Any) -> tuple[int, int] | None:
    """Return the two numbers of a salt, of which a single one stands for both."""
    if salt is None:
        return None
    numbers = tuple(salt) if isinstance(salt, Sequence) and not isinstance(salt, str | bytes) else (salt, salt)
    if len(numbers) != 2:
        raise FeatureError(f"hash(salt=) is one integer or two, not {shown(salt)}")
    first, second = (integer("hash(salt=)", each) for each in numbers)
    return first, second


def history_size(what: str, value: Any, *, lowest: int = 1) -> int:
    """Return a number of records."""
    records = integer(what, value)
    if not lowest <= records <= MAX_HISTORY:
        raise FeatureError(f"{what} must be from {lowest} to 2^20 records, not {shown(records)}")
    return records


def first_value(what: str, value: float | str | None) -> float | None:
    """Return what stands in place of values without history; None leaves them out."""
    return math.nan if value == "nan" else number(f"{what}(first=)", value, allow_nan=True)
