"""The operations of a feature, as values: what each does to the numbers ``x``, and how it is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed.errors import shortened, shown


@dataclass(frozen=True, eq=False)
class Cast:
    """``x`` as another dtype, by its name."""

    dtype: str

    def __repr__(self) -> str:
        return f"cast({self.dtype!r})"


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


@dataclass(frozen=True, eq=False)
class MinMax:
    """``(x - low) / (high - low)``."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    def __repr__(self) -> str:
        return f"minmax({_show(self.low)}, {_show(self.high)})"


@dataclass(frozen=True)
class Log1p:
    """``log(1 + x)``."""

    def __repr__(self) -> str:
        return "log1p()"


@dataclass(frozen=True)
class Clip:
    """``x`` where it is within bounds, else the bound; a bound may be None."""

    low: float | None
    high: float | None

    def __repr__(self) -> str:
        return f"clip({shown(self.low)}, {shown(self.high)})"


@dataclass(frozen=True)
class Fill:
    """``value`` where ``x`` is NaN or ``missing``, else ``x``."""

    value: float
    missing: float | None

    def __repr__(self) -> str:
        return f"fill({shown(self.value)}{_show_missing(self.missing, ', ')})"


@dataclass(frozen=True)
class IsMissing:
    """Whether ``x`` is NaN or ``missing``."""

    missing: float | None

    def __repr__(self) -> str:
        return f"is_missing({_show_missing(self.missing, '')})"


@dataclass(frozen=True)
class Bits:
    """The number in bits ``[start, start + width)`` of an integer, the lowest bit being 0."""

    start: int
    width: int
    signed: bool

    def __repr__(self) -> str:
        return f"bits({self.start}, {self.width}{', signed=True' if self.signed else ''})"

    @property
    def dtype(self) -> str:
        """The smallest integer that holds it."""
        size = next(size for size in (8, 16, 32, 64) if self.width <= size)
        return f"{'' if self.signed else 'u'}int{size}"


@dataclass(frozen=True)
class Codes:
    """The code of a key; keys are bytes, or integers."""

    codes: tuple[tuple[bytes | int, int], ...]
    default: int

    def __repr__(self) -> str:
        return f"codes({shown(dict(self.codes))}, default={self.default})"


@dataclass(frozen=True)
class OneHot:
    """1.0 at index ``x`` of ``depth`` values, else 0.0."""

    depth: int

    def __repr__(self) -> str:
        return f"one_hot({self.depth})"


@dataclass(frozen=True)
class Select:
    """Some elements of a record's array, as NumPy's basic indexing takes them."""

    index: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"[{shortened(', '.join(map(_show_index, self.index)), 200)}]"


@dataclass(frozen=True)
class Reshape:
    """The elements of a record in another shape, in the same order."""

    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"reshape{shown(self.shape)}"


@dataclass(frozen=True)
class Transpose:
    """The axes of a record in another order; ``None`` reverses them."""

    axes: tuple[int, ...] | None

    def __repr__(self) -> str:
        return f"transpose{shown(self.axes or ())}"


Arithmetic = Scale | Divide | Standardize | MinMax | Log1p
Operation = Cast | Arithmetic | Clip | Fill | IsMissing | Bits | Codes | OneHot | Reshape | Transpose | Select


def _show(numbers: npt.NDArray[np.float64]) -> str:
    if numbers.ndim == 0:
        number = float(numbers)
        return str(int(number)) if number.is_integer() and math.fabs(number) < 1e15 else repr(number)
    return shortened(np.array2string(numbers, separator=", ", threshold=8).replace("\n", ""), 200)


def _show_missing(missing: float | None, separator: str) -> str:
    return "" if missing is None else f"{separator}missing={shown(missing)}"


def _show_index(part: Any) -> str:
    if part is Ellipsis:
        return "..."
    if not isinstance(part, slice):
        return shown(part)
    bounds = ":".join("" if bound is None else shown(bound) for bound in (part.start, part.stop))
    return bounds if part.step is None else f"{bounds}:{shown(part.step)}"
