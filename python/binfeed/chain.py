"""Chains: the columns of elements that a feature is made of, and the operations on each of them so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed._core import Packing, Program
from binfeed.element_types import OUTPUT_TYPES, value_dtype
from binfeed.errors import FeatureError, shown
from binfeed.layout import Field
from binfeed.values import comparable_dtype

#: Types whose arithmetic is in float32: see :func:`binfeed.values.compute_dtype`.
_NARROW = ("bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32")
_PACKINGS = {
    "": Packing.NONE,
    "low first": Packing.LOW_FIRST,
    "high first": Packing.HIGH_FIRST,
    "wfdb212": Packing.WFDB212,
}
#: The core keeps the offsets of scattered elements in 32 bits.
_MAX_OFFSET = 2**32 - 1
#: Scattered elements are listed one by one, here and in the program, where 2^28 of them take 1 GiB.
_MAX_SCATTERED = 2**28


Elements = npt.NDArray[np.uint8]

#: A method of :class:`Program` that adds a step, takes the number of its input value and returns that of its result.
Step = Callable[..., int]


@dataclass
class Column:
    """Elements of one field, and the operations on them so far.

    Attributes:
        source: the field.
        type: the type of the values so far.
        positions: the positions of the elements within the field; a range has step 1.
        operations: the steps, with their arguments. An operand that is an array has one value per element, in the order
            of the elements.
        validity: the bool that is false where there is no value; None where there always is one.
    """

    source: Field
    type: str
    positions: range | npt.NDArray[np.int64]
    operations: list[tuple[Step, tuple[Any, ...]]] = field(default_factory=list)
    validity: Field | None = None

    @classmethod
    def of(cls, source: Field) -> Column:
        return cls(source, source.type.value, range(source.elements), validity=source.validity)

    def add(self, step: Step, *arguments: Any, type_: str) -> None:
        self.operations.append((step, arguments))
        self.type = type_

    def select(self, order: slice | npt.NDArray[np.int64]) -> None:
        """Keep the elements that ``order`` lists by number, in its order, and likewise the values of the operands."""
        if isinstance(order, slice):
            self.positions = self.positions[order]
        elif isinstance(self.positions, range):
            self.positions = order + self.positions.start
        else:
            self.positions = self.positions[order]
        self.operations = [
            (step, tuple(argument[order] if _is_per_element(argument) else argument for argument in arguments))
            for step, arguments in self.operations
        ]

    @property
    def core_source(self) -> tuple[str, int]:
        """The type and number of the parts of an element in the core: a ``c8`` is two float32, an ``S5`` five uint8."""
        type_ = self.source.type
        if type_.is_number:
            return type_.value if type_.packing else type_.name, 1
        dtype = np.dtype(type_.value)
        return (f"float{dtype.itemsize * 4}", 2) if dtype.kind == "c" else ("uint8", dtype.itemsize)

    @property
    def core_type(self) -> str:
        """The type that the values have in the core: that of their parts if they are bytes or complex numbers."""
        return self.type if self.type in OUTPUT_TYPES else self.core_source[0]

    def add_to(self, program: Program) -> int:
        """Add the steps of the column to ``program``, and return the number of the value that they give."""
        core_type, parts = self.core_source
        type_ = self.source.type
        first, offsets = self._place(core_type, parts)
        value = program.load(
            source=self.source.source,
            type=core_type,
            is_swapped=type_.is_swapped,
            offset=self.source.offset + first,
            elements=len(self.positions) * parts,
            offsets=offsets,
            packing=_PACKINGS[type_.packing],
            packed_bits=type_.bits if type_.packing else 0,
            packed_elements=self.source.elements if type_.packing else 0,
        )
        for step, arguments in self.operations:
            value = step(program, value, *arguments)
        return value

    def fill_null(self, words: Sequence[int]) -> None:
        """Put ``words`` in place of values that are not there: one for all elements, or one for each."""
        if self.validity is not None:
            self.add(_coalesce, self.validity, words, type_=self.type)
            self.validity = None

    def become_null(self) -> None:
        """Tell, for each element, whether it is not there."""
        if self.validity is None:
            raise ValueError("the values are always there")
        self.add(_is_null, self.validity, len(self.positions), type_="bool")
        self.validity = None

    def _place(self, core_type: str, parts: int) -> tuple[int, npt.NDArray[np.uint32]]:
        """Return where the elements begin in the field, and the offsets of all their parts from there.

        The list of offsets is empty if the parts are contiguous.
        """
        source, positions = self.source, self.positions
        is_packed = bool(source.type.packing)
        part_bytes = source.type.bytes // parts
        # Packed elements are unpacked all together, and then looked up.
        is_plain = source.is_contiguous and (not is_packed or len(positions) == source.elements)
        if is_plain and isinstance(positions, range):
            return 0 if is_packed else positions.start * source.type.bytes, np.empty(0, np.uint32)
        where = f"field {shown(source.name)}"
        _require_listable(where, len(positions) * parts)
        numbers = np.arange(positions.start, positions.stop) if isinstance(positions, range) else positions
        offsets = numbers * np.dtype(core_type).itemsize if is_packed else source.offsets_of(numbers)
        if parts > 1:
            offsets = (offsets[:, np.newaxis] + np.arange(parts) * part_bytes).ravel()
        if offsets.size and offsets.max() > _MAX_OFFSET:
            raise FeatureError(f"{where}: elements that are not contiguous must lie within 4 GiB")
        return 0, offsets.astype(np.uint32)


def _coalesce(program: Program, value: int, validity: Field, words: Sequence[int]) -> int:
    return program.coalesce(value, _load_validity(program, validity, "bool", 1), words)


def _is_null(program: Program, _value: int, validity: Field, elements: int) -> int:
    return program.is_missing(_load_validity(program, validity, "uint8", elements), 0)


def _load_validity(program: Program, validity: Field, type_: str, elements: int) -> int:
    """Add a step that loads ``elements`` copies of the bool."""
    return program.load(
        source=validity.source,
        type=type_,
        is_swapped=False,
        offset=validity.offset,
        elements=elements,
        offsets=np.zeros(elements if elements != 1 else 0, np.uint32),
        packing=Packing.NONE,
        packed_bits=0,
        packed_elements=0,
    )


def _require_listable(where: str, elements: int) -> None:
    if elements > _MAX_SCATTERED:
        raise FeatureError(
            f"{where}: {elements} elements that are not contiguous have to be looked up one by one, which works for at "
            "most 2^28"
        )


def _is_per_element(argument: Any) -> bool:
    return isinstance(argument, np.ndarray) and argument.dtype == np.float64 and argument.size > 1


class Chain:
    """The columns of a feature, one for a field and several for a concatenation, to which operations are added.

    Attributes:
        where: the feature, as errors name it.
        columns: the columns, side by side.
        shape: the shape of the values of a record.
        is_computing: whether the values come from arithmetic that is not rounded yet.
        result: the dtype to which arithmetic is rounded in the end.
    """

    columns: list[Column]
    shape: tuple[int, ...]

    def __init__(self, where: str, columns: list[Column], shape: tuple[int, ...], sizes: list[int]) -> None:
        self.where = where
        self.columns = columns
        self.shape = shape
        self.is_computing = False
        self.result = "float32"
        self._sizes = sizes
        self._is_fixed = False  # whether values no longer correspond to elements of the record, one to one

    @classmethod
    def of_field(cls, where: str, source: Field) -> Chain:
        """Begin a chain with the values of a field."""
        return cls(where, [Column.of(source)], source.shape, [source.elements])

    @classmethod
    def of_parts(cls, where: str, parts: list[Chain]) -> Chain:
        """Begin a chain with the values of several chains side by side, as float32."""
        for part in parts:
            part.require_numbers("concat")
            part.cast("float32")
        columns = [column for part in parts for column in part.columns]
        sizes = [size for part in parts for size in part.sizes]
        chain = cls(where, columns, (sum(sizes),), sizes)
        chain._is_fixed = any(part._is_fixed for part in parts)
        return chain

    @property
    def type(self) -> str:
        """The type of the values so far."""
        return self.columns[0].type

    def finish(self) -> None:
        """Round the values if they come from arithmetic."""
        if self.is_computing:
            self.cast(self.result)

    @property
    def sizes(self) -> list[int]:
        """The number of values that each column gives per record."""
        return [math.prod(self.shape)] if len(self.columns) == 1 else self._sizes

    def add(self, step: Step, *arguments: Any, type_: str) -> None:
        """Add a step to all columns; its results have the type ``type_``."""
        for column in self.columns:
            column.add(step, *arguments, type_=type_)

    def become(self, step: Step, *arguments: Any, type_: str) -> None:
        """Add a step whose result needs no rounding, and has a type that no earlier cast determines."""
        self.add(step, *arguments, type_=type_)
        self.is_computing = False
        self.result = "float32"

    @property
    def is_nullable(self) -> bool:
        """Whether some values may not be there."""
        return any(column.validity is not None for column in self.columns)

    def fill_null(self, word: int) -> None:
        """Put ``word`` in place of values that are not there."""
        for column in self.columns:
            column.fill_null([word])

    def fill_bytes(self, written: str, value: bytes) -> None:
        """Put ``value`` in place of fixed bytes that are not there; ``written`` is the operation in errors."""
        column = self.columns[0]
        is_bytes = self.type not in OUTPUT_TYPES and np.dtype(self.type).kind == "S"
        if not is_bytes:
            raise FeatureError(f"{self.where}: .{written} is for text, but the values are {self.type}: give a number")
        if column.validity is None:
            raise FeatureError(f"{self.where}: .{written} replaces NULL, which only columns of tables have")
        size = np.dtype(self.type).itemsize
        if len(value) > size:
            raise FeatureError(f"{self.where}: {shown(value)} in .{written} is longer than {self.type}")
        column.fill_null(list(value.ljust(size, b"\0")) * len(column.positions))

    def become_null(self) -> None:
        """Tell where values are not there."""
        for column in self.columns:
            column.become_null()
        self.is_computing = False
        self.result = "float32"

    def cast(self, type_: str) -> None:
        """Convert the values to ``type_``, which also rounds the results of arithmetic."""
        self.add(Program.cast, type_, type_=type_)
        self.is_computing = False

    def compute(self, written: str, step: Step, operand: npt.NDArray[np.float64]) -> None:
        """Add arithmetic with one operand, or with one per element; ``written`` is the operation as errors show it."""
        self.check_operand(written, step, operand)
        if operand.ndim > 0:
            try:
                operand = np.broadcast_to(operand, self.shape).ravel()
            except ValueError:
                raise FeatureError(
                    f"{self.where}: the parameter of shape {shown(operand.shape)} in .{written} does not "
                    f"broadcast to a record's shape {shown(self.shape)}"
                ) from None
        begin = 0
        for column, size in zip(self.columns, self.sizes, strict=True):
            part = operand[begin : begin + size] if operand.ndim else operand
            column.add(step, part, type_=compute_type(column.type))
            begin += size
        self.is_computing = True

    def check_operand(self, written: str, step: Step, operand: npt.NDArray[np.float64]) -> None:
        """Check that an operand is still usable in the type that arithmetic computes in.

        Raises:
            FeatureError: if rounding makes it infinite, or makes a factor or divisor zero.
        """
        type_ = compute_type(self.type)
        rounded = operand.astype(type_)
        is_lost = ~np.isfinite(rounded)
        if step is Program.divide:
            is_lost |= rounded == 0
        elif step is Program.multiply:  # by zero only where the user wrote zero
            is_lost |= (rounded == 0) & (operand != 0)
        if is_lost.any():
            became = "zero" if (rounded[is_lost] == 0).all() else "infinite"
            remedy = '; put .cast("float64") before it' if type_ == "float32" else ""
            raise FeatureError(
                f"{self.where}: {float(operand[is_lost][0])!r} in .{written} becomes {became} as {type_}, the type in "
                f"which arithmetic on {self.type} computes{remedy}"
            )

    def reshape(self, shape: tuple[int, ...]) -> None:
        """Give a record's values another shape."""
        try:
            # A view of one number: no memory, however large the shape.
            self.shape = np.broadcast_to(np.int8(0), self.shape).reshape(shape).shape
        except ValueError:
            raise FeatureError(
                f"{self.where}: a record of shape {shown(self.shape)} cannot be reshaped to {shown(shape)}"
            ) from None

    def rearrange(self, written: str, view: Callable[[Elements], Elements], hint: str = "") -> None:
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
        if len(self.columns) > 1 or self._is_fixed:
            before = "concat" if len(self.columns) > 1 else "one_hot"
            raise FeatureError(f"{self.where}: {written} must come before {before}, not after it")
        first = _address(taken) - _address(elements)
        if taken.flags.c_contiguous:
            self.columns[0].select(slice(first, first + taken.size))
            return
        _require_listable(f"{self.where}: {written}", taken.size)
        order = np.full((), first)
        for side, stride in zip(taken.shape, taken.strides, strict=True):
            order = order[..., np.newaxis] + np.arange(side) * stride
        self.columns[0].select(order.ravel())

    def append_axis(self, size: int) -> None:
        """Add a last axis, along which a step has made ``size`` values of each one."""
        self.shape += (size,)
        self._is_fixed = True

    def require_numbers(self, operation: str) -> None:
        """Check that the values are numbers.

        Raises:
            FeatureError: naming the field, if they are bytes or complex numbers.
        """
        for column in self.columns:
            if column.type not in OUTPUT_TYPES:
                kind = "complex" if np.dtype(column.type).kind == "c" else "bytes"
                raise FeatureError(
                    f"{self.where}: field {shown(column.source.name)} is {kind} ({column.type}), "
                    f"which .{operation}() does not take"
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


def compute_type(type_: str) -> str:
    """Return the type that arithmetic on values of ``type_`` computes in."""
    return "float32" if type_ in _NARROW else "float64"
