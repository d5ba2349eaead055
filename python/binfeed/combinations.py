"""What features are made of other than a single field: combinations of several features, and of features and numbers.

A class says how a combination is written, what it is in NumPy, and how the core does it, as those of
:mod:`binfeed.operations` do for what is done to one feature.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from binfeed._core import Combination as Core
from binfeed._core import Function, Program, concatenated_hash, hash_of_bytes
from binfeed.chain import Chain, joined
from binfeed.element_types import value_dtype
from binfeed.errors import FeatureError, shown
from binfeed.nodes import Applied, Constants, Node, call, cast_to
from binfeed.operations.base import shown_numbers
from binfeed.operations.encodings import require_keys
from binfeed.promotion import are_integers, common_float, compute_type, is_integer, meeting
from binfeed.values import Array, Value, along_records, cast, comparable_dtype, exact, null_of

if TYPE_CHECKING:
    from typing_extensions import Self

#: With these a cross begins, in TensorFlow as well.
_CROSS_KEY = 0xDECAFCAFFE
#: Higher powers of a whole number are at a bound of int64, or equal one of these.
_MAX_EXPONENT = 64


@dataclass(frozen=True, eq=False)
class Literal:
    """A number, or an array of numbers that broadcasts over a record's shape; see :mod:`binfeed.promotion`.

    Attributes:
        array: of bool, int64, uint64 or float64.
    """

    array: npt.NDArray[Any]

    def __repr__(self) -> str:
        return shown_numbers(self.array)

    def as_type(self, where: str, written: str, type_: str) -> Chain:
        """Return the numbers as values of a type.

        Raises:
            FeatureError: if the type cannot represent them: integers exactly, floats without overflow.
        """
        held = value_dtype(type_)
        with np.errstate(all="ignore"):
            made = cast(self.array, type_)
            if held.kind in "iu":
                is_lost = made.astype(object) != self.array.astype(object)
            else:
                is_lost = ~np.isfinite(made.astype(np.float64)) & np.isfinite(self.array.astype(np.float64))
        if np.any(is_lost):
            lost = self.array[np.asarray(is_lost, bool)].flat[0].item()
            raise FeatureError(f"{where}: {shown(lost)} in {written} cannot be represented as {type_}")
        # The core has no constants of halves: they are made of float32, which holds them.
        node = Constants(made.astype(comparable_dtype(held)).ravel())
        return Chain(where, [cast_to(node, type_)], self.array.shape)


#: A part of a combination in a plan: what a feature is so far, or a number.
Part: TypeAlias = Chain | Literal


class Combination(ABC):
    """Several features, or features and numbers, that become one.

    Attributes:
        parts: the features, and numbers as :class:`Literal`.
    """

    parts: tuple[Any, ...]

    def with_parts(self, parts: Iterable[Any]) -> Self:
        """Return the same combination of other parts."""
        return replace(self, parts=tuple(parts))  # type: ignore[type-var]

    @property
    @abstractmethod
    def written(self) -> str:
        """What errors call it."""

    @abstractmethod
    def reference(self, values: Sequence[Value]) -> Value:
        """The result for the values of all records, in NumPy."""

    @abstractmethod
    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        """Return the chain that begins with the combination.

        Raises:
            FeatureError: naming the feature, ``where``, if the parts do not fit each other.
        """


@dataclass(frozen=True, eq=False)
class Concat(Combination):
    """Features side by side, each flattened per record, as float32."""

    parts: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"concat({', '.join(map(repr, self.parts))})"

    @property
    def written(self) -> str:
        return ".concat()"

    def reference(self, values: Sequence[Value]) -> Value:
        count = len(values[0].array)
        arrays = [cast(value.array, "float32").reshape(count, -1) for value in values]
        nulls = [np.broadcast_to(value.is_null, value.array.shape).reshape(count, -1) for value in values]
        history = max(value.history for value in values)
        return Value(np.concatenate(arrays, axis=1), is_null=np.concatenate(nulls, axis=1), history=history)

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        chains = _features(parts)
        for chain in chains:
            chain.require_numbers(self.written)
            chain.finish()
            chain.cast("float32")
        columns = [column for chain in chains for column in chain.columns]
        return Chain(where, columns, (sum(column.elements for column in columns),))


class Elementwise(Combination):
    """A combination of values one by one, broadcast over a record's shape."""

    def _combined(self, values: Sequence[Value], array: Array, *, is_computed: bool = False) -> Value:
        """Return a result in place of the values it was made of."""
        features = [value for value in values if not value.is_literal]
        result = common_float(*(value.result for value in features)) if features else "float32"
        return Value(array, is_computed, result, null_of(values), history=max(value.history for value in values))

    def _joined(
        self, parts: Sequence[Part], chains: Sequence[Chain], step: Any, type_: str, *, is_computing: bool = False
    ) -> Chain:
        """Return the chain of what a step makes of the parts, which ``chains`` has in the types that the step takes."""
        made = joined(self.written, step, chains, type_)
        made.is_computing = is_computing
        features = _features(parts)
        made.result = common_float(*(chain.result for chain in features)) if features else "float32"
        return made

    def _require_numbers(self, parts: Sequence[Part]) -> None:
        for chain in _features(parts):
            chain.require_numbers(self.written)

    def _as_type(self, where: str, part: Part, type_: str) -> Chain:
        if isinstance(part, Literal):
            return part.as_type(where, self.written, type_)
        part.cast(type_)
        return part

    def _as_integers(self, where: str, parts: Sequence[Part]) -> list[Chain]:
        """Return parts that all count as integers, literals in the type in which the core takes them."""
        return [
            part.as_type(where, self.written, _integer_of(part)) if isinstance(part, Literal) else part
            for part in parts
        ]

    def _meeting(self, where: str, parts: Sequence[Part]) -> tuple[str, bool]:
        """Return what :func:`binfeed.promotion.meeting` does, for the parts of a plan."""
        types = [chain.type for chain in _features(parts)]
        is_computing = any(chain.is_computing for chain in _features(parts))
        found = meeting(types, _literals(parts), is_computing=is_computing)
        if found is None:
            held = " and ".join(repr(part) if isinstance(part, Literal) else part.type for part in parts)
            raise FeatureError(f"{where}: no integer type holds all values of {held} in {self.written}: cast one first")
        return found


