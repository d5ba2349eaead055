"""Chains: the columns of values that a feature is made of, and the operations on them so far."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed._core import Combination, Function, Program
from binfeed.element_types import OUTPUT_TYPES, value_dtype
from binfeed.errors import FeatureError, shown
from binfeed.layout import Field
from binfeed.nodes import (
    Applied,
    Constants,
    Elements,
    Filled,
    FirstFilled,
    Node,
    Step,
    call,
    cast_to,
    loaded_validity,
    require_listable,
)
from binfeed.promotion import compute_type
from binfeed.values import comparable_dtype

#: A view of an array that numbers the values of a record.
Numbered = npt.NDArray[np.uint8]


class Chain:
    """The columns of a feature, one for a field and several for a concatenation, to which operations are added.

    Attributes:
        where: the feature, as errors name it.
        columns: the columns, side by side.
        shape: the shape of the values of a record.
        is_computing: whether the values come from arithmetic that is not rounded yet.
        result: the dtype to which arithmetic is rounded in the end.
        is_cumulative: whether the values are added up within a window in the end.
    """

    def __init__(self, where: str, columns: Sequence[Node], shape: tuple[int, ...]) -> None:
        self.where = where
        self.columns = list(columns)
        self.shape = shape
        self.is_computing = False
        self.result = "float32"
        self.is_cumulative = False

    @classmethod
    def of_field(cls, where: str, source: Field) -> Chain:
        """Begin a chain with the values of a field."""
        return cls(where, [Elements(source)], source.shape)

    def copy(self) -> Chain:
        """Return a chain to which operations can be added without changing this one."""
        return copy.copy(self)

    @property
    def type(self) -> str:
        """The type of the values so far."""
        return self.columns[0].type

    def finish(self) -> None:
        """Round the values if they come from arithmetic."""
        if self.is_computing:
            self.cast(self.result)

    def add(self, step: Step, *, type_: str) -> None:
        """Add a step to all columns; its results have the type ``type_``."""
        self.columns = [Applied(step, [column], type_) for column in self.columns]

    def settle(self) -> None:
        """Say that the values need no rounding, and have a type that no earlier cast determines."""
        self.is_computing = False
        self.result = "float32"

    def become(self, step: Step, *, type_: str) -> None:
        """Add a step whose result needs no rounding, and has a type that no earlier cast determines."""
        self.add(step, type_=type_)
        self.settle()

    def spread(self, step: Step, depth: int, *, group: int | None = None) -> None:
        """Add a step that makes ``depth`` float32, the last axis, of each value, or of each group along that axis."""
        (column,) = self.columns
        self.shape = (*(self.shape if group is None else self.shape[:-1]), depth)
        self.columns = [Applied(step, [column], "float32", column.elements // (group or 1) * depth)]
        self.settle()

    def map(self, function: Function, *, type_: str | None = None) -> None:
        """Add a function of each value; without a type, its results keep that of the values."""
        self.add(call(Program.map, function), type_=type_ or self.type)

    @property
    def is_nullable(self) -> bool:
        """Whether some values may not be there."""
        return any(column.validity for column in self.columns)

    def fill_null(self, word: int) -> None:
        """Put ``word`` in place of values that are not there."""
        self._require_own_nulls()
        self.columns = [_filled(column, lambda _: [word]) for column in self.columns]

    def fill_bytes(self, written: str, value: bytes) -> None:
        """Put ``value`` in place of fixed bytes that are not there; ``written`` is the operation in errors."""
        (column,) = self.columns
        if not self.is_bytes:
            raise FeatureError(f"{self.where}: .{written} is for text, but the values are {self.type}: give a number")
        if not column.validity:
            raise FeatureError(f"{self.where}: .{written} replaces NULL, which only columns of tables have")
        size = np.dtype(self.type).itemsize
        if len(value) > size:
            raise FeatureError(f"{self.where}: {shown(value)} in .{written} is longer than {self.type}")
        words = list(value.ljust(size, b"\0"))
        self.columns = [_filled(column, lambda elements: words * elements)]

    def become_null(self) -> None:
        """Tell where values are not there."""
        self._require_own_nulls()
        self.columns = [_null(column) for column in self.columns]
        self.settle()

    def _require_own_nulls(self) -> None:
        """Check that no values come from records before, whose own may not have been there."""
        if any(column.validity and column.looks_back for column in self.columns):
            raise FeatureError(f"{self.where}: .fill() and .is_missing() must come before what depends on rows before")

    @property
    def is_bytes(self) -> bool:
        """Whether the values are fixed bytes, rather than numbers."""
        return self.type not in OUTPUT_TYPES and np.dtype(self.type).kind == "S"

    @property
    def is_integer(self) -> bool:
        """Whether the values are integers; bools are not."""
        return "int" in self.type

    @property
    def history(self) -> int:
        """How many records before a record its values depend on."""
        return max(column.history for column in self.columns)

    def fill_first(self, written: str, value: float) -> None:
        """Put a number in place of values that depend on records before the start of a file.

        A record's values are replaced together, also those of a concat that have all they depend on; ``written`` is the
        operation as errors show it.

        Raises:
            FeatureError: if the type cannot represent the number.
        """
        self.require_numbers(f".{written}")
        if self.type == "bool" and value not in (0, 1):
            raise FeatureError(f"{self.where}: {shown(value)} in .{written} cannot be represented as bool")
        word = int(value) if self.type == "bool" else self.word(written, value)
        records = self.history
        if records > 0:
            self.columns = [FirstFilled(column, records, word) for column in self.columns]

    def cast(self, type_: str) -> None:
        """Convert the values to ``type_``, which also rounds the results of arithmetic."""
        self.columns = [cast_to(column, type_) for column in self.columns]
        self.is_computing = False

    def compute(self, written: str, combination: Combination, operand: npt.NDArray[np.float64]) -> None:
        """Add float arithmetic with a constant; ``written`` is the operation as errors show it.

        Raises:
            FeatureError: if rounding makes the constant infinite, or makes a factor or divisor zero.
        """
        rounded = self.rounded(written, combination, operand)
        if operand.ndim and not _broadcasts(operand.shape, self.shape):
            raise FeatureError(
                f"{self.where}: the parameter of shape {shown(operand.shape)} in .{written} does not "
                f"broadcast to a record's shape {shown(self.shape)}"
            )
        constant = Chain(self.where, [Constants(rounded.ravel())], operand.shape)
        step = call(Program.combine, combination)
        self.columns = joined(f".{written}", step, [self, constant], compute_type(self.type)).columns
        self.is_computing = True

    def rounded(
        self, written: str, combination: Combination, operand: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32 | np.float64]:
        """Return an operand in the type that arithmetic on the values computes in; raise as :meth:`compute` does."""
        type_ = compute_type(self.type)
        rounded: npt.NDArray[np.float32 | np.float64] = operand.astype(type_)
        is_lost = ~np.isfinite(rounded)
        if combination is Combination.DIVIDE:
            is_lost |= rounded == 0
        elif combination is Combination.MULTIPLY:  # by zero only where the user wrote zero
            is_lost |= (rounded == 0) & (operand != 0)
        if is_lost.any():
            became = "zero" if (rounded[is_lost] == 0).all() else "infinite"
            remedy = '; put .cast("float64") before it' if type_ == "float32" else ""
            raise FeatureError(
                f"{self.where}: {float(operand[is_lost][0])!r} in .{written} becomes {became} as {type_}, the type in "
                f"which arithmetic on {self.type} computes{remedy}"
            )
        return rounded

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give a record's values another shape."""
        try:
            # A view of one number: no memory, however large the shape.
            self.shape = np.broadcast_to(np.int8(0), self.shape).reshape(shape).shape
        except ValueError:
            raise FeatureError(
                f"{self.where}: a record of shape {shown(self.shape)} cannot be reshaped to {shown(shape)}"
            ) from None

    def rearrange(self, written: str, view: Callable[[Numbered], Numbered], hint: str = "") -> None:
        """Keep the elements of a record that ``view`` selects from an array of its shape, in the order of the view."""
        try:
            elements = _numbered(self.shape)
            taken = view(elements)
        except (ValueError, IndexError) as error:
            raise FeatureError(
                f"{self.where}: {written} does not fit a record of shape {shown(self.shape)}: {error}{hint}"
            ) from None
        self.shape = taken.shape
        if taken.size == elements.size and taken.flags.c_contiguous:
            return
        column = self.columns[0]
        if len(self.columns) > 1 or column.is_fixed:
            before = "concat" if len(self.columns) > 1 else "one_hot"
            raise FeatureError(f"{self.where}: {written} must come before {before}, not after it")
        first = _address(taken) - _address(elements)
        if taken.flags.c_contiguous:
            self.columns = [column.select(slice(first, first + taken.size))]
            return
        require_listable(f"{self.where}: {written}", taken.size)
        order = np.full((), first)
        for side, stride in zip(taken.shape, taken.strides, strict=True):
            order = order[..., np.newaxis] + np.arange(side) * stride
        self.columns = [column.select(order.ravel())]

    def broadcast(self, written: str, shape: tuple[int, ...]) -> None:
        """Repeat values so that a record has the given shape; a single value stays one, which stands for all."""
        if math.prod(self.shape) == 1 or self.shape == shape:
            return
        if math.prod(self.shape) == math.prod(shape):
            self.shape = shape
            return
        require_listable(f"{self.where}: {written}", math.prod(shape))
        self.rearrange(written, lambda numbered: np.broadcast_to(numbered, shape))

    def ends(self) -> list[int]:
        """Return where each column ends, as a number of values of the record."""
        return list(itertools.accumulate(column.elements for column in self.columns))

    def part(self, begin: int, end: int) -> Node:
        """Return values ``[begin, end)``, which lie in one column; a single value stands for all."""
        if math.prod(self.shape) == 1:
            return next(column for column in self.columns if column.elements == 1)
        for column, stop in zip(self.columns, self.ends(), strict=True):
            start = stop - column.elements
            if start <= begin and end <= stop:
                if start == begin and end == stop:
                    return column
                if column.is_fixed:
                    break
                return column.select(slice(begin - start, end - start))
        raise FeatureError(f"{self.where}: the parts of one concat do not fit those of the other; combine them before")

    def require_numbers(self, operation: str) -> None:
        """Check that the values are numbers; ``operation`` is what takes them in errors.

        Raises:
            FeatureError: naming the field, if they are bytes or complex numbers.
        """
        for column in self.columns:
            if column.type not in OUTPUT_TYPES:
                kind = "complex" if np.dtype(column.type).kind == "c" else "bytes"
                name = column.root.field.name if column.root else ""
                raise FeatureError(
                    f"{self.where}: field {shown(name)} is {kind} ({column.type}), which {operation} does not take"
                )

    def word(self, written: str, value: float, *, may_round: bool = False) -> int:
        """Return the bits of a number that values are compared with or replaced by, in the type of the values.

        Raises:
            FeatureError: if the type cannot represent it: integers exactly, floats without overflow or underflow.
        """
        if self.type == "bool":
            if self.is_nullable and value in (0, 1):
                return int(value)
            raise FeatureError(f"{self.where}: .{written} does not take bools")
        held = value_dtype(self.type)
        dtype = comparable_dtype(held)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if not limits.min <= value <= limits.max or value != int(value):
                raise FeatureError(f"{self.where}: {shown(value)} in .{written} cannot be represented as {self.type}")
            value = int(value)
        # Rounded to the type itself first: the sentinel 0.1 is what 0.1 became in a file of float16.
        exact = np.array(value).astype(held).astype(dtype)
        is_checked = "float" in self.type and math.isfinite(value) and not may_round
        if is_checked and _is_lost(value, float(exact)):
            raise FeatureError(f"{self.where}: {shown(value)} in .{written} cannot be represented as {self.type}")
        return int.from_bytes(exact.tobytes(), "little")

    def sentinel_word(self, written: str, missing: float | None) -> int:
        """Return the bits of a sentinel, or of NaN if there is none."""
        if missing is not None:
            if self.type == "bool":
                raise FeatureError(f"{self.where}: .{written} does not take bools")
            return self.word(written, missing)
        if "float" not in self.type:
            raise FeatureError(f"{self.where}: {self.type} has no NaN: give missing= in .{written}")
        return self.word(written, math.nan)


