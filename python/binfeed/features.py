"""What the model gets: :func:`field` and :func:`concat`, and the operations on them.

A feature is a chain that reads from left to right::

    bf.field("image").div(255).transpose(1, 2, 0)
    bf.field("price").scale(1e-9).cast("float64")

Arithmetic follows three rules, which :mod:`binfeed.reference` spells out in NumPy:

- It computes in float32 where the value that goes into the first operation is a bool, an integer of up to 16 bits,
  float16 or float32, and in float64 where it is a wider integer or float64. Parameters are rounded to that type.
- The result is rounded once, at the end of the chain or at the next ``.cast``. It comes out as float32, or as the
  floating dtype that an earlier ``.cast`` chose.
- ``.cast`` to an integer drops the fraction and saturates: what lies outside the range becomes the nearest bound, NaN
  becomes 0. ``.cast`` to a floating dtype rounds to nearest, ties to even. ``.cast`` to bool is ``x != 0``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from binfeed.errors import FeatureError, checked_keywords

#: dtypes that ``.cast`` gives.
CASTABLE = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)


@dataclass(frozen=True, eq=False)
class Cast:
    """``x`` as another dtype."""

    dtype: np.dtype[np.generic]

    def __repr__(self) -> str:
        return f"cast({self.dtype.name!r})"


@dataclass(frozen=True, eq=False)
class Scale:
    """``x * factor + offset``; without an offset nothing is added."""

    factor: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64] | None

    def __repr__(self) -> str:
        offset = "" if self.offset is None else f", offset={_show(self.offset)}"
        return f"scale({_show(self.factor)}{offset})"


@dataclass(frozen=True, eq=False)
class Divide:
    """``x / by``."""

    by: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"div({_show(self.by)})"


@dataclass(frozen=True, eq=False)
class Standardize:
    """``(x - mean) / std``."""

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"standardize({_show(self.mean)}, {_show(self.std)})"


@dataclass(frozen=True)
class Reshape:
    """The elements of a record in another shape, in the same order."""

    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"reshape{self.shape}"


@dataclass(frozen=True)
class Transpose:
    """The axes of a record in another order; ``None`` reverses them."""

    axes: tuple[int, ...] | None

    def __repr__(self) -> str:
        return f"transpose{self.axes or ()}"


Operation = Cast | Scale | Divide | Standardize | Reshape | Transpose


@dataclass(frozen=True, eq=False, repr=False)
class Feature:
    """A field of the records, or several of them, taken through operations. Made by :func:`field` and :func:`concat`.

    Every method returns a new feature. Shapes and axes are those of one record: the batch axis, always the first one
    of what comes out, is never named. A parameter is one number, or an array that broadcasts to the record's shape at
    that point of the chain.
    """

    source: str | tuple[Feature, ...]
    operations: tuple[Operation, ...] = ()

    def _then(self, operation: Operation) -> Feature:
        return Feature(self.source, (*self.operations, operation))

    @checked_keywords
    def cast(self, dtype: npt.DTypeLike) -> Feature:
        """Give the values as ``dtype``: bool, an integer, or float16/32/64.

        Integers saturate and drop the fraction, NaN becomes the integer 0, and bool is ``x != 0``.

        Raises:
            FeatureError: if ``dtype`` is none of these.
        """
        try:
            wanted = np.dtype(dtype)
        except TypeError:
            raise FeatureError(f"cast({dtype!r}): no such dtype") from None
        if wanted.name not in CASTABLE:
            raise FeatureError(f"cast({str(dtype)!r}): the dtypes to cast to are {', '.join(CASTABLE)}")
        return self._then(Cast(wanted.newbyteorder("=")))

    @checked_keywords
    def scale(self, factor: npt.ArrayLike, offset: npt.ArrayLike = 0) -> Feature:
        """``x * factor + offset``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number.
        """
        shift = _parameter("scale(offset=)", offset)
        return self._then(Scale(_parameter("scale(factor=)", factor), shift if shift.any() else None))

    @checked_keywords
    def div(self, by: npt.ArrayLike) -> Feature:
        """``x / by``, a true division, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if ``by`` is zero or not a finite number.
        """
        return self._then(Divide(_divisor("div(by=)", by)))

    @checked_keywords
    def standardize(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> Feature:
        """``(x - mean) / std``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number, or ``std`` is zero.
        """
        return self._then(Standardize(_parameter("standardize(mean=)", mean), _divisor("standardize(std=)", std)))

    def reshape(self, *shape: int | Sequence[int]) -> Feature:
        """Give each record's elements, in the same order, the shape ``shape``; one -1 stands for what is left."""
        return self._then(Reshape(_integers("reshape", shape)))

    def transpose(self, *axes: int | Sequence[int]) -> Feature:
        """Put a record's axes in the order ``axes``; without any, reverse them. Axis 0 is the first after the batch."""
        return self._then(Transpose(_integers("transpose", axes) if axes else None))

    def __repr__(self) -> str:
        if isinstance(self.source, str):
            source = f"field({self.source!r})"
        else:
            source = f"concat({', '.join(map(repr, self.source))})"
        return ".".join([source, *map(repr, self.operations)])


def field(name: str) -> Feature:
    """The field ``name`` of each record, in native byte order: ``[B]``, or ``[B, *shape]`` of an array field.

    Fields of nested structs are joined by dots: ``bf.field("header.time")``.
    """
    if not isinstance(name, str):
        raise FeatureError(f"field() takes the name of a field, not {name!r}")
    return Feature(name)


def concat(*features: Feature | str) -> Feature:
    """One dense float32 block ``[B, F]`` of the features side by side, each flattened per record.

    A string stands for the field of that name. One component costs tf.data less than ten.
    """
    if not features:
        raise FeatureError("concat() needs at least one feature")
    return Feature(tuple(as_feature(feature) for feature in features))


def as_feature(feature: Feature | str) -> Feature:
    """``feature`` itself, or the field of that name."""
    return feature if isinstance(feature, Feature) else field(feature)


def _parameter(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise FeatureError(f"{what} must be a number or an array of numbers, not {value!r}") from None
    if not np.isfinite(numbers).all():
        raise FeatureError(f"{what} must be finite, not {value!r}")
    numbers.flags.writeable = False
    return numbers


def _divisor(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    numbers = _parameter(what, value)
    if not numbers.all():
        where = f", element {tuple(map(int, np.argwhere(numbers == 0)[0]))}" if numbers.ndim else ""
        raise FeatureError(f"{what} must not be zero{where}")
    return numbers


def _integers(what: str, values: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    try:
        return tuple(operator.index(value) for value in values)  # type: ignore[arg-type]
    except TypeError:
        raise FeatureError(f"{what}{values!r}: takes whole numbers") from None


def _show(numbers: npt.NDArray[np.float64]) -> str:
    if numbers.ndim == 0:
        number = float(numbers)
        return str(int(number)) if number.is_integer() and math.fabs(number) < 1e15 else repr(number)
    return np.array2string(numbers, separator=", ", threshold=8).replace("\n", "")