@dataclass(frozen=True, eq=False)
class Binary(Elementwise):
    """An operator between two parts."""

    operator: str
    parts: tuple[Any, ...]

    def __repr__(self) -> str:
        a, b = self.parts
        return f"({a!r} {self.operator} {b!r})"

    @property
    def written(self) -> str:
        return f"'{self.operator}'"


class Arithmetic(Binary):
    """``+ - * / // % **``."""

    CORE: ClassVar[dict[str, Core]] = {
        "+": Core.ADD,
        "-": Core.SUBTRACT,
        "*": Core.MULTIPLY,
        "/": Core.DIVIDE,
        "//": Core.FLOOR_DIVIDE,
        "%": Core.REMAINDER,
        "**": Core.POWER,
    }

    def reference(self, values: Sequence[Value]) -> Value:
        types, literals = _types_of(values), _literals_of(values)
        x, y = along_records(values)
        exponent = self._whole_exponent()
        if self._is_exact(types, literals):
            if exponent is not None:
                return self._combined(values, exact(np.power, x, np.array(_reduced(exponent))))
            return self._combined(values, exact(_EXACT[self.operator], x, y))
        dtype = np.dtype(compute_type(*types))
        a, b = x.astype(dtype), y.astype(dtype)
        made = a * a if exponent == 2 else _IN_NUMPY[self.operator](a, b)
        return self._combined(values, made, is_computed=True)

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        self._require_numbers(parts)
        types, literals = [chain.type for chain in _features(parts)], _literals(parts)
        is_exact = self._is_exact(types, literals)
        type_ = "int64" if is_exact else compute_type(*types)
        self._check_zeros(where, parts, type_)
        exponent = self._whole_exponent()
        if exponent is not None and (is_exact or exponent == 2):
            return self._power(parts, _reduced(exponent), type_)
        if is_exact:
            chains = self._as_integers(where, parts)
        else:  # the core converts what is no literal
            chains = [part.as_type(where, self.written, type_) if isinstance(part, Literal) else part for part in parts]
        if isinstance(parts[0], Literal) and self.operator in ("+", "*"):
            chains.reverse()  # the core is faster if the number comes second
        step = call(Program.combine, self.CORE[self.operator])
        return self._joined(parts, chains, step, type_, is_computing=not is_exact)

    def _check_zeros(self, where: str, parts: Sequence[Part], type_: str) -> None:
        """Check that no divisor is zero, and that no factor or divisor becomes zero in the type of the result."""
        divisor = parts[1]
        if self.operator in ("/", "//", "%") and isinstance(divisor, Literal) and not divisor.array.all():
            raise FeatureError(f"{where}: {self.written} divides by zero")
        if self.operator not in ("*", "/", "//", "%"):
            return
        for numbers in _literals(parts):
            lost = numbers[(cast(numbers, type_) == 0) & (numbers != 0)]
            if lost.size:
                raise FeatureError(f"{where}: {shown(lost.flat[0].item())} in {self.written} becomes zero as {type_}")

    def _is_exact(self, types: Sequence[str], literals: Sequence[npt.NDArray[Any]]) -> bool:
        if self.operator == "/" or (self.operator == "**" and self._whole_exponent() is None):
            return False
        return are_integers(types, literals)

    def _whole_exponent(self) -> int | None:
        """The exponent if it is a single number that is whole and not negative."""
        exponent = self.parts[1]
        if self.operator != "**" or not isinstance(exponent, Literal) or exponent.array.ndim > 0:
            return None
        number = exponent.array.item()
        return int(number) if number >= 0 and number == number // 1 and number < 2**63 else None

    def _power(self, parts: Sequence[Part], exponent: int, type_: str) -> Chain:
        """Return the product of as many equal factors, by repeated squaring."""
        (chain,) = _features(parts)
        chain.columns = [_power_of(column, exponent, type_) for column in chain.columns]
        chain.is_computing = type_ != "int64"
        return chain


