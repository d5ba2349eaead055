"""The operators of features, which read as those of NumPy arrays do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from binfeed import arguments
from binfeed.combinations import Arithmetic, Binary, Bitwise, Combination, Comparison
from binfeed.errors import FeatureError, checked_keywords
from binfeed.operations import arithmetic, encodings
from binfeed.operations.base import Operation

if TYPE_CHECKING:
    from typing_extensions import Self

#: A feature, or numbers with which one is combined.
Operand = Any


class Operators:
    """What a feature does with other features and with numbers, and the functions of its values.

    Two values are combined one by one. Their shapes broadcast as those of arrays do, without the batch axis.
    :mod:`binfeed.promotion` has the rule for types: ``+ - * // %`` of integers, and whole powers of them, are exact and
    give int64. All other arithmetic is rounded once, at the end, to float32 or to the floating dtype that a ``.cast``
    chose. Comparisons give bool, and so do ``& | ^ ~`` of bools.
    """

    __hash__ = object.__hash__

    @abstractmethod
    def _then(self, operation: Operation) -> Self:
        """Return the feature with one more operation."""

    @classmethod
    @abstractmethod
    def _of(cls, combination: Combination) -> Self:
        """Return the feature that is a combination of others."""

    def __add__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "+", self, other)

    def __radd__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "+", other, self)

    def __sub__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "-", self, other)

    def __rsub__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "-", other, self)

    def __mul__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "*", self, other)

    def __rmul__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "*", other, self)

    def __truediv__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "/", self, other)

    def __rtruediv__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "/", other, self)

    def __floordiv__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "//", self, other)

    def __rfloordiv__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "//", other, self)

    def __mod__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "%", self, other)

    def __rmod__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "%", other, self)

    def __pow__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "**", self, other)

    def __rpow__(self, other: Operand) -> Self:
        return self._binary(Arithmetic, "**", other, self)

    def __neg__(self) -> Self:
        return self * -1

    def __pos__(self) -> Self:
        return self * 1

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self.is_in([other]) if isinstance(other, str | bytes) else self._binary(Comparison, "==", self, other)

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return ~self.is_in([other]) if isinstance(other, str | bytes) else self._binary(Comparison, "!=", self, other)

    def __lt__(self, other: Operand) -> Self:
        return self._binary(Comparison, "<", self, other)

    def __le__(self, other: Operand) -> Self:
        return self._binary(Comparison, "<=", self, other)

    def __gt__(self, other: Operand) -> Self:
        return self._binary(Comparison, ">", self, other)

    def __ge__(self, other: Operand) -> Self:
        return self._binary(Comparison, ">=", self, other)

    def __and__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "&", self, other)

    def __rand__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "&", other, self)

    def __or__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "|", self, other)

    def __ror__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "|", other, self)

    def __xor__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "^", self, other)

    def __rxor__(self, other: Operand) -> Self:
        return self._binary(Bitwise, "^", other, self)

    def __abs__(self) -> Self:
        return self.abs()

    def __invert__(self) -> Self:
        return self._then(arithmetic.Invert())

    def __bool__(self) -> bool:
        raise FeatureError(
            "a feature is neither true nor false; it stands for values of records. Combine conditions with & | ~ "
            "rather than and, or, not, and put each in parentheses"
        )

    # NumPy arrays and scalars leave operators to features, rather than taking them for elements of arrays.
    __array_ufunc__ = None

    def abs(self) -> Self:
        """Compute ``|x|``, in the dtype of ``x``.

        The lowest signed integer becomes the highest, since the dtype lacks its negative: -128 becomes 127 in int8.
        """
        return self._then(arithmetic.Abs())

    def sign(self) -> Self:
        """Compute -1, 0 or 1, as ``x`` is below, at or above zero, in the dtype of ``x``. NaN stays NaN."""
        return self._then(arithmetic.Sign())

    def floor(self) -> Self:
        """Round down to a whole number, in the dtype of ``x``."""
        return self._then(arithmetic.Floor())

    def ceil(self) -> Self:
        """Round up to a whole number, in the dtype of ``x``."""
        return self._then(arithmetic.Ceil())

    def round(self) -> Self:
        """Round to the nearest whole number, ties to even, in the dtype of ``x``."""
        return self._then(arithmetic.Round())

    def square(self) -> Self:
        """Compute ``x * x``: exactly for integers, as int64."""
        return self**2

    def sqrt(self) -> Self:
        """Compute the square root, as float32 unless a ``.cast`` says otherwise. It is NaN for negative numbers."""
        return self._then(arithmetic.Sqrt())

    def exp(self) -> Self:
        """Compute ``e ** x``, as float32 unless a ``.cast`` says otherwise; see :meth:`log` for its error."""
        return self._then(arithmetic.Exp())

    def log(self) -> Self:
        """Compute the natural logarithm, as float32 unless a ``.cast`` says otherwise.

        As with all functions here, the error is at most 1 unit in the last place, and the result has the same bits on
        every instruction set. It is -infinity at 0 and NaN below.
        """
        return self._then(arithmetic.Log())

    def log2(self) -> Self:
        """Compute the logarithm to base 2, as float32 unless a ``.cast`` says otherwise; see :meth:`log`."""
        return self._then(arithmetic.Log2())

    def log10(self) -> Self:
        """Compute the logarithm to base 10, as float32 unless a ``.cast`` says otherwise; see :meth:`log`."""
        return self._then(arithmetic.Log10())

    def log1p(self) -> Self:
        """Compute ``log(1 + x)``, as float32 unless a ``.cast`` says otherwise; see :meth:`log`.

        It is -infinity at -1 and NaN below.
        """
        return self._then(arithmetic.Log1p())

    def sin(self) -> Self:
        """Compute the sine of ``x`` radians, as float32 unless a ``.cast`` says otherwise; see :meth:`log`."""
        return self._then(arithmetic.Sin())

    def cos(self) -> Self:
        """Compute the cosine of ``x`` radians, as float32 unless a ``.cast`` says otherwise; see :meth:`log`."""
        return self._then(arithmetic.Cos())

    def tanh(self) -> Self:
        """Compute the hyperbolic tangent, as float32 unless a ``.cast`` says otherwise; see :meth:`log`."""
        return self._then(arithmetic.Tanh())

    @checked_keywords
    def between(self, low: Operand, high: Operand) -> Self:
        """Tell whether ``low <= x`` and ``x <= high``, as bool."""
        is_between: Self = (self >= low) & (self <= high)
        return is_between

    @checked_keywords
    def is_in(self, values: Iterable[Any]) -> Self:
        """Tell whether ``x`` is one of ``values``, as bool.

        Values are strings or bytes for fixed bytes, which are compared without trailing zeros, and whole numbers for
        integers.

        Raises:
            FeatureError: if ``values`` is empty, or one is neither text nor a whole number. Opening files raises it for
                a value that the field cannot hold.
        """
        if isinstance(values, str | bytes):
            raise FeatureError(f"is_in() takes a list of values, not {values!r}")
        keys = [arguments.key(value) for value in values]
        if not keys:
            raise FeatureError("is_in() needs at least one value")
        return self._then(encodings.IsIn(tuple(sorted(set(keys), key=lambda each: (isinstance(each, bytes), each)))))

    def _binary(self, combination: type[Binary], operator: str, *parts: Operand) -> Self:
        operands = [part if isinstance(part, Operators) else _number(combination, operator, part) for part in parts]
        return self._of(combination(operator, tuple(operands)))


def _number(combination: type[Binary], operator: str, value: npt.ArrayLike) -> Any:
    return arguments.literal(f"'{operator}'", value, allow_infinite=combination is Comparison)
