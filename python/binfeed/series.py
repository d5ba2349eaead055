"""Series: the values of successive records, as arrays of NumPy and as nodes of a plan alike.

What depends on the records before is written once, with these, for the definition in NumPy and for the core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from binfeed._core import Combination, Function, Program
from binfeed.nodes import Applied, Constants, Lagged, Node, call, cast_to
from binfeed.promotion import is_integer
from binfeed.values import Array, cast, exact

if TYPE_CHECKING:
    from typing_extensions import Self


class Series(ABC):
    """Values of one type, with the arithmetic of :mod:`binfeed.promotion`: exact on integers."""

    @abstractmethod
    def cast(self, type_: str) -> Self:
        """The values as another type."""

    @abstractmethod
    def lag(self, records: int) -> Self:
        """The value of the record that lies ``records`` before each."""

    @abstractmethod
    def __add__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __sub__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __mul__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __truediv__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __floordiv__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def __mod__(self, other: Self | float) -> Self: ...

    @abstractmethod
    def minimum(self, other: Self) -> Self:
        """The lower of two values; NaN if one is."""

    @abstractmethod
    def maximum(self, other: Self) -> Self:
        """The higher of two values; NaN if one is."""

    @abstractmethod
    def log(self) -> Self:
        """The natural logarithm."""

    @abstractmethod
    def sqrt(self) -> Self:
        """The square root."""


class ArraySeries(Series):
    """Values ``[N, ...]`` of all records of a file. Where there is no earlier record, it is 0."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def cast(self, type_: str) -> Self:
        return type(self)(cast(self.array, type_))

    def lag(self, records: int) -> Self:
        lagged = np.zeros_like(self.array)
        lagged[records:] = self.array[: max(len(self.array) - records, 0)]
        return type(self)(lagged)

    def __add__(self, other: Self | float) -> Self:
        return self._with(np.add, other)

    def __sub__(self, other: Self | float) -> Self:
        return self._with(np.subtract, other)

    def __mul__(self, other: Self | float) -> Self:
        return self._with(np.multiply, other)

    def __truediv__(self, other: Self | float) -> Self:
        return self._with(np.divide, other)

    def __floordiv__(self, other: Self | float) -> Self:
        return self._with(np.floor_divide, other)

    def __mod__(self, other: Self | float) -> Self:
        return self._with(np.remainder, other)

    def minimum(self, other: Self) -> Self:
        return self._with(np.minimum, other)

    def maximum(self, other: Self) -> Self:
        return self._with(np.maximum, other)

    def log(self) -> Self:
        return type(self)(np.log(self.array))

    def sqrt(self) -> Self:
        return type(self)(np.sqrt(self.array))

    def _with(self, operation: Any, other: Self | float) -> Self:
        if is_integer(self.array.dtype.name) and operation not in (np.minimum, np.maximum):
            whole = other.array if isinstance(other, ArraySeries) else np.array(other, np.int64)
            return type(self)(exact(operation, self.array, whole))
        operand = other.array if isinstance(other, ArraySeries) else np.array(other, self.array.dtype)
        return type(self)(operation(self.array, operand).astype(self.array.dtype))


class NodeSeries(Series):
    """Values that the core makes."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def cast(self, type_: str) -> Self:
        return type(self)(cast_to(self.node, type_))

    def lag(self, records: int) -> Self:
        return type(self)(Lagged(self.node, records))

    def __add__(self, other: Self | float) -> Self:
        return self._with(Combination.ADD, other)

    def __sub__(self, other: Self | float) -> Self:
        return self._with(Combination.SUBTRACT, other)

    def __mul__(self, other: Self | float) -> Self:
        return self._with(Combination.MULTIPLY, other)

    def __truediv__(self, other: Self | float) -> Self:
        return self._with(Combination.DIVIDE, other)

    def __floordiv__(self, other: Self | float) -> Self:
        return self._with(Combination.FLOOR_DIVIDE, other)

    def __mod__(self, other: Self | float) -> Self:
        return self._with(Combination.REMAINDER, other)

    def minimum(self, other: Self) -> Self:
        return self._with(Combination.MINIMUM, other)

    def maximum(self, other: Self) -> Self:
        return self._with(Combination.MAXIMUM, other)

    def log(self) -> Self:
        return self._mapped(Function.LOG)

    def sqrt(self) -> Self:
        return self._mapped(Function.SQRT)

    def _with(self, combination: Combination, other: Self | float) -> Self:
        is_exact = is_integer(self.node.type) and combination not in (Combination.MINIMUM, Combination.MAXIMUM)
        type_ = "int64" if is_exact else self.node.type
        operand = other.node if isinstance(other, NodeSeries) else Constants(np.array([other], type_))
        return type(self)(Applied(call(Program.combine, combination), [self.node, operand], type_))

    def _mapped(self, function: Function) -> Self:
        return type(self)(Applied(call(Program.map, function), [self.node], self.node.type))