class Comparison(Binary):
    """``== != < <= > >=``: of two integers by value, else as floats."""

    #: The comparison in the core, whether its inputs change places, and whether its result is inverted.
    CORE: ClassVar[dict[str, tuple[Core, bool, bool]]] = {
        "==": (Core.EQUAL, False, False),
        "!=": (Core.EQUAL, False, True),
        "<": (Core.LESS, False, False),
        ">": (Core.LESS, True, False),
        "<=": (Core.LESS_EQUAL, False, False),
        ">=": (Core.LESS_EQUAL, True, False),
    }

    def reference(self, values: Sequence[Value]) -> Value:
        x, y = along_records(values)
        if are_integers(_types_of(values), _literals_of(values)):
            return self._combined(values, _IN_NUMPY[self.operator](x.astype(object), y.astype(object)).astype(bool))
        type_ = _comparing(_meeting_of(values)[0], _literals_of(values))
        return self._combined(values, _IN_NUMPY[self.operator](cast(x, type_), cast(y, type_)))

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        self._require_numbers(parts)
        if are_integers([chain.type for chain in _features(parts)], _literals(parts)):
            chains = self._as_integers(where, parts)
        else:
            type_ = _comparing(self._meeting(where, parts)[0], _literals(parts))
            chains = [self._as_type(where, part, type_) for part in parts]
        core, is_swapped, is_inverted = self.CORE[self.operator]
        made = self._joined(parts, chains[::-1] if is_swapped else chains, call(Program.combine, core), "bool")
        if is_inverted:
            made.map(Function.INVERT)
        made.result = "float32"
        return made

    def _combined(self, values: Sequence[Value], array: Array, *, is_computed: bool = False) -> Value:
        return replace(super()._combined(values, array), result="float32")


