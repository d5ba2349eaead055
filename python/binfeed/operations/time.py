"""Parts of times, such as the hour, and the place of a value on a circle."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from binfeed._core import Function, Program
from binfeed.chain import Chain
from binfeed.errors import FeatureError, shown
from binfeed.nodes import Applied, call, cast_to
from binfeed.operations.base import Operation
from binfeed.series import ArraySeries, NodeSeries, Series
from binfeed.values import Value

S = TypeVar("S", bound=Series)

#: How many of each unit are in a day.
PER_DAY = {
    "ns": 86_400_000_000_000,
    "us": 86_400_000_000,
    "ms": 86_400_000,
    "s": 86_400,
    "m": 1_440,
    "h": 24,
    "D": 1,
}


@dataclass(frozen=True)
class TimePart(Operation):
    """A part of a time in the proleptic Gregorian calendar, as int32.

    Attributes:
        part: its name: hour, minute, weekday, day_of_year or seconds_of_day.
        unit: what the time counts, one of ``PER_DAY``.
        start: where it counts from: units from 1970-01-01 00:00, local if the part is.
    """

    part: str
    unit: str
    start: int

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.part

    def __repr__(self) -> str:
        return f"time({self.unit!r}, start={self.start}).{self.part}()"

    def reference(self, value: Value) -> Value:
        return value.become(self.computed(ArraySeries(value.array)).array.astype(np.int32))

    def plan(self, chain: Chain) -> None:
        if not chain.is_integer:
            raise FeatureError(
                f"{chain.where}: times are integers, not {chain.type}; make them with arithmetic and .cast('int64')"
            )
        chain.columns = [cast_to(self.computed(NodeSeries(column)).node, "int32") for column in chain.columns]
        chain.result = "float32"

    def computed(self, time: S) -> S:
        """The part, for integers."""
        per_day = PER_DAY[self.unit]
        since_1970 = time + self.start
        if self.part == "weekday":
            return (since_1970 // per_day % 7 + 3) % 7  # 1970-01-01 was a Thursday
        if self.part == "day_of_year":
            return _day_of_year(since_1970 // per_day)
        in_day = since_1970 % per_day
        if self.part == "seconds_of_day":
            return in_day * 86_400 // per_day
        if self.part == "hour":
            return in_day * 24 // per_day
        return in_day * 1_440 // per_day % 60


@dataclass(frozen=True)
class Cyclic(Operation):
    """The sine and cosine of ``x`` on a circle with circumference ``period``."""

    period: float
    name = "cyclic"

    def __repr__(self) -> str:
        return f"cyclic({self.period:g})"

    @property
    def _radians(self) -> float:
        return 2 * math.pi / self.period

    def reference(self, value: Value) -> Value:
        angle = value.array.astype(np.float64) * self._radians
        both = np.stack([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)
        return replace(value.become(both), is_null=np.asarray(value.is_null)[..., np.newaxis])

    def plan(self, chain: Chain) -> None:
        if chain.type == "bool":
            raise FeatureError(f"{chain.where}: .{self!r} does not take bools")
        columns = []
        for column in chain.columns:
            if column.is_fixed and column.elements > 1:
                raise FeatureError(f"{chain.where}: .{self!r} must come before one_hot, not after it")
            angle = (NodeSeries(column).cast("float64") * self._radians).node
            for k in range(column.elements):
                one = angle if column.elements == 1 else angle.select(slice(k, k + 1))
                columns += [
                    cast_to(Applied(call(Program.map, function), [one], "float64"), "float32")
                    for function in (Function.SIN, Function.COS)
                ]
        chain.columns = columns or [cast_to(chain.columns[0], "float32")]  # which has no values
        chain.shape += (2,)
        chain.settle()


def checked_unit(unit: str) -> str:
    """Return the name of a unit; raise FeatureError if there is none of that name."""
    if unit not in PER_DAY:
        raise FeatureError(f"time({shown(unit)}): the units are {', '.join(PER_DAY)}")
    return unit


def start_of(unit: str, epoch: str | datetime.date | np.datetime64, offset: str | datetime.timedelta) -> int:
    """Return when times begin: the units from 1970-01-01 00:00, in local time.

    Raises:
        FeatureError: if the epoch or the offset is none, or is not a whole number of units, or of more than 64 bits.
    """
    start = _units(unit, "epoch", epoch, _epoch(epoch)) + _units(unit, "offset", offset, _offset(offset))
    if not -(2**63) <= start < 2**63:
        raise FeatureError(f"time({unit!r}): epoch={shown(epoch)} is too long before or after 1970 for this unit")
    return start


def _epoch(epoch: Any) -> int:
    """Return the nanoseconds from 1970-01-01 to an epoch."""
    if isinstance(epoch, str) and epoch == "unix":
        return 0
    try:
        # NumPy also takes numbers, and texts such as "now".
        is_written = isinstance(epoch, str) and re.match(r"[+-]?\d", epoch)
        if not is_written and not isinstance(epoch, datetime.date | np.datetime64):
            raise ValueError
        if isinstance(epoch, datetime.datetime) and epoch.tzinfo is not None:
            epoch = epoch.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        time = np.datetime64(epoch)
        if np.isnat(time):
            raise ValueError
    except ValueError:
        raise FeatureError(f'time(epoch=) must be "unix" or a date such as "1980-01-06", not {shown(epoch)}') from None
    seconds = time.astype("M8[s]")
    return int(seconds.astype(np.int64)) * 10**9 + int((time - seconds).astype("m8[ns]").astype(np.int64))


def _offset(offset: Any) -> int:
    """Return the nanoseconds of an offset from UTC."""
    if isinstance(offset, datetime.timedelta):
        return offset // datetime.timedelta(microseconds=1) * 1000
    matched = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset) if isinstance(offset, str) else None
    if not matched or int(matched[2]) >= 24 or int(matched[3]) >= 60:
        raise FeatureError(f'time(offset=) must be such as "+05:30", or a timedelta, not {shown(offset)}')
    minutes = int(matched[2]) * 60 + int(matched[3])
    return (minutes if matched[1] == "+" else -minutes) * 60 * 10**9


def _units(unit: str, name: str, given: Any, nanoseconds: int) -> int:
    per_unit = PER_DAY["ns"] // PER_DAY[unit]
    if nanoseconds % per_unit:
        raise FeatureError(f"time({unit!r}): {name}={shown(given)} is not a whole number of units")
    return nanoseconds // per_unit


def _day_of_year(day: S) -> S:
    """Return the day of the year, from 1 on, for days since 1970-01-01.

    Years are counted from March on, so that a leap day is the last (Hinnant, "chrono-compatible low-level date
    algorithms", 2014). All repeats after 400 years, which have 146,097 days.
    """
    day = day % 146_097
    since_march_0 = day + 719_468
    era = since_march_0 // 146_097
    day_of_era = since_march_0 % 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_from_march = day_of_era - (year_of_era * 365 + year_of_era // 4 - year_of_era // 100)
    is_after_december = day_from_march // 306
    years_before = era * 400 + year_of_era + is_after_december - 1
    first_of_year = years_before * 365 + years_before // 4 - years_before // 100 + years_before // 400 - 719_162
    return day - first_of_year + 1
