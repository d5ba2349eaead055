"""Comparisons with constants, in which halves take part as float32, and what replaces values that are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from binfeed._core import Program
from binfeed.chain import Chain
from binfeed.errors import FeatureError, shown
from binfeed.nodes import call
from binfeed.operations.base import Operation
from binfeed.values import Array, Value, cast, comparable_dtype


@dataclass(frozen=True)
class Clip(Operation):
    """``x`` where it is within bounds, else the bound; a bound may be None."""

    low: float | None
    high: float | None
    name = "clip"

    def __repr__(self) -> str:
        return f"clip({shown(self.low)}, {shown(self.high)})"

    def reference(self, value: Value) -> Value:
        x = value.array.astype(comparable_dtype(value.array.dtype))
        name = x.dtype.name
        # The bounds are rounded or saturated to the dtype of x.
        if self.low is not None:
            x = np.where(x < self.low, cast(np.array(self.low), name), x)
        if self.high is not None:
            x = np.where(x > self.high, cast(np.array(self.high), name), x)
        return value.replaced(x.astype(value.array.dtype))

    def plan(self, chain: Chain) -> None:
        words = [chain.word(repr(self), bound, may_round=True) for bound in self._bounds(chain)]
        chain.add(call(Program.clip, *words), type_=chain.type)

    def _bounds(self, chain: Chain) -> list[float]:
        """Return the bounds, limited to the range of the type; None is the end of that range."""
        if "float" in chain.type:
            return [-math.inf if self.low is None else self.low, math.inf if self.high is None else self.high]
        if chain.type == "bool":
            raise FeatureError(f"{chain.where}: .{self!r} does not take bools")
        limits = np.iinfo(chain.type)
        bounds = [limits.min if self.low is None else self.low, limits.max if self.high is None else self.high]
        if any(bound not in (-math.inf, math.inf) and bound != int(bound) for bound in bounds):
            raise FeatureError(f"{chain.where}: the bounds of .{self!r} must be whole numbers for {chain.type}")
        return [max(limits.min, min(limits.max, bound)) for bound in bounds]


@dataclass(frozen=True)
class Fill(Operation):
    """``value`` where ``x`` is NaN, NULL or ``missing``, else ``x``; bytes fill in for NULL only."""

    value: float | bytes
    missing: float | None
    name = "fill"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"fill({shown(self.value)}{_show_missing(self.missing, ', ')})"

    def reference(self, value: Value) -> Value:
        x = value.array
        is_missing = _is_missing(x, self.missing) if _can_be_missing(x.dtype.name, self.missing) else False
        filled = np.where(_along(is_missing | value.is_null, x), np.array(self.value).astype(x.dtype), x)
        return replace(value, array=filled.astype(x.dtype), is_null=False)

    def plan(self, chain: Chain) -> None:
        if isinstance(self.value, bytes):
            chain.fill_bytes(repr(self), self.value)
            return
        chain.require_numbers(f".{self.name}()")
        replacement = chain.word(repr(self), self.value)
        if not chain.is_nullable or _can_be_missing(chain.type, self.missing):
            sentinel = chain.sentinel_word(repr(self), self.missing)
            chain.add(call(Program.fill, sentinel, replacement), type_=chain.type)
        chain.fill_null(replacement)


@dataclass(frozen=True)
class IsMissing(Operation):
    """Whether ``x`` is NaN, NULL or ``missing``."""

    missing: float | None
    name = "is_missing"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"is_missing({_show_missing(self.missing, '')})"

    def reference(self, value: Value) -> Value:
        x = value.array
        is_missing = _is_missing(x, self.missing) if _can_be_missing(x.dtype.name, self.missing) else False
        return Value(np.asarray(_along(is_missing | value.is_null, x)), history=value.history)

    def plan(self, chain: Chain) -> None:
        if not chain.is_nullable or _can_be_missing(chain.type, self.missing):
            chain.require_numbers(f".{self.name}()")
            sentinel = chain.sentinel_word(repr(self), self.missing)
            chain.become(call(Program.is_missing, sentinel), type_="bool")
            chain.fill_null(1)
        else:
            chain.become_null()


def _can_be_missing(type_: str, missing: float | None) -> bool:
    """Whether values of a type can be NaN, or there is a sentinel."""
    return "float" in type_ or missing is not None


def _along(where: Array | bool, x: Array) -> Array:
    """Return ``where`` as one bool for each value of ``x``."""
    return np.broadcast_to(where, x.shape)


def _is_missing(x: Array, missing: float | None) -> Array:
    """Where ``x`` is NaN or ``missing``."""
    is_nan: Array = x != x
    return is_nan if missing is None else is_nan | (x == np.array(missing).astype(x.dtype))


def _show_missing(missing: float | None, separator: str) -> str:
    return "" if missing is None else f"{separator}missing={shown(missing)}"
