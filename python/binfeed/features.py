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

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from binfeed.element_types import OUTPUT_TYPES, as_dtype
from binfeed.errors import FeatureError, checked_keywords, shown, suggestion
from binfeed.layout import UNNAMED, Fields, is_name
from binfeed.numbers import flag, whole
from binfeed.operations import (
    Abs,
    Bits,
    Cast,
    Clip,
    Codes,
    Divide,
    Fill,
    IsMissing,
    Log1p,
    MinMax,
    OneHot,
    Operation,
    Reshape,
    Scale,
    Select,
    Standardize,
    Transpose,
)

#: Names that other libraries use for the methods of a feature.
_ELSEWHERE = {
    "astype": "cast",
    "isnan": "is_missing",
    "multiply": "scale",
    "normalize": "standardize",
    "permute": "transpose",
    "to": "cast",
}


@dataclass(frozen=True, eq=False, repr=False)
class Feature:
    """A field, or several fields side by side, and the operations on it. See :func:`field` and :func:`concat`.

    Every method returns a new feature. Shapes and axes are those of one record: they leave out the batch axis, which is
    always the first axis of the arrays that come out. A parameter is one number, or an array that broadcasts to the
    shape of a record at that point of the chain. Whether the operations fit the field is checked when files are opened:
    :func:`binfeed.open` raises :class:`~binfeed.FeatureError` if they do not.
    """

    source: str | tuple[Feature, ...]
    operations: tuple[Operation, ...] = ()
    is_target: bool = False

    def _then(self, operation: Operation) -> Feature:
        return replace(self, operations=(*self.operations, operation))

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
        return self._then(Cast(name))

    @checked_keywords
    def scale(self, factor: npt.ArrayLike, offset: npt.ArrayLike = 0) -> Feature:
        """Compute ``x * factor + offset``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number.
        """
        shift = _parameter("scale(offset=)", offset)
        is_none = shift.ndim == 0 and shift == 0
        return self._then(Scale(_parameter("scale(factor=)", factor), None if is_none else shift))

    @checked_keywords
    def div(self, by: npt.ArrayLike) -> Feature:
        """Compute the true division ``x / by``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if ``by`` is zero or not a finite number.
        """
        return self._then(Divide(_divisor("div(by=)", by)))

    @checked_keywords
    def standardize(self, mean: npt.ArrayLike, std: npt.ArrayLike) -> Feature:
        """Compute ``(x - mean) / std``, as float32 unless a ``.cast`` says otherwise.

        Raises:
            FeatureError: if a parameter is not a finite number, or ``std`` is zero.
        """
        return self._then(Standardize(_parameter("standardize(mean=)", mean), _divisor("standardize(std=)", std)))

    @checked_keywords
    def minmax(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Feature:
        """Compute ``(x - low) / (high - low)``, as float32 unless a ``.cast`` says otherwise.

        That is 0 at ``low`` and 1 at ``high``.

        Raises:
            FeatureError: if a parameter is not a finite number, or ``low`` equals ``high``.
        """
        bounds = _parameter("minmax(low=)", low), _parameter("minmax(high=)", high)
        with np.errstate(over="ignore"):
            _divisor("high - low in minmax()", bounds[1] - bounds[0])
        return self._then(MinMax(*bounds))

    def log1p(self) -> Feature:
        """Compute ``log(1 + x)``, as float32 unless a ``.cast`` says otherwise.

        The error is at most 2 units in the last place in float64 and 0.51 in float32. The result has the same bits on
        every instruction set. It is -infinity at -1 and NaN below.
        """
        return self._then(Log1p())

    def abs(self) -> Feature:
        """Compute ``|x|``, in the dtype of ``x``.

        The lowest signed integer becomes the highest, since the dtype lacks its negative: -128 becomes 127 in int8.
        """
        return self._then(Abs())

    @checked_keywords
    def clip(self, low: float | None = None, high: float | None = None) -> Feature:
        """Limit values to the range from ``low`` to ``high``; None is no limit. NaN stays NaN, and the dtype stays.

        Raises:
            FeatureError: if there is no bound, if a bound is NaN, or if ``low`` is above ``high``.
        """
        if low is None and high is None:
            raise FeatureError("clip() needs a bound: give low, high or both")
        low, high = _number("clip(low=)", low), _number("clip(high=)", high)
        if low is not None and high is not None and not low <= high:
            raise FeatureError(f"clip({shown(low)}, {shown(high)}): the lower bound is above the upper")
        return self._then(Clip(low, high))

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
            return self._then(Fill(_text("fill(value=)", value), None))
        filler = _number("fill(value=)", value, allow_nan=True)
        if filler is None:
            raise FeatureError("fill(value=) must be a number, not None")
        return self._then(Fill(filler, _number("fill(missing=)", missing)))

    @checked_keywords
    def is_missing(self, missing: float | None = None) -> Feature:
        """Tell whether ``x`` is NaN, NULL, or equal to the sentinel ``missing``, as bool.

        Raises:
            FeatureError: if the sentinel is not a number. Opening files raises it if the dtype cannot represent it.
        """
        return self._then(IsMissing(_number("is_missing(missing=)", missing)))

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
        first, count = _integer("bits(start=)", start), _integer("bits(width=)", width)
        if first < 0 or not 0 < count <= 64:
            raise FeatureError(f"bits({first}, {count}): start must be at least 0, and width from 1 to 64")
        return self._then(Bits(first, count, flag("signed", signed)))

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
        pairs: list[Any] = [(_key(key), _code(code)) for key, code in codes.items()]
        pairs.sort(key=lambda pair: (isinstance(pair[0], bytes), pair))  # so that their order does not matter
        return self._then(Codes(tuple(pairs), _code(default)))

    @checked_keywords
    def one_hot(self, depth: int) -> Feature:
        """Add a last axis of ``depth`` values, 1.0 at index ``x`` and 0.0 elsewhere, as float32.

        A value that is not an index of this axis gives only zeros.

        Raises:
            FeatureError: if ``depth`` is less than 1.
        """
        size = _integer("one_hot(depth=)", depth)
        if size < 1:
            raise FeatureError(f"one_hot({size}): the depth must be at least 1")
        return self._then(OneHot(size))

    def __getitem__(self, index: Any) -> Feature:
        """Take elements of each record by integers, slices and ``...``: ``bf.field("image")[..., ::2, 0]``."""
        parts = index if isinstance(index, tuple) else (index,)
        return self._then(Select(tuple(map(_index, parts))))

    __iter__ = None  # or Python would try indices one after the other
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise FeatureError("features cannot be compared with == or !=; compare the arrays that come out")

    if not TYPE_CHECKING:  # or type checkers would accept any attribute

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            methods = [each for each, value in vars(Feature).items() if callable(value) and each[0] != "_"]
            hint = suggestion(_ELSEWHERE.get(name, name), methods)
            raise AttributeError(f"a feature has no attribute {shown(name)}{hint}")

    def __bool__(self) -> bool:
        raise FeatureError("a feature is neither true nor false; it stands for values of records")

    def reshape(self, *shape: int | Sequence[int]) -> Feature:
        """Give the elements of each record, in the same order, another shape; one side may be -1, for what is left."""
        return self._then(Reshape(_integers("a side in reshape()", shape)))

    def transpose(self, *axes: int | Sequence[int]) -> Feature:
        """Put the axes of each record in the order ``axes``, by default reversed. Axis 0 follows the batch axis."""
        return self._then(Transpose(_integers("an axis in transpose()", axes) if axes else None))

    def __repr__(self) -> str:
        if isinstance(self.source, str):
            source = f"field({self.source!r})"
        else:
            source = f"concat({', '.join(map(repr, self.source))})"
        chain = "".join(f"{'' if isinstance(each, Select) else '.'}{each!r}" for each in self.operations)
        return f"{source}{chain}{'.target()' if self.is_target else ''}"


def field(name: str) -> Feature:
    """Make the feature that reads the field ``name``: ``[B]`` in native byte order, or ``[B, *shape]`` for an array.

    The names of nested fields are joined by dots: ``bf.field("header.time")``.

    Raises:
        FeatureError: if ``name`` is not a string. Opening files raises it if the layout lacks the field.
    """
    if not isinstance(name, str):
        raise FeatureError(f"field() takes the name of a field, not {shown(name)}")
    return Feature(name)


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
    return Feature(parts)


def as_feature(feature: Feature | str) -> Feature:
    """Return ``feature`` itself, or the field of that name."""
    return feature if isinstance(feature, Feature) else field(feature)


def as_features(
    features: Mapping[str, Feature | str] | Feature | str | None, layout: Fields
) -> Mapping[str, Feature] | Feature:
    """Check ``features``, in the forms that :func:`open` takes; None stands for all fields of the layout.

    Raises:
        FeatureError: if they have another form.
    """
    if features is None:
        if layout.is_scalar:
            return field(UNNAMED)
        return {name: field(name) for name in layout.fields}
    if isinstance(features, Feature | str):
        return as_feature(features)
    if not isinstance(features, Mapping):
        raise FeatureError(f"features must be a dict of features by name, or one feature, not {shown(features)}")
    if not features:
        raise FeatureError("features is an empty dict: there is nothing to read")
    for name, feature in features.items():
        if not is_name(name):
            raise FeatureError(f"the name of a feature must be text of at least one character, not {shown(name)}")
        if not isinstance(feature, Feature | str):
            raise FeatureError(f"features must map names to features, but {shown(name)} is {shown(feature)}")
    return {name: as_feature(feature) for name, feature in features.items()}


def _parameter(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
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


def _divisor(what: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    numbers = _parameter(what, value)
    if not numbers.all():
        where = f", element {tuple(map(int, np.argwhere(numbers == 0)[0]))}" if numbers.ndim else ""
        raise FeatureError(f"{what} must not be zero{where}")
    return numbers


def _number(what: str, value: Any, *, allow_nan: bool = False) -> float | None:
    """Return an int or float unchanged, and a NumPy scalar as the Python number it equals."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and (not isinstance(value, int | float) or (value != value and not allow_nan)):
        raise FeatureError(f"{what} must be a number, not {shown(value)}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise FeatureError(f"{what} must be a number that fits float64, not {shown(value)}")
    return value


def _text(what: str, value: str | bytes) -> bytes:
    try:
        return value.encode() if isinstance(value, str) else bytes(value)
    except UnicodeEncodeError:
        raise FeatureError(f"{what} must be text that UTF-8 can encode, not {shown(value)}") from None


def _integer(what: str, value: Any) -> int:
    """Return a whole number that fits a signed integer of 64 bits."""
    try:
        number = whole(what, value)
    except TypeError as error:
        raise FeatureError(str(error)) from None
    if not -(2**63) <= number < 2**63:
        raise FeatureError(f"{what} must be within 64 bits, not {shown(number)}")
    return number


def _integers(what: str, values: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    if len(values) == 1 and isinstance(values[0], Sequence):
        values = tuple(values[0])
    return tuple(_integer(what, value) for value in values)


def _key(key: Any) -> bytes | int:
    if isinstance(key, bytes):
        return bytes(key)
    try:
        return _text("a key", key) if isinstance(key, str) else whole("a key", key)
    except (TypeError, FeatureError):
        raise FeatureError(f"codes(): keys are strings or whole numbers, not {shown(key)}") from None


def _code(code: Any) -> int:
    number = _integer("a code in codes()", code)
    if not -(2**31) <= number < 2**31:
        raise FeatureError(f"codes(): {shown(code)} is not an int32")
    return number


def _index(part: Any) -> Any:
    if part is Ellipsis:
        return part
    try:
        if isinstance(part, slice):
            bounds = (part.start, part.stop, part.step)
            return slice(*(None if bound is None else whole("a bound", bound) for bound in bounds))
        return whole("an index", part)
    except TypeError:
        raise FeatureError(f"a feature is indexed by integers, slices and ..., not by {shown(part)}") from None