def _numbered(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return an array whose elements are one byte apart, so that addresses number them; it takes no memory."""
    strides = [math.prod(max(side, 1) for side in shape[axis + 1 :]) for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), shape, strides)


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _is_lost(value: float, held: float) -> bool:
    """Whether ``held`` no longer stands for the finite ``value``: floats may be rounded, ints must be exact."""
    return not math.isfinite(held) or (held == 0) != (value == 0) or (isinstance(value, int) and held != value)


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a shape broadcasts to another one."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _filled(column: Node, words: Callable[[int], list[int]]) -> Node:
    """Return a column with words, for its number of elements, in place of values that are not there."""
    if not column.validity:
        return column

    def step(program: Program, inputs: list[int], elements: int) -> int:
        validity = loaded_validity(program, column.validity, "bool", 1)
        return program.coalesce(inputs[0], validity, words(elements))

    return Filled(step, [column], column.type)


def _null(column: Node) -> Node:
    """Return where the values of a column are not there."""

    def step(program: Program, inputs: list[int], elements: int) -> int:
        return program.is_missing(loaded_validity(program, column.validity, "uint8", elements), 0)

    return Filled(step, [column], "bool")


def joined(written: str, step: Step, chains: Sequence[Chain], type_: str) -> Chain:
    """Return the chain of values that a step makes of those of several, one by one, broadcast over a record's shape.

    Raises:
        FeatureError: if the shapes do not broadcast; ``written`` is the operation as the error shows it.
    """
    where = chains[0].where
    try:
        shape = np.broadcast_shapes(*(chain.shape for chain in chains))
    except ValueError:
        shapes = " and ".join(shown(chain.shape) for chain in chains)
        raise FeatureError(f"{where}: the shapes {shapes} of a record's values in {written} do not broadcast") from None
    for chain in chains:
        chain.broadcast(written, shape)
    cuts = sorted({end for chain in chains if math.prod(chain.shape) != 1 for end in chain.ends()}) or [1]
    columns = [
        Applied(step, [chain.part(begin, end) for chain in chains], type_)
        for begin, end in zip([0, *cuts], cuts, strict=False)
    ]
    return Chain(where, columns, shape)
