"""The operations of a feature: each class says how one is written, what it is in NumPy, and how the core does it.

A class has the arguments, checked by the method of :class:`binfeed.Feature` that makes it; ``reference``, which defines
its result bit by bit; and ``plan``, which adds its steps, with the types that go in and come out, to a chain.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from binfeed._core import Program
from binfeed.chain import Chain, Elements, compute_type
from binfeed.element_types import OUTPUT_TYPES
from binfeed.errors import FeatureError, shortened, shown
from binfeed.values import Array, Value, cast, comparable_dtype, compute_dtype, signed_if

Parameter = npt.NDArray[np.float64]


class Operation(ABC):
    """What is done to the values of a feature.

    Attributes:
        name: the method of a feature that makes it.
        takes_numbers: False if it takes bytes and complex numbers as well.
    """

    name: ClassVar[str]
    takes_numbers: ClassVar[bool] = True

    @abstractmethod
    def reference(self, value: Value) -> Value:
        """The result for the values of all records, in NumPy."""

    @abstractmethod
    def plan(self, chain: Chain) -> None:
        """Add the steps of the operation to ``chain``.

        Raises:
            FeatureError: naming the feature, if the operation does not fit its values.
        """


# Types and shapes.


@dataclass(frozen=True, eq=False)
class Cast(Operation):
    """``x`` as another dtype, by its name."""

    dtype: str
    name = "cast"

    def __repr__(self) -> str:
        return f"cast({self.dtype!r})"

    def reference(self, value: Value) -> Value:
        return Value(cast(value.array, self.dtype), False, self._result, value.is_null)

    def plan(self, chain: Chain) -> None:
        chain.cast(self.dtype)
        chain.result = self._result

    @property
    def _result(self) -> str:
        """The dtype that later arithmetic is rounded to."""
        return self.dtype if "float" in self.dtype else "float32"


@dataclass(frozen=True)
class Reshape(Operation):
    """The elements of a record in another shape, in the same order."""

    shape: tuple[int, ...]
    name = "reshape"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"reshape{shown(self.shape)}"

    def reference(self, value: Value) -> Value:
        return value.rearranged(lambda array: array.reshape(len(array), *self.shape))

    def plan(self, chain: Chain) -> None:
        chain.reshape(self.shape)


@dataclass(frozen=True)
class Transpose(Operation):
    """The axes of a record in another order; ``None`` reverses them."""

    axes: tuple[int, ...] | None
    name = "transpose"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"transpose{shown(self.axes or ())}"

    def reference(self, value: Value) -> Value:
        count = value.array.ndim - 1
        order = self.axes if self.axes is not None else tuple(reversed(range(count)))
        return value.rearranged(lambda array: array.transpose(0, *(axis % count + 1 for axis in order)))

    def plan(self, chain: Chain) -> None:
        hint = "; the batch axis is not counted"
        chain.rearrange(f".{self!r}", lambda elements: elements.transpose(self.axes), hint)


@dataclass(frozen=True)
class Select(Operation):
    """Some elements of a record's array, as NumPy's basic indexing takes them."""

    index: tuple[Any, ...]
    name = "[]"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"[{shortened(', '.join(map(_show_index, self.index)), 200)}]"

    def reference(self, value: Value) -> Value:
        of_every_record = (slice(None), *self.index)
        return value.rearranged(lambda array: array[of_every_record])

    def plan(self, chain: Chain) -> None:
        # An ellipsis makes a view of a single element as well.
        index = self.index if Ellipsis in self.index else (*self.index, Ellipsis)

        def view(elements: Elements) -> Elements:
            taken: Elements = elements[index]
            return taken

        chain.rearrange(repr(self), view)


# Arithmetic, on values and parameters of the compute dtype.


class Arithmetic(Operation):
    """Arithmetic on each value, which is rounded at the end of the chain."""

    def reference(self, value: Value) -> Value:
        dtype = compute_dtype(value.array.dtype)
        return Value(self.computed(value.array.astype(dtype), dtype), True, value.result, value.is_null)

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
        offset = "" if self.offset is None else f", offset={_show(self.offset)}"
        return f"scale({_show(self.factor)}{offset})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        product = x * self.factor.astype(dtype)
        return product if self.offset is None else product + self.offset.astype(dtype)

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Program.multiply, self.factor)
        if self.offset is not None:
            chain.compute(repr(self), Program.add, self.offset)


@dataclass(frozen=True, eq=False)
class Divide(Arithmetic):
    """``x / by``."""

    by: Parameter
    name = "div"

    def __repr__(self) -> str:
        return f"div({_show(self.by)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        return x / self.by.astype(dtype)

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Program.divide, self.by)


@dataclass(frozen=True, eq=False)
class Standardize(Arithmetic):
    """``(x - mean) / std``."""

    mean: Parameter
    std: Parameter
    name = "standardize"

    def __repr__(self) -> str:
        return f"standardize({_show(self.mean)}, {_show(self.std)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        return (x - self.mean.astype(dtype)) / self.std.astype(dtype)

    def plan(self, chain: Chain) -> None:
        chain.compute(repr(self), Program.subtract, self.mean)
        chain.compute(repr(self), Program.divide, self.std)


@dataclass(frozen=True, eq=False)
class MinMax(Arithmetic):
    """``(x - low) / (high - low)``."""

    low: Parameter
    high: Parameter
    name = "minmax"

    def __repr__(self) -> str:
        return f"minmax({_show(self.low)}, {_show(self.high)})"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        low, high = self.low.astype(dtype), self.high.astype(dtype)
        return (x - low) / (high - low)

    def plan(self, chain: Chain) -> None:
        chain.check_operand(repr(self), Program.subtract, self.high)
        dtype = np.dtype(compute_type(chain.type))
        spread = (self.high.astype(dtype) - self.low.astype(dtype)).astype(np.float64)
        chain.compute(repr(self), Program.subtract, self.low)
        chain.compute(repr(self), Program.divide, spread)


@dataclass(frozen=True)
class Log1p(Arithmetic):
    """``log(1 + x)``."""

    name = "log1p"

    def __repr__(self) -> str:
        return "log1p()"

    def computed(self, x: Array, dtype: np.dtype[Any]) -> Array:
        return np.log1p(x)

    def plan(self, chain: Chain) -> None:
        chain.add(Program.log1p, type_=compute_type(chain.type))
        chain.is_computing = True


# Comparisons, in which halves take part as float32.


@dataclass(frozen=True)
class Abs(Operation):
    """``|x|``; the lowest signed integer, whose negative the dtype does not hold, becomes the highest."""

    name = "abs"

    def __repr__(self) -> str:
        return "abs()"

    def reference(self, value: Value) -> Value:
        x = value.array
        if x.dtype.kind == "i":
            x = np.maximum(x, -np.iinfo(x.dtype).max)
        return value.replaced(np.abs(x))

    def plan(self, chain: Chain) -> None:
        chain.add(Program.abs, type_=chain.type)


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
        chain.add(Program.clip, *words, type_=chain.type)

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
        return Value(filled.astype(x.dtype), value.is_computed, value.result)

    def plan(self, chain: Chain) -> None:
        if isinstance(self.value, bytes):
            chain.fill_bytes(repr(self), self.value)
            return
        chain.require_numbers(self.name)
        replacement = chain.word(repr(self), self.value)
        if not chain.is_nullable or _can_be_missing(chain.type, self.missing):
            chain.add(Program.fill, chain.sentinel_word(repr(self), self.missing), replacement, type_=chain.type)
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
        return Value(np.asarray(_along(is_missing | value.is_null, x)))

    def plan(self, chain: Chain) -> None:
        if not chain.is_nullable or _can_be_missing(chain.type, self.missing):
            chain.require_numbers(self.name)
            chain.become(Program.is_missing, chain.sentinel_word(repr(self), self.missing), type_="bool")
            chain.fill_null(1)
        else:
            chain.become_null()


# Encodings.


@dataclass(frozen=True)
class Bits(Operation):
    """The number in bits ``[start, start + width)`` of an integer, the lowest bit being 0."""

    start: int
    width: int
    signed: bool
    name = "bits"

    def __repr__(self) -> str:
        return f"bits({self.start}, {self.width}{', signed=True' if self.signed else ''})"

    @property
    def dtype(self) -> str:
        """The smallest integer that holds it."""
        return self._integer(next(size for size in (8, 16, 32, 64) if self.width <= size))

    def _integer(self, size: int) -> str:
        return f"{'' if self.signed else 'u'}int{size}"

    def reference(self, value: Value) -> Value:
        field = value.array.astype(np.uint64) >> np.uint64(self.start)  # a negative number as its two's complement
        numbers = signed_if(field & np.uint64(2**self.width - 1), self.width, self.dtype)
        return Value(numbers, is_null=value.is_null)

    def plan(self, chain: Chain) -> None:
        if "int" not in chain.type:
            raise FeatureError(f"{chain.where}: .{self!r} takes integers, not {chain.type}")
        column = chain.columns[0]
        size = np.dtype(chain.type).itemsize * 8
        width = size if column.operations else column.source.type.bits
        if self.start + self.width > width:
            raise FeatureError(f"{chain.where}: .{self!r} reaches beyond an integer of {width} bits")
        chain.become(Program.bits, self.start, self.width, self.signed, type_=self._integer(size))
        chain.cast(self.dtype)


@dataclass(frozen=True)
class Codes(Operation):
    """The code of a key; keys are bytes, or integers."""

    codes: tuple[tuple[bytes | int, int], ...]
    default: int
    name = "codes"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"codes({shown(dict(self.codes))}, default={self.default})"

    def reference(self, value: Value) -> Value:
        coded = np.full(value.array.shape, self.default, np.int32)
        for key, code in self.codes:
            coded[value.array == key] = code
        return Value(coded, is_null=value.is_null)

    def plan(self, chain: Chain) -> None:
        is_bytes = chain.type not in OUTPUT_TYPES and np.dtype(chain.type).kind == "S"
        if not is_bytes and "int" not in chain.type:
            raise FeatureError(
                f"{chain.where}: .codes() takes fixed bytes or integers, not "
                f"{shown(chain.columns[0].source.name)} of {chain.type}"
            )
        size = np.dtype(chain.type).itemsize
        code_of = self._code_of_words(chain, size if is_bytes else None)
        keys = sorted(code_of)
        words = [word for key in keys for word in key]
        chain.become(Program.codes, size, words, [code_of[key] for key in keys], self.default, type_="int32")

    def _code_of_words(self, chain: Chain, size: int | None) -> dict[tuple[int, ...], int]:
        """Return the codes by keys as the core has them; ``size`` is that of fixed bytes, or None for integers."""
        found: dict[tuple[int, ...], int] = {}
        written = repr(self)
        for key, code in self.codes:
            if isinstance(key, bytes) != (size is not None):
                raise FeatureError(f"{chain.where}: {shown(key)} in .codes() is not a value of {chain.type}")
            if isinstance(key, bytes):
                if len(key) > (size or 0) and chain.columns[0].source.validity is not None:
                    continue  # the text of a table may be longer elsewhere
                if len(key) > (size or 0):
                    raise FeatureError(f"{chain.where}: {shown(key)} in .codes() is longer than {chain.type}")
                padded = key.ljust(-(-(size or 0) // 8) * 8, b"\0")
                words = tuple(np.frombuffer(padded, "<u8").tolist())
            else:
                words = (chain.word(written, key),)
            if found.setdefault(words, code) != code:
                raise FeatureError(f"{chain.where}: {shown(key)} has two codes in .codes(): {found[words]} and {code}")
        return found


@dataclass(frozen=True)
class OneHot(Operation):
    """1.0 at index ``x`` of ``depth`` values, else 0.0."""

    depth: int
    name = "one_hot"

    def __repr__(self) -> str:
        return f"one_hot({self.depth})"

    def reference(self, value: Value) -> Value:
        comparable = value.array.astype(comparable_dtype(value.array.dtype))
        ones = (comparable[..., np.newaxis] == np.arange(self.depth)).astype(np.float32)
        return Value(ones, is_null=np.asarray(value.is_null)[..., np.newaxis])

    def plan(self, chain: Chain) -> None:
        if len(chain.columns) > 1:
            raise FeatureError(f"{chain.where}: .one_hot() must come before concat, not after it")
        chain.become(Program.one_hot, self.depth, type_="float32")
        chain.append_axis(self.depth)


def _can_be_missing(type_: str, missing: float | None) -> bool:
    """Whether values of a type can be NaN, or there is a sentinel."""
    return "float" in type_ or missing is not None


def _along(where: Array | bool, x: Array) -> Array:
    """Return ``where`` as one bool for each value of ``x``."""
    return np.broadcast_to(where, x.shape)


def _is_missing(x: Array, missing: float | None) -> Array:
    """Where ``x`` is NaN or ``missing``."""
    return (x != x) if missing is None else (x != x) | (x == np.array(missing).astype(x.dtype))


def _show(numbers: Parameter) -> str:
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