class Bitwise(Binary):
    """``& | ^``, of bools, or of the bits of integers."""

    CORE: ClassVar[dict[str, Core]] = {"&": Core.AND, "|": Core.OR, "^": Core.XOR}

    def reference(self, values: Sequence[Value]) -> Value:
        type_, _ = _meeting_of(values)
        x, y = (cast(array, type_) for array in along_records(values))
        return self._combined(values, _IN_NUMPY[self.operator](x, y))

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        self._require_numbers(parts)
        kinds = {_kind(part) for part in parts}
        if len(kinds) > 1 or "float" in kinds:
            given = " and ".join(map(_kind, parts))
            raise FeatureError(f"{where}: {self.written} takes two bools or two integers, not {given}")
        type_, _ = self._meeting(where, parts)
        chains = [self._as_type(where, part, type_) for part in parts]
        return self._joined(parts, chains, call(Program.combine, self.CORE[self.operator]), type_)


@dataclass(frozen=True, eq=False)
class Extremum(Elementwise):
    """The lower or the higher of two values; NaN if one is."""

    function: str
    parts: tuple[Any, ...]
    CORE: ClassVar[dict[str, Core]] = {"minimum": Core.MINIMUM, "maximum": Core.MAXIMUM}

    def __repr__(self) -> str:
        return f"{self.function}({', '.join(map(repr, self.parts))})"

    @property
    def written(self) -> str:
        return f"{self.function}()"

    def reference(self, values: Sequence[Value]) -> Value:
        type_, is_computed = _meeting_of(values)
        x, y = (cast(array, type_) for array in along_records(values))
        is_first = x < y if self.function == "minimum" else x > y
        return self._combined(values, np.where(is_first | (x != x), x, y), is_computed=is_computed)

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        self._require_numbers(parts)
        type_, is_computing = self._meeting(where, parts)
        chains = [self._as_type(where, part, type_) for part in parts]
        step = call(Program.combine, self.CORE[self.function])
        return self._joined(parts, chains, step, type_, is_computing=is_computing)


@dataclass(frozen=True, eq=False)
class Where(Elementwise):
    """The second part where the first is true, else the third."""

    parts: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"where({', '.join(map(repr, self.parts))})"

    @property
    def written(self) -> str:
        return "where()"

    def reference(self, values: Sequence[Value]) -> Value:
        condition, x, y = along_records(values)
        type_, is_computed = _meeting_of(values[1:])
        made = self._combined(values[1:], np.where(condition, cast(x, type_), cast(y, type_)), is_computed=is_computed)
        return replace(made, is_null=null_of(values), history=max(made.history, values[0].history))

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        self._require_numbers(parts)
        condition, choices = parts[0], parts[1:]
        if _kind(condition) != "bool":
            raise FeatureError(f"{where}: the condition of where() must be bool, not {_type(condition)}")
        type_, is_computing = self._meeting(where, choices)
        chains = [self._as_type(where, part, type_) for part in choices]
        condition = self._as_type(where, condition, "bool")
        step = call(Program.choose)
        return self._joined(choices, [condition, *chains], step, type_, is_computing=is_computing)


@dataclass(frozen=True, eq=False)
class Cross(Elementwise):
    """The bin of a combination of values among ``bins``, by the hash of TensorFlow's crosses."""

    parts: tuple[Any, ...]
    bins: int

    def __repr__(self) -> str:
        return f"cross({', '.join(map(repr, self.parts))}, bins={self.bins})"

    @property
    def written(self) -> str:
        return "cross()"

    def reference(self, values: Sequence[Value]) -> Value:
        arrays = np.broadcast_arrays(*along_records(values))
        rows = zip(*(map(_fingerprint, array.ravel().tolist()) for array in arrays), strict=True)
        bins = [reduce(concatenated_hash, row, _CROSS_KEY) % self.bins for row in rows]
        made = self._combined(values, np.array(bins, np.int64).reshape(arrays[0].shape))
        return replace(made, result="float32")

    def plan(self, where: str, parts: Sequence[Part]) -> Chain:
        made: Chain = Chain(where, [Constants(np.array([_CROSS_KEY], np.uint64))], ())
        chains = _features(parts)
        for k, chain in enumerate(chains):
            require_keys(chain, "cross")
            if chain.is_bytes:
                chain.become(call(Program.hash, np.dtype(chain.type).itemsize, 0, []), type_="uint64")
            elif chain.type != "uint64":
                chain.cast("int64")
            is_last = k == len(chains) - 1
            step = call(Program.cross, self.bins if is_last else 0)
            made = joined(self.written, step, [made, chain], "int64" if is_last else "uint64")
        return made


