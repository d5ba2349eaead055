"""History: what a value becomes from the values of the records before it, in the same file.

All of it is made of the value of an earlier record and of arithmetic. A sum over ``n`` records is that of two parts, of
which the older one is the sum of an earlier record, and so on: it takes about ``log2(n)`` additions, has the same bits
wherever reading begins, and is more accurate than one addition after the other.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from binfeed.chain import Chain
from binfeed.errors import FeatureError, shown
from binfeed.operations.base import Operation
from binfeed.promotion import compute_type, is_integer
from binfeed.series import ArraySeries, NodeSeries, Series
from binfeed.values import Value, cast

S = TypeVar("S", bound=Series)
T = TypeVar("T")


@dataclass(frozen=True)
class History(Operation):
    """What depends on earlier records.

    Attributes:
        first: what stands in place of a value that depends on records before the start of the file; None leaves such
            samples out.
    """

    first: float | None
    #: Whether the results have the type of the values, and need rounding only if these do.
    _keeps_type: ClassVar[bool] = False

    @property
    @abstractmethod
    def records(self) -> int:
        """How many records before a record its result depends on."""

    @abstractmethod
    def computed(self, x: S) -> S:
        """The result, for values of the type in which it is computed."""

    def compute_type(self, type_: str) -> str:
        """The type in which the result is computed for values of some type."""
        return "float64"

    def _repr(self, *arguments: str) -> str:
        first = [] if self.first is None else [f"first={shown(self.first)}"]
        return f"{self.name}({', '.join([*arguments, *first])})"

    def reference(self, value: Value) -> Value:
        computed = self.computed(ArraySeries(cast(value.array, self.compute_type(value.type)))).array
        is_computed = value.is_computed if self._keeps_type else computed.dtype.kind == "f"
        made = replace(value, array=computed, is_computed=is_computed, history=value.history + self.records)
        return made if self.first is None else First(self.first).reference(made)

    def plan(self, chain: Chain) -> None:
        type_ = self.compute_type(chain.type)
        chain.columns = [self.computed(NodeSeries(column).cast(type_)).node for column in chain.columns]
        if not self._keeps_type:
            chain.is_computing = not is_integer(chain.type)
        if self.first is not None:
            chain.fill_first(repr(self), self.first)


class _Keeping(History):
    """History whose results are earlier values, in their type."""

    _keeps_type = True

    def compute_type(self, type_: str) -> str:
        return type_


@dataclass(frozen=True)
class _Since(History):
    """What a value is to that of the record that lies ``n`` before."""

    n: int

    def __repr__(self) -> str:
        return self._repr(str(self.n))

    @property
    def records(self) -> int:
        return self.n


class Lag(_Since, _Keeping):
    """The value of the record that lies ``n`` before."""

    name = "lag"
    takes_numbers = False

    def computed(self, x: S) -> S:
        return x.lag(self.n)


class Diff(_Since):
    """The difference from the value of the record that lies ``n`` before; exact for integers."""

    name = "diff"

    def compute_type(self, type_: str) -> str:
        return type_ if is_integer(type_) else compute_type(type_)

    def computed(self, x: S) -> S:
        return x - x.lag(self.n)


class PctChange(_Since):
    """The change since the record that lies ``n`` before, relative to its value."""

    name = "pct_change"

    def computed(self, x: S) -> S:
        before = x.lag(self.n)
        return (x - before) / before


class LogReturn(_Since):
    """The logarithm of the value less that of the record that lies ``n`` before."""

    name = "log_return"

    def computed(self, x: S) -> S:
        logarithm = x.log()
        return logarithm - logarithm.lag(self.n)


@dataclass(frozen=True)
class _Rolling(History):
    """A statistic of the value and those of the ``n - 1`` records before."""

    n: int

    def __repr__(self) -> str:
        return self._repr(str(self.n))

    @property
    def records(self) -> int:
        return self.n - 1


class RollingSum(_Rolling):
    """The sum; exact for integers."""

    name = "rolling_sum"

    def compute_type(self, type_: str) -> str:
        return "int64" if is_integer(type_) else "float64"

    def computed(self, x: S) -> S:
        return _folded(x, self.n, lambda newer, older, *_: newer + older, _lag)


class RollingMean(_Rolling):
    """The mean."""

    name = "rolling_mean"

    def computed(self, x: S) -> S:
        return _folded(x, self.n, lambda newer, older, *_: newer + older, _lag) / float(self.n)


class RollingMin(_Rolling, _Keeping):
    """The lowest value."""

    name = "rolling_min"

    def computed(self, x: S) -> S:
        return _covered(x, self.n, lambda newer, older: newer.minimum(older))


class RollingMax(_Rolling, _Keeping):
    """The highest value."""

    name = "rolling_max"

    def computed(self, x: S) -> S:
        return _covered(x, self.n, lambda newer, older: newer.maximum(older))


@dataclass(frozen=True)
class RollingStd(_Rolling):
    """The standard deviation, with ``n - ddof`` as divisor."""

    ddof: int
    name = "rolling_std"

    def __repr__(self) -> str:
        return self._repr(str(self.n), *([] if self.ddof == 1 else [f"ddof={self.ddof}"]))

    def computed(self, x: S) -> S:
        # Means, and sums of squared deviations from them (Chan, Golub and LeVeque, 1979).
        def merged(newer: tuple[S, S], older: tuple[S, S], newer_size: int, older_size: int) -> tuple[S, S]:
            size = newer_size + older_size
            difference = older[0] - newer[0]
            mean = newer[0] + difference * (older_size / size)
            return mean, newer[1] + older[1] + difference * difference * (newer_size * older_size / size)

        def lag(pair: tuple[S, S], records: int) -> tuple[S, S]:
            return pair[0].lag(records), pair[1].lag(records)

        _, squares = _folded((x, x * 0.0), self.n, merged, lag)
        return (squares / float(self.n - self.ddof)).sqrt()


@dataclass(frozen=True)
class EwmMean(History):
    """The mean of the value and of ``history`` ones before, with weights that decay by ``1 - 2 / (span + 1)``."""

    span: float
    history: int
    name = "ewm_mean"

    def __repr__(self) -> str:
        return self._repr(f"span={shown(self.span)}", f"history={self.history}")

    @property
    def records(self) -> int:
        return self.history

    def computed(self, x: S) -> S:
        decay = 1 - 2 / (self.span + 1)
        total = math.fsum(decay**age for age in range(self.history + 1))

        def merged(newer: S, older: S, newer_size: int, _: int) -> S:
            return newer + older * decay**newer_size

        return _folded(x, self.history + 1, merged, _lag) / total


@dataclass(frozen=True)
class First(Operation):
    """A value in place of those that depend on records before the start of the file."""

    value: float
    name = "first"

    def __repr__(self) -> str:
        return f"first({shown(self.value)})"

    def reference(self, value: Value) -> Value:
        array = value.array.copy()
        array[: value.history] = self.value
        return replace(value, array=array, history=0)

    def plan(self, chain: Chain) -> None:
        chain.fill_first(repr(self), self.value)


@dataclass(frozen=True)
class CumSum(Operation):
    """The sum of the values of a window so far. It is made when all else is, from values that are rounded."""

    name = "cum_sum"

    def __repr__(self) -> str:
        return "cum_sum()"

    def reference(self, value: Value) -> Value:
        """The values that are added up, in the type in which they are."""
        type_ = "int64" if is_integer(value.type) else value.result if value.is_computed else value.type
        return replace(value, array=cast(value.array, type_), is_computed=False)

    def plan(self, chain: Chain) -> None:
        if is_integer(chain.type):
            chain.cast("int64")
        chain.finish()
        if chain.type not in ("int64", "float32", "float64"):
            raise FeatureError(
                f"{chain.where}: .cum_sum() adds int64, float32 or float64, not {chain.type}: cast first"
            )
        chain.is_cumulative = True


def history_of(span: float) -> int:
    """Return the records before which those that are older would have less than a thousandth of all weight."""
    decay = 1 - 2 / (span + 1)
    return 0 if decay == 0 else math.ceil(math.log(1e-3) / math.log1p(-2 / (span + 1)))


def _lag(x: S, records: int) -> S:
    return x.lag(records)


def _folded(x: T, n: int, merged: Callable[[T, T, int, int], T], lag: Callable[[T, int], T]) -> T:
    """Merge the values of ``n`` records: pairs of pairs, and those of other sizes from the newest on.

    ``merged`` takes what the newer and the older records gave, and how many records either is of.
    """
    result: T | None = None
    size = 0  # records in the result so far
    block, block_size = x, 1
    blocks = {1: x}
    while 2 * block_size <= n:
        block = merged(block, lag(block, block_size), block_size, block_size)
        block_size *= 2
        blocks[block_size] = block
    while size < n:
        while block_size > n - size:
            block_size //= 2
        older = blocks[block_size]
        result = older if result is None else merged(result, lag(older, size), size, block_size)
        size += block_size
    assert result is not None  # n is at least 1
    return result


def _covered(x: S, n: int, lowest: Callable[[S, S], S]) -> S:
    """Take the lowest or highest value of ``n`` records, from two blocks that may overlap."""
    block, size = x, 1
    while 2 * size <= n:
        block = lowest(block, block.lag(size))
        size *= 2
    return block if size == n else lowest(block, block.lag(n - size))
