"""What the model gets: the features that :func:`field` and :func:`concat` make, and the operations on them.

A feature is a chain that reads from left to right::

    bf.field("image").div(255).transpose(1, 2, 0)
    bf.field("price").scale(1e-9).cast("float64")

Arithmetic follows three rules, which :mod:`binfeed.reference` spells out in NumPy:

- It computes in float32 if its input is a bool, an integer of up to 16 bits, float16, bfloat16 or float32, and in
  float64 if its input is a wider integer or float64. Parameters are rounded to that type.
- The result is rounded once, at the end of the chain or at the next ``.cast``. It comes out as float32, or as the
  floating dtype that an earlier ``.cast`` chose. Whatever was chosen before, :meth:`Feature.one_hot` and
  :func:`concat` always give float32.
- ``.cast`` to an integer drops the fraction and saturates: a value outside the range becomes the nearest bound, and
  NaN becomes 0. ``.cast`` to a floating dtype rounds to nearest, ties to even. ``.cast`` to bool is ``x != 0``.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from binfeed import arguments
from binfeed.combinations import Combination, Concat, Cross, Extremum, Where
from binfeed.element_types import OUTPUT_TYPES, as_dtype
from binfeed.errors import FeatureError, checked_keywords, shown, suggestion
from binfeed.layout import is_name
from binfeed.lookback import Lookback
from binfeed.nodes import inputs_first
from binfeed.numbers import flag
from binfeed.operations import arithmetic, comparisons, encodings, shapes
from binfeed.operations import history as past
from binfeed.operations import time as times
from binfeed.operations.base import Operation
from binfeed.operators import Operand, Operators

#: Names that other libraries use for the methods of a feature.
_ELSEWHERE = {
    "astype": "cast",
    "cumsum": "cum_sum",
    "day_of_year": "time",
    "digitize": "bucketize",
    "hour": "time",
    "isna": "is_missing",
    "isnan": "is_missing",
    "isnull": "is_missing",
    "minute": "time",
    "multiply": "scale",
    "normalize": "standardize",
    "permute": "transpose",
    "rolling_var": "rolling_std",
    "shift": "lag",
    "to": "cast",
    "weekday": "time",
}


@dataclass(frozen=True, eq=False, repr=False)
class Feature(Operators, Lookback):
    """A field, or several fields side by side, and the operations on it. See :func:`field` and :func:`concat`.

    Every method returns a new feature. Shapes and axes are those of one record: they leave out the batch axis, which is
    always the first axis of the arrays that come out. A parameter is one number, or an array that broadcasts to the
    shape of a record at that point of the chain. Whether the operations fit the field is checked when files are opened:
    :func:`binfeed.open` raises :class:`~binfeed.FeatureError` if they do not.
    """

    source: str | Combination
    operations: tuple[Operation, ...] = ()
    is_target: bool = False
    name: str | None = attribute(default=None, metadata={"is_label": True})

    def _then(self, operation: Operation) -> Feature:
        return replace(self, operations=(*self.operations, operation))

    @classmethod
    def _of(cls, combination: Combination) -> Feature:
        features = [part for part in combination.parts if isinstance(part, Feature)]
        targets = sum(part.is_target for part in features)
        if targets == 0:
            return Feature(combination)
        if targets < len(features):
            raise FeatureError(f"{combination.written} takes features of the same records: all of a target, or none")
        parts = (replace(part, is_target=False) if isinstance(part, Feature) else part for part in combination.parts)
        return Feature(combination.with_parts(parts), is_target=True)

    def target(self) -> Feature:
        """Read the same feature from the records of a window's target: see :class:`~binfeed.Window`."""
        return replace(self, is_target=True)

    @checked_keywords
    def cast(self, dtype: npt.DTypeLike) -> Feature:
        """Convert to ``dtype``, of NumPy or TensorFlow: bool, an integer, float16, float32, float64 or bfloat16.

        A cast to an integer drops the fraction and saturates, with 0 for NaN. A cast to bool is ``x != 0``. A cast to
        bfloat16 rounds to float32 first.

        Raises:
            FeatureError: if ``dtype`` is none of these.
        """
        try:
            name = "bfloat16" if isinstance(dtype, str) and dtype == "bfloat16" else as_dtype(dtype).name
        except TypeError:
            name = ""
        if name not in OUTPUT_TYPES:
            raise FeatureError(f"cast({shown(dtype)}): the dtypes to cast to are {', '.join(OUTPUT_TYPES)}")
        return self._then(shapes.Cast(name))

    @checked_keywords
    def scale(self, factor: npt.ArrayLike, offset: npt.ArrayLike = 0) -> Feature:
        """Compute ``x * factor + offset``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number.
        """
        shift = arguments.parameter("scale(offset=)", offset)
        is_none = shift.ndim == 0 and shift == 0
        return self._then(arithmetic.Scale(arguments.parameter("scale(factor=)", factor), None if is_none else shift))

    @checked_keywords
    def div(self, by: npt.ArrayLike) -> Feature:
        """Compute the true division ``x / by``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if ``by`` is zero or not a finite number.
        """
        return self._then(arithmetic.Divide(arguments.divisor("div(by=)", by)))

    @checked_keywords
    def standardize(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> Feature:
        """Compute ``(x - mean) / std``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number, or ``std`` is zero.
        """
        return self._then(
            arithmetic.Standardize(
                arguments.parameter("standardize(mean=)", mean), arguments.divisor("standardize(std=)", std)
            )
        )

    @checked_keywords
    def minmax(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Feature:
        """Compute ``(x - low) / (high - low)``, as float32 unless a ``.cast`` says otherwise.

        That is 0 at ``low`` and 1 at ``high``.

        Raises:
            FeatureError: if a parameter is not a finite number, or ``low`` equals ``high``.
        """
        bounds = arguments.parameter("minmax(low=)", low), arguments.parameter("minmax(high=)", high)
        with np.errstate(over="ignore"):
            arguments.divisor("high - low in minmax()", bounds[1] - bounds[0])
        return self._then(arithmetic.MinMax(*bounds))

    @checked_keywords
    def clip(self, low: float | None = None, high: float | None = None) -> Feature:
        """Limit values to the range from ``low`` to ``high``; None is no limit. NaN stays NaN, and the dtype stays.

        Raises:
            FeatureError: if there is no bound, if a bound is NaN, or if ``low`` is above ``high``.
        """
        if low is None and high is None:
            raise FeatureError("clip() needs a bound: give low, high or both")
        low, high = arguments.number("clip(low=)", low), arguments.number("clip(high=)", high)
        if low is not None and high is not None and not low <= high:
            raise FeatureError(f"clip({shown(low)}, {shown(high)}): the lower bound is above the upper")
        return self._then(comparisons.Clip(low, high))

    @checked_keywords
    def fill(self, value: float | str | bytes, *, missing: float | None = None) -> Feature:
        """Replace NaN, NULL, and values equal to the sentinel ``missing``, by ``value``. The dtype stays.

        Only columns of tables have NULL. There, a text column takes a ``value`` that is text or bytes.

        Raises:
            FeatureError: if a parameter is not a number, or text with a sentinel. Opening files raises it if the dtype
                cannot represent a parameter.
        """
        if isinstance(value, str | bytes):
            if missing is not None:
                raise FeatureError(f"fill({shown(value)}) replaces NULL: text has no sentinel, so leave out missing=")
            return self._then(comparisons.Fill(arguments.text("fill(value=)", value), None))
        filler = arguments.number("fill(value=)", value, allow_nan=True)
        if filler is None:
            raise FeatureError("fill(value=) must be a number, not None")
        return self._then(comparisons.Fill(filler, arguments.number("fill(missing=)", missing)))

    @checked_keywords
    def is_missing(self, missing: float | None = None) -> Feature:
        """Tell whether ``x`` is NaN, NULL, or equal to the sentinel ``missing``, as bool.

        Raises:
            FeatureError: if the sentinel is not a number. Opening files raises it if the dtype cannot represent it.
        """
        return self._then(comparisons.IsMissing(arguments.number("is_missing(missing=)", missing)))

    @checked_keywords
    def bits(self, start: int, width: int, *, signed: bool = False) -> Feature:
        """Extract the number in ``width`` bits of an integer, from bit ``start`` on; bit 0 is the lowest.

        It comes out in the smallest integer dtype of at least ``width`` bits: unsigned, or with ``signed`` in two's
        complement, where the highest of the bits is the sign.

        Raises:
            FeatureError: if ``start`` is negative or ``width`` is not from 1 to 64. Opening files raises it if the bits
                reach beyond the integer.
            TypeError: if ``signed`` is not a bool.
        """
        first, count = arguments.integer("bits(start=)", start), arguments.integer("bits(width=)", width)
        if first < 0 or not 0 < count <= 64:
            raise FeatureError(f"bits({first}, {count}): start must be at least 0, and width from 1 to 64")
        return self._then(encodings.Bits(first, count, flag("signed", signed)))

    @checked_keywords
    def codes(
        self, codes: Mapping[str, int] | Mapping[bytes, int] | Mapping[int, int], *, default: int = -1
    ) -> Feature:
        """Map each value to its integer in ``codes``, and any other value to ``default``, as int32.

        The keys are strings or bytes for fixed bytes, which are compared without trailing zeros, and integers for
        integers.

        Raises:
            FeatureError: if ``codes`` is empty, a key is neither, or a code does not fit int32. Opening files raises it
                for a key that the field cannot hold.
        """
        if not isinstance(codes, Mapping) or not codes:
            raise FeatureError(f"codes() takes a dict that maps values to codes, not {shown(codes)}")
        pairs: list[Any] = [(arguments.key(key), arguments.code(code)) for key, code in codes.items()]
        pairs.sort(key=lambda pair: (isinstance(pair[0], bytes), pair))  # so that their order does not matter
        return self._then(encodings.Codes(tuple(pairs), arguments.code(default)))

    @checked_keywords
    def one_hot(self, depth: int) -> Feature:
        """Add a last axis of ``depth`` values, 1.0 at index ``x`` and 0.0 elsewhere, as float32.

        A value that is not an index of this axis gives only zeros.

        Raises:
            FeatureError: if ``depth`` is less than 1.
        """
        return self._then(encodings.OneHot(arguments.class_count("one_hot", depth)))

    def __getitem__(self, index: Any) -> Feature:
        """Take elements of each record by integers, slices and ``...``: ``bf.field("image")[..., ::2, 0]``."""
        parts = index if isinstance(index, tuple) else (index,)
        return self._then(shapes.Select(tuple(map(arguments.index, parts))))

    __iter__ = None  # or Python would try indices one after the other

    if not TYPE_CHECKING:  # or type checkers would accept any attribute

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            members = {**vars(Feature), **vars(Operators), **vars(Lookback)}
            methods = [each for each, value in members.items() if callable(value) and each[0] != "_"]
            hint = suggestion(_ELSEWHERE.get(name, name), methods)
            raise AttributeError(f"a feature has no attribute {shown(name)}{hint}")

    def reshape(self, *shape: int | Sequence[int]) -> Feature:
        """Give the elements of each record, in the same order, another shape; one side may be -1, for what is left."""
        return self._then(shapes.Reshape(arguments.integers("a side in reshape()", shape)))

    def transpose(self, *axes: int | Sequence[int]) -> Feature:
        """Put the axes of each record in the order ``axes``, by default reversed. Axis 0 follows the batch axis."""
        return self._then(shapes.Transpose(arguments.integers("an axis in transpose()", axes) if axes else None))

    @checked_keywords
    def bucketize(self, edges: npt.ArrayLike) -> Feature:
        """Count the ``edges`` that are not above ``x``, as int32: the number of its bucket, from 0 on.

        That is what :class:`tf.keras.layers.Discretization` and ``numpy.digitize`` give. NaN is in the last bucket.

        Raises:
            FeatureError: if there are no edges, or they do not rise.
        """
        found = arguments.literal("bucketize()", edges, allow_infinite=True).array
        if found.ndim != 1 or found.size == 0:
            raise FeatureError(f"bucketize() takes a list of at least one edge, not {shown(edges)}")
        if not (found[1:] > found[:-1]).all():
            raise FeatureError(f"bucketize(): the edges must rise, not {shown(edges)}")
        return self._then(encodings.Bucketize(found))

    @checked_keywords
    def hash(self, bins: int, salt: int | tuple[int, int] | None = None) -> Feature:
        """Put fixed bytes or integers into ``bins`` bins by a hash, as int64 from 0 to ``bins - 1``.

        The hash is that of TensorFlow, so that a graph finds the same bins: without a ``salt`` that of
        ``tf.strings.to_hash_bucket_fast``, with one that of ``to_hash_bucket_strong``, whose key it is; a single number
        stands for both halves of the key. Bytes lose their trailing zeros, and integers are hashed as decimal text, as
        in :class:`tf.keras.layers.Hashing`.

        Raises:
            FeatureError: if ``bins`` is less than 1, or the salt is neither one integer nor two.
        """
        return self._then(encodings.Hash(arguments.bin_count("hash", bins), arguments.hash_key(salt)))

    @checked_keywords
    def multi_hot(self, depth: int) -> Feature:
        """Turn the last axis, of indices, into ``depth`` values: 1.0 at each of the indices, else 0.0, as float32.

        A value that is not an index of the new axis has no effect.

        Raises:
            FeatureError: if ``depth`` is less than 1. Opening files raises it if the values are no arrays.
        """
        return self._then(encodings.MultiHot(arguments.class_count("multi_hot", depth)))

    @checked_keywords
    def time(
        self,
        unit: str,
        *,
        epoch: str | datetime.date | np.datetime64 = "unix",
        offset: str | datetime.timedelta = "+00:00",
    ) -> Time:
        """Take integers for times, whose parts are features: see :class:`Time`.

        Args:
            unit: what they count: ``"ns"``, ``"us"``, ``"ms"``, ``"s"``, ``"m"``, ``"h"`` or ``"D"``.
            epoch: when they begin: ``"unix"`` for 1970-01-01 in UTC, or a date, such as ``"1980-01-06"`` for GPS time.
            offset: what to add for local time, such as ``"-05:00"``. It is the same all year.

        Raises:
            FeatureError: if the unit is none of these, or the epoch or the offset is not a whole number of them.
        """
        return Time(self, unit, epoch, offset)

    @checked_keywords
    def cyclic(self, period: float) -> Feature:
        """Compute the sine and cosine of ``x`` on a circle of circumference ``period``: a last axis of 2, as float32.

        Raises:
            FeatureError: if ``period`` is not a positive number.
        """
        size = arguments.number("cyclic(period=)", period)
        if size is None or not 0 < size < math.inf:
            raise FeatureError(f"cyclic(period=) must be a positive number, not {shown(period)}")
        return self._then(times.Cyclic(float(size)))

    @checked_keywords
    def alias(self, name: str) -> Feature:
        """Name the feature, for a list of features: ``bf.open(files, layout, [spread.alias("spread"), "size"])``.

        Raises:
            FeatureError: if ``name`` is not text of at least one character.
        """
        if not is_name(name):
            raise FeatureError(f"the name of a feature must be text of at least one character, not {shown(name)}")
        return replace(self, name=name)

    def __repr__(self) -> str:
        source = f"field({self.source!r})" if isinstance(self.source, str) else repr(self.source)
        chain = source
        for each in self.operations:
            if isinstance(each, arithmetic.Invert):
                chain = f"(~{chain})"
            else:
                chain += f"{'' if isinstance(each, shapes.Select) else '.'}{each!r}"
        return f"{chain}{'.target()' if self.is_target else ''}{f'.alias({self.name!r})' if self.name else ''}"


class Time:
    """Times, of which a feature can be made: ``bf.field("ts").time("ns").hour()``. :meth:`Feature.time` makes one.

    Parts are int32, in UTC unless there is an offset. Each is the one that ``numpy.datetime64`` and pandas give. A time
    that does not fit int64, as local time since 1970 in its unit, counts as the nearest one that does.
    """

    def __init__(
        self,
        feature: Feature,
        unit: str,
        epoch: str | datetime.date | np.datetime64,
        offset: str | datetime.timedelta,
    ) -> None:
        self._feature = feature
        self._unit = times.checked_unit(unit)
        self._start = times.start_of(unit, epoch, offset)

    def __repr__(self) -> str:
        return f"<times of {self._feature!r}: .hour(), .weekday() and other parts are features>"

    def hour(self) -> Feature:
        """The hour of the day, 0 to 23."""
        return self._part("hour")

    def minute(self) -> Feature:
        """The minute of the hour, 0 to 59."""
        return self._part("minute")

    def weekday(self) -> Feature:
        """The day of the week, from 0 for Monday to 6."""
        return self._part("weekday")

    def day_of_year(self) -> Feature:
        """The day of the year, 1 to 366, in the Gregorian calendar."""
        return self._part("day_of_year")

    def seconds_of_day(self) -> Feature:
        """The seconds since midnight, 0 to 86,399."""
        return self._part("seconds_of_day")

    @checked_keywords
    def time_since_previous(self, *, first: float | str | None = None) -> Feature:
        """The seconds since the record before, as float32; their difference is exact. See :meth:`Feature.lag`."""
        seconds = self._feature.diff(1) * (times.PER_DAY["s"] / times.PER_DAY[self._unit])
        value = arguments.first_value("time_since_previous", first)
        return seconds if value is None else seconds._then(past.First(value))

    def _part(self, part: str) -> Feature:
        return self._feature._then(times.TimePart(part, self._unit, self._start))


def field(name: str) -> Feature:
    """Make the feature that reads the field ``name``: ``[B]`` in native byte order, or ``[B, *shape]`` for an array.

    The names of nested fields are joined by dots: ``bf.field("header.time")``. A name with ``*`` or ``?`` that no field
    has is a pattern, see :func:`fields`.

    Raises:
        FeatureError: if ``name`` is not a string. Opening files raises it if the layout lacks the field.
    """
    if not isinstance(name, str):
        raise FeatureError(f"field() takes the name of a field, not {shown(name)}")
    return Feature(name)


def fields(*patterns: str) -> list[Feature]:
    """Make features of all fields whose names match a pattern: ``*`` stands for any text, ``?`` for one character.

    They go into :func:`concat`, ``bf.concat(*bf.fields("bid*"))``, or into a list of features, where each has the name
    of its field. An operation such as ``.scale`` or ``.lag`` is done to every field that a pattern stands for.
    Operators such as ``+`` take patterns that stand for a single field, and the concat of others.

    Raises:
        FeatureError: if a pattern is not a string. Opening files raises it if no field matches.
    """
    return [field(pattern) for pattern in patterns]


def concat(*features: Feature | str) -> Feature:
    """Make one float32 feature ``[B, F]`` of several side by side, each flattened per record.

    A string stands for the field of that name. One component costs tf.data less than ten.

    Raises:
        FeatureError: without features, or if one of them is a target: the whole can be, with ``concat(...).target()``.
    """
    if not features:
        raise FeatureError("concat() needs at least one feature")
    given: tuple[Any, ...] = features
    if isinstance(given[0], list | tuple):
        raise FeatureError("concat() takes features one by one, not in a list: concat(*features)")
    parts = tuple(map(as_feature, given))
    if any(part.is_target for part in parts):
        raise FeatureError("concat() takes features of the same records: write concat(...).target()")
    return Feature(Concat(parts))


def where(condition: Feature, a: Operand, b: Operand) -> Feature:
    """Choose ``a`` where a bool feature is true, else ``b``, each a feature, a number or an array of numbers.

    The result has the smallest dtype that holds both, and is float32 for an integer and a float: see
    :mod:`binfeed.promotion`.

    Raises:
        FeatureError: if ``condition`` is not a feature. Opening files raises it if it is not bool.
    """
    if not isinstance(condition, Feature):
        raise FeatureError(f"where() takes a feature as its condition, not {shown(condition)}")
    return Feature._of(Where((condition, *(_part("where()", part, allow_nan=True) for part in (a, b)))))


def minimum(a: Operand, b: Operand) -> Feature:
    """Choose the lower of two values, each a feature, a number or an array of numbers; NaN if one is.

    The result has the smallest dtype that holds both, and is float32 for an integer and a float: see
    :mod:`binfeed.promotion`.

    Raises:
        FeatureError: if neither is a feature.
    """
    return _extremum("minimum", a, b)


def maximum(a: Operand, b: Operand) -> Feature:
    """Choose the higher of two values, as :func:`minimum` does the lower."""
    return _extremum("maximum", a, b)


@checked_keywords
def cross(*features: Feature | str, bins: int) -> Feature:
    """Put combinations of values into ``bins`` bins by a hash, as int64 from 0 to ``bins - 1``.

    The features are fixed bytes or integers, and a string stands for the field of that name. The hash is the one of
    ``tf.sparse.cross_hashed`` and :class:`tf.keras.layers.HashedCrossing`.

    Raises:
        FeatureError: for fewer than two features, or if ``bins`` is less than 1.
    """
    if len(features) < 2:
        raise FeatureError("cross() needs at least two features")
    return Feature._of(Cross(tuple(map(as_feature, features)), arguments.bin_count("cross", bins)))


def as_feature(feature: Feature | str) -> Feature:
    """Return ``feature`` itself, or the field of that name."""
    return feature if isinstance(feature, Feature) else field(feature)


def features_in(feature: Feature) -> list[Feature]:
    """Return all features that one is made of, once each and behind their own parts, with the feature at the end."""
    return inputs_first(feature, _parts_of)


def _parts_of(feature: Feature) -> list[Feature]:
    parts = feature.source.parts if isinstance(feature.source, Combination) else ()
    return [part for part in parts if isinstance(part, Feature)]


def _extremum(function: str, a: Operand, b: Operand) -> Feature:
    if not isinstance(a, Feature) and not isinstance(b, Feature):
        raise FeatureError(f"{function}() takes at least one feature")
    return Feature._of(Extremum(function, tuple(_part(f"{function}()", part) for part in (a, b))))


def _part(what: str, value: Operand, *, allow_nan: bool = False) -> Any:
    return (
        value
        if isinstance(value, Feature)
        else arguments.literal(what, value, allow_infinite=True, allow_nan=allow_nan)
    )
