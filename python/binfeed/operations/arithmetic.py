"""Arithmetic with constants, and functions of single numbers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from binfeed._core import Combination
from binfeed._core import Function as Core
from binfeed.chain import Chain
from binfeed.errors import FeatureError
from binfeed.operations.base import Operation, Parameter, shown_numbers
from binfeed.promotion import compute_type, is_integer
from binfeed.values import Array, Value, comparable_dtype, compute_dtype


class Arithmetic(Operation):
    """Arithmetic on each value, which is rounded at the end of the chain."""

    def reference(self, value: Value) -> Value:
        dtype = compute_dtype(value.array.dtype)
        return replace(value, array=self.computed(value.array.astype(dtype), dtype), is_computed=True)

    @abstractmethod
    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        """The result for values that are of the compute dtype already."""


@dataclass(frozen=True, eq=False)
class Scale(Arithmetic):
    """``x * factor + offset``; without an offset nothing is added."""

    factor: Parameter
    offset: Parameter | None
    name = "scale"

    def __repr__(self) -> str:
        offset = "" if self.offset is None else f", offset={shown_numbers(self.offset)}"
        return f"scale({shown_numbers(self.factor)}{offset})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        product: Array = x * self.factor.astype(dtype)
        return product if self.offset is None else product + self.offset.astype(dtype)

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Combination.MULTIPLY, self.factor)
        if self.offset is not None:
            chain.compute(repr(self), Combination.ADD, self.offset)


@dataclass(frozen=True, eq=False)
class Divide(Arithmetic):
    """``x / by``."""

    by: Parameter
    name = "div"

    def __repr__(self) -> str:
        return f"div({shown_numbers(self.by)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        quotient: Array = x / self.by.astype(dtype)
        return quotient

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Combination.DIVIDE, self.by)


@dataclass(frozen=True, eq=False)
class Standardize(Arithmetic):
    """``(x - mean) / std``."""

    mean: Parameter
    std: Parameter
    name = "standardize"

    def __repr__(self) -> str:
        return f"standardize({shown_numbers(self.mean)}, {shown_numbers(self.std)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        standardized: Array = (x - self.mean.astype(dtype)) / self.std.astype(dtype)
        return standardized

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Combination.SUBTRACT, self.mean)
        chain.compute(repr(self), Combination.DIVIDE, self.std)


@dataclass(frozen=True, eq=False)
class MinMax(Arithmetic):
    """``(x - low) / (high - low)``."""

    low: Parameter
    high: Parameter
    name = "minmax"

    def __repr__(self) -> str:
        return f"minmax({shown_numbers(self.low)}, {shown_numbers(self.high)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        low, high = self.low.astype(dtype), self.high.astype(dtype)
        scaled: Array = (x - low) / (high - low)
        return scaled

    def plan(self, chain: Chain) -> None:
        high = chain.rounded(repr(self), Combination.SUBTRACT, self.high)
        spread = (high - self.low.astype(high.dtype)).astype(np.float64)
        chain.compute(repr(self), Combination.SUBTRACT, self.low)
        chain.compute(repr(self), Combination.DIVIDE, spread)


@dataclass(frozen=True)
class Function(Arithmetic):
    """A function of each value, in the type that arithmetic on it computes in."""

    core: ClassVar[Core]

    def __repr__(self) -> str:
        return f"{self.name}()"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        values: Array = getattr(np, self.name)(x)
        return values

    def plan(self, chain: Chain) -> None:
        chain.map(self.core, type_=compute_type(chain.type))
        chain.is_computing = True


class Sqrt(Function):
    """The square root; NaN for negative numbers."""

    name = "sqrt"
    core = Core.SQRT


class Exp(Function):
    """``e`` to the power of ``x``."""

    name = "exp"
    core = Core.EXP


class Log(Function):
    """The natural logarithm."""

    name = "log"
    core = Core.LOG


class Log2(Function):
    """The logarithm to base 2."""

    name = "log2"
    core = Core.LOG2


class Log10(Function):
    """The logarithm to base 10."""

    name = "log10"
    core = Core.LOG10


class Log1p(Function):
    """``log(1 + x)``."""

    name = "log1p"
    core = Core.LOG1P


class Sin(Function):
    """The sine of ``x`` radians."""

    name = "sin"
    core = Core.SIN


class Cos(Function):
    """The cosine of ``x`` radians."""

    name = "cos"
    core = Core.COS


class Tanh(Function):
    """The hyperbolic tangent."""

    name = "tanh"
    core = Core.TANH


# Functions that keep the type, in which halves take part as float32.


@dataclass(frozen=True)
class Preserving(Operation):
    """A function of each value whose results have the type of the values."""

    core: ClassVar[Core]

    def __repr__(self) -> str:
        return f"{self.name}()"

    def reference(self, value: Value) -> Value:
        dtype = value.array.dtype
        return value.replaced(self.computed(value.array.astype(comparable_dtype(dtype))).astype(dtype))

    @abstractmethod
    def computed(self, x: Array) -> Array:
        """The result for values of a type that can be compared."""

    def plan(self, chain: Chain) -> None:
        chain.map(self.core)


class Abs(Preserving):
    """``|x|``; the lowest signed integer, whose negative the dtype does not hold, becomes the highest."""

    name = "abs"
    core = Core.ABS

    def computed(self, x: Array) -> Array:
        if x.dtype.kind == "i":
            x = np.maximum(x, -np.iinfo(x.dtype).max)
        return np.abs(x)


class Sign(Preserving):
    """-1, 0 or 1, as ``x`` is below, at or above zero; NaN stays NaN."""

    name = "sign"
    core = Core.SIGN

    def computed(self, x: Array) -> Array:
        return x if x.dtype == bool else np.sign(x)


class Floor(Preserving):
    """The whole number at or below ``x``."""

    name = "floor"
    core = Core.FLOOR

    def computed(self, x: Array) -> Array:
        return np.floor(x) if x.dtype.kind == "f" else x


class Ceil(Preserving):
    """The whole number at or above ``x``."""

    name = "ceil"
    core = Core.CEIL

    def computed(self, x: Array) -> Array:
        return np.ceil(x) if x.dtype.kind == "f" else x


class Round(Preserving):
    """The whole number nearest to ``x``; of two as near, the even one."""

    name = "round"
    core = Core.ROUND

    def computed(self, x: Array) -> Array:
        return np.rint(x) if x.dtype.kind == "f" else x


class Invert(Preserving):
    """``~x``: the other bool, or the other bits of an integer."""

    name = "~"
    core = Core.INVERT

    def computed(self, x: Array) -> Array:
        return ~x

    def plan(self, chain: Chain) -> None:
        if not is_integer(chain.type):
            raise FeatureError(f"{chain.where}: ~ takes bools and integers, not {chain.type}")
        super().plan(chain)