def _comparing(type_: str, literals: Sequence[npt.NDArray[Any]]) -> str:
    """Return the type in which values are compared: float64 if ``type_`` has no finite number for a literal."""
    with np.errstate(all="ignore"):
        are_held = (np.isfinite(cast(each, type_).astype(np.float64)) | ~np.isfinite(each) for each in literals)
        return type_ if all(map(np.all, are_held)) else "float64"


def _power_of(column: Node, exponent: int, type_: str) -> Node:
    """Return the product of ``exponent`` equal factors, by repeated squaring."""
    if exponent == 0:  # as much a value of the record as any other power
        zero = Applied(call(Program.combine, Core.MULTIPLY), [column, Constants(np.zeros(1, type_))], type_)
        return Applied(call(Program.combine, Core.ADD), [zero, Constants(np.ones(1, type_))], type_)
    multiply = call(Program.combine, Core.MULTIPLY)
    square = cast_to(column, type_)
    result: Node | None = None
    for bit in range(exponent.bit_length()):
        if exponent >> bit & 1:
            result = square if result is None else Applied(multiply, [square, result], type_)
        if exponent >> (bit + 1):
            square = Applied(multiply, [square, square], type_)
    assert result is not None  # the exponent has a bit
    return result


def _reduced(exponent: int) -> int:
    """Return an exponent with the same effect that is not huge: powers of -1 depend on whether it is even."""
    return exponent if exponent <= _MAX_EXPONENT else _MAX_EXPONENT + exponent % 2


def _fingerprint(value: bytes | int) -> int:
    return hash_of_bytes(value, []) if isinstance(value, bytes) else value % 2**64


def _integer_of(literal: Literal) -> str:
    """The type in which the core takes a literal that counts as an integer."""
    return literal.array.dtype.name if literal.array.dtype.name in ("bool", "uint64") else "int64"


def _features(parts: Sequence[Part]) -> list[Chain]:
    return [part for part in parts if isinstance(part, Chain)]


def _literals(parts: Sequence[Part]) -> list[npt.NDArray[Any]]:
    return [part.array for part in parts if isinstance(part, Literal)]


def _type(part: Part) -> str:
    return part.type if isinstance(part, Chain) else part.array.dtype.name


def _kind(part: Part) -> str:
    type_ = _type(part)
    return "bool" if type_ == "bool" else "integer" if is_integer(type_) else "float"


def _types_of(values: Sequence[Value]) -> list[str]:
    return [value.type for value in values if not value.is_literal]


def _literals_of(values: Sequence[Value]) -> list[Array]:
    return [value.array for value in values if value.is_literal]


def _meeting_of(values: Sequence[Value]) -> tuple[str, bool]:
    """Return what :func:`binfeed.promotion.meeting` does, for values that have a type in common."""
    is_computing = any(value.is_computed for value in values)
    found = meeting(_types_of(values), _literals_of(values), is_computing=is_computing)
    assert found is not None  # planning refuses what has none
    return found


_EXACT: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "//": lambda x, y: np.where(y == 0, 0, np.floor_divide(x, np.where(y == 0, 1, y))),
    "%": lambda x, y: np.where(y == 0, 0, np.remainder(x, np.where(y == 0, 1, y))),
}
_IN_NUMPY: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.remainder,
    "**": np.power,
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "&": np.bitwise_and,
    "|": np.bitwise_or,
    "^": np.bitwise_xor,
}
