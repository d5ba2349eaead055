"""How a feature is worked out step by step: columns of elements, and what is done to each so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed._core import Packing, Program
from binfeed.element_types import OUTPUT_TYPES, value_dtype
from binfeed.errors import FeatureError, shown
from binfeed.layout import Field

#: Types whose arithmetic is float32, see :func:`binfeed.values.compute_dtype`.
_NARROW = ("bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float32")
_HALVES = ("float16", "bfloat16")
_PACKINGS = {
    "": Packing.NONE,
    "low first": Packing.LOW_FIRST,
    "high first": Packing.HIGH_FIRST,
    "wfdb212": Packing.WFDB212,
}
#: The core keeps the offsets of scattered elements in 32 bits.
_MAX_OFFSET = 2**32 - 1
#: Scattered elements are listed one by one, here and in the plan: 2^28 of them take 1 GiB there.
_MAX_SCATTERED = 2**28


Elements = npt.NDArray[np.uint8]

#: Adds a step to a program, given the value that goes in.
Step = Callable[..., int]


@dataclass
class Column:
    """Elements of one field, and the operations on them so far.

    The values of an operand are flat, in the order of the elements.
    """

    source: Field
    type: str  # of the values so far
    positions: range | npt.NDArray[np.int64]  # of the elements among the field's; a range has step 1
    operations: list[tuple[Step, tuple[Any, ...]]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Field) -> Column:
        return cls(source, source.type.value, range(source.elements))

    def add(self, step: Step, *arguments: Any, type_: str) -> None:
        self.operations.append((step, arguments))
        self.type = type_

    def select(self, order: slice | npt.NDArray[np.int64]) -> None:
        """Take some elements that follow each other, or any in another order; so must the operands."""
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
        """What the core takes an element of the source for: the type and number of its parts."""
        type_ = self.source.type
        if type_.is_number:
            return type_.value if type_.packing else type_.name, 1
        dtype = np.dtype(type_.value)
        return (f"float{dtype.itemsize * 4}", 2) if dtype.kind == "c" else ("uint8", dtype.itemsize)

    @property
    def core_type(self) -> str:
        """The type of the values that come out, in the core's terms."""
        return self.type if self.type in OUTPUT_TYPES else self.core_source[0]

    def add_to(self, program: Program) -> int:
        """Add the steps of the column to a program: elements of several parts become that many elements."""
        core_type, parts = self.core_source
        type_ = self.source.type
        first, offsets = self._place(core_type, parts)
        value = program.load(
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

    def _place(self, core_type: str, parts: int) -> tuple[int, npt.NDArray[np.uint32]]:
        """The offset of the first element, and from there that of each part of each; none if they are contiguous."""
        source, positions = self.source, self.positions
        is_packed = bool(source.type.packing)
        part_bytes = source.type.bytes // parts
        # Packed ones are unpacked all together, and then looked up.
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
            raise FeatureError(f"{where}: elements that are not contiguous lie within 4 GiB, not beyond")
        return 0, offsets.astype(np.uint32)


def _require_listable(where: str, elements: int) -> None:
    if elements > _MAX_SCATTERED:
        raise FeatureError(
            f"{where}: {elements} elements that do not follow each other are more than 2^28, which is as many as are "
            "looked up one by one"
        )


def _is_per_element(argument: Any) -> bool:
    return isinstance(argument, np.ndarray) and argument.dtype == np.float64 and argument.size > 1


class Chain:
    """Follows the operations of a feature over its columns: one of a field, several of a concatenation."""

    columns: list[Column]
    shape: tuple[int, ...]  # of a record

    def __init__(self, where: str, columns: list[Column], shape: tuple[int, ...], sizes: list[int]) -> None:
        self.where = where
        self.columns = columns
        self.shape = shape
        self.is_computing = False
        self.result = "float32"
        self._sizes = sizes
        self._is_fixed = False  # whether elements can no longer be told from their positions in the record

    @classmethod
    def of_field(cls, where: str, source: Field) -> Chain:
        """The beginning of a chain: the values of a field."""
        return cls(where, [Column.of(source)], source.shape, [source.elements])

    @classmethod
    def of_parts(cls, where: str, parts: list[Chain]) -> Chain:
        """The values of several chains side by side, as float32."""
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
        return self.columns[0].type

    def finish(self) -> None:
        """Round what arithmetic has left."""
        if self.is_computing:
            self.cast(self.result)

    @property
    def sizes(self) -> list[int]:
        """The number of values that each column gives per record."""
        return [math.prod(self.shape)] if len(self.columns) == 1 else self._sizes

    def add(self, step: Step, *arguments: Any, type_: str) -> None:
        """Add a step to all columns, whose values have ``type_`` then."""
        for column in self.columns:
            column.add(step, *arguments, type_=type_)

    def become(self, step: Step, *arguments: Any, type_: str) -> None:
        """Add a step whose result has a dtype of its own."""
        self.add(step, *arguments, type_=type_)
        self.is_computing = False
        self.result = "float32"

    def cast(self, type_: str) -> None:
        """Make the values ones of ``type_``, which rounds what was computed."""
        self.add(Program.cast, type_, type_=type_)
        self.is_computing = False

    def compute(self, written: str, step: Step, operand: npt.NDArray[np.float64]) -> None:
        """Add arithmetic with one operand, or one per element; errors call the operation as it is ``written``."""
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
        """Parameters are used in the type that computes, where they may have become infinite or zero."""
        type_ = compute_type(self.type)
        rounded = operand.astype(type_)
        is_lost = ~np.isfinite(rounded)
        if step is Program.divide:
            is_lost |= rounded == 0
        elif step is Program.multiply:  # by zero only where that was asked for
            is_lost |= (rounded == 0) & (operand != 0)
        if is_lost.any():
            became = "zero" if (rounded[is_lost] == 0).all() else "infinite"
            remedy = '; put .cast("float64") before it' if type_ == "float32" else ""
            raise FeatureError(
                f"{self.where}: {float(operand[is_lost][0])!r} in .{written} becomes {became} as {type_}, in "
                f"which {self.type} computes{remedy}"
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
        """Take the elements of a record that ``view`` takes of an array in its shape."""
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
        """Note that every value has become ``size`` of them."""
        self.shape += (size,)
        self._is_fixed = True

    def require_numbers(self, operation: str) -> None:
        """Raise FeatureError unless the values are numbers."""
        for column in self.columns:
            if column.type not in OUTPUT_TYPES:
                kind = "complex" if np.dtype(column.type).kind == "c" else "bytes"
                raise FeatureError(
                    f"{self.where}: field {shown(column.source.name)} is {kind} ({column.type}), "
                    f"which .{operation}() does not take"
                )

    def word(self, written: str, value: float, *, may_round: bool = False) -> int:
        """A number as the bits of the type that it is compared with or put among."""
        if self.type == "bool":
            raise FeatureError(f"{self.where}: .{written} does not take bools")
        dtype: np.dtype[Any] = np.dtype(np.float32) if self.type in _HALVES else np.dtype(self.type)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if not limits.min <= value <= limits.max or value != int(value):
                raise FeatureError(f"{self.where}: {shown(value)} in .{written} is no {self.type}")
            value = int(value)
        # As the type first, which may be a half: the sentinel 0.1 is what 0.1 became in the file.
        exact = np.array(value).astype(value_dtype(self.type)).astype(dtype)
        is_checked = "float" in self.type and math.isfinite(value) and not may_round
        if is_checked and _is_lost(value, float(exact)):
            raise FeatureError(f"{self.where}: {shown(value)} in .{written} is none that {self.type} holds")
        return int.from_bytes(exact.tobytes(), "little")

    def sentinel_word(self, written: str, missing: float | None) -> int:
        """The bits of a sentinel, or of NaN if there is none."""
        if missing is not None:
            return self.word(written, missing)
        if "float" not in self.type:
            raise FeatureError(f"{self.where}: {self.type} has no NaN; say which value is missing: .{written}")
        return self.word(written, math.nan)


def _numbered(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """An array of one byte each, whose elements are told by their addresses: it has no memory, however large."""
    strides = [math.prod(max(side, 1) for side in shape[axis + 1 :]) for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), shape, strides)


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _is_lost(value: float, held: float) -> bool:
    """Whether a finite number became one for which nobody takes it; floats are rounded, ints are not."""
    return not math.isfinite(held) or (held == 0) != (value == 0) or (isinstance(value, int) and held != value)


def compute_type(type_: str) -> str:
    """The type that arithmetic on values of a type computes in."""
    return "float32" if type_ in _NARROW else "float64"
