"""Features become a plan for the C++ core: columns of elements, and the chain of operations on each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed._core import Packing, Program
from binfeed.element_types import OUTPUT_TYPES, value_dtype
from binfeed.errors import FeatureError, LayoutError, shown
from binfeed.features import Feature
from binfeed.layout import Field, Layout
from binfeed.operations import (
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
from binfeed.window import Window

#: Types whose arithmetic is float32, see :func:`binfeed.reference.compute_dtype`.
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


@dataclass(frozen=True)
class ArraySpec:
    """The dtype and shape of one array of a sample, without the batch axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Output:
    """One array of a batch: ``[B, *shape]`` of ``dtype``."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        is_bytes = self.dtype.kind == "S" or self.dtype.type is np.void
        type_ = self.dtype.str[1:] if is_bytes else self.dtype.name
        return f"{self.name}: {type_}{list(self.shape) or ''}"


@dataclass(frozen=True)
class Plan:
    """What comes out, and the core's program that makes it."""

    outputs: Sequence[Output]
    program: Program


def plan_features(features: Mapping[str, Feature] | Feature, layout: Layout, window: Window | None = None) -> Plan:
    """Work out what ``features`` give for records of ``layout``, in windows if there are any.

    Raises:
        FeatureError: naming the feature that does not fit the layout.
    """
    program = Program()
    if isinstance(features, Feature):
        return Plan([_plan_output(program, None, features, layout, window)], program)
    return Plan([_plan_output(program, name, feature, layout, window) for name, feature in features.items()], program)


def _plan_output(program: Program, name: str | None, feature: Feature, layout: Layout, window: Window | None) -> Output:
    """Plan one feature; without a name it is the only one."""
    # What parameters become in the type that computes is checked, not warned of.
    with np.errstate(all="ignore"):
        chain = _Chain("the feature" if name is None else f"feature {shown(name)}", feature, layout)
    name = "feature" if name is None else name
    if feature.is_target and (window is None or window.target_offset is None):
        raise FeatureError(f"{chain.where} is a target: open() needs a window=Window(..., target_offset=...) for it")
    values = [column.add_to(program) for column in chain.columns]
    program.output(name=name, type=chain.columns[0].core_type, is_target=feature.is_target, values=values)
    time = () if window is None else window.shape(feature.is_target)
    return Output(name, value_dtype(chain.type), (*time, *chain.shape))


#: Adds a step to a program, given the value that goes in.
Step = Callable[..., int]


@dataclass
class _Column:
    """Elements of one field, and the operations on them so far.

    The values of an operand are flat, in the order of the elements.
    """

    source: Field
    type: str  # of the values so far
    positions: range | npt.NDArray[np.int64]  # of the elements among the field's; a range has step 1
    operations: list[tuple[Step, tuple[Any, ...]]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Field) -> _Column:
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


class _Chain:
    """Follows the operations of a feature over its columns: one of a field, several of a concatenation."""

    columns: list[_Column]
    shape: tuple[int, ...]  # of a record

    def __init__(self, where: str, feature: Feature, layout: Layout) -> None:
        self.where = where
        self.is_fixed = False  # whether elements can no longer be told from their positions in the record
        if isinstance(feature.source, str):
            try:
                source = layout[feature.source]
            except LayoutError as error:
                raise FeatureError(f"{self.where}: {error}") from None
            self.columns = [_Column.of(source)]
            self.shape = source.shape
        else:
            self.columns = []
            self.sizes: list[int] = []
            for part in feature.source:
                chain = _Chain(where, part, layout)
                chain.require_numbers("concat")
                chain.cast("float32")
                self.columns += chain.columns
                self.sizes += [math.prod(chain.shape)] if len(chain.columns) == 1 else chain.sizes
            self.shape = (sum(self.sizes),)
        self.is_computing = False
        self.result = "float32"
        for operation in feature.operations:
            self.apply(operation)
        if self.is_computing:
            self.cast(self.result)

    @property
    def type(self) -> str:
        return self.columns[0].type

    def apply(self, operation: Operation) -> None:
        """One operation on all columns."""
        if not isinstance(operation, Reshape | Transpose | Select | Codes):
            self.require_numbers(repr(operation).split("(")[0])
        match operation:
            case Reshape(shape):
                self.shape = self.reshaped(shape)
            case Transpose() | Select():
                self.rearrange(operation)
            case Cast(type_):
                self.cast(type_)
                self.result = type_ if "float" in type_ else "float32"
            case Scale(factor, offset):
                self.compute(operation, Program.multiply, factor)
                if offset is not None:
                    self.compute(operation, Program.add, offset)
            case Divide(by):
                self.compute(operation, Program.divide, by)
            case Standardize(mean, std):
                self.compute(operation, Program.subtract, mean)
                self.compute(operation, Program.divide, std)
            case MinMax(low, high):
                dtype = np.dtype(_compute_type(self.type))
                self.check_operand(operation, Program.subtract, high)
                spread = (high.astype(dtype) - low.astype(dtype)).astype(np.float64)
                self.compute(operation, Program.subtract, low)
                self.compute(operation, Program.divide, spread)
            case Log1p():
                self.add(Program.log1p, type_=_compute_type(self.type))
                self.is_computing = True
            case Clip(low, high):
                self.add(Program.clip, *self.clip_words(operation, low, high), type_=self.type)
            case Fill(value, missing):
                words = [self.sentinel_word(operation, missing), self.word(operation, value)]
                self.add(Program.fill, *words, type_=self.type)
            case IsMissing(missing):
                self.become(Program.is_missing, self.sentinel_word(operation, missing), type_="bool")
            case Bits():
                self.take_bits(operation)
            case Codes():
                self.look_up(operation)
            case OneHot(depth):
                if len(self.columns) > 1:
                    raise FeatureError(f"{self.where}: .one_hot() takes a feature, not what concat gives")
                self.become(Program.one_hot, depth, type_="float32")
                self.shape += (depth,)
                self.is_fixed = True

    def add(self, step: Step, *arguments: Any, type_: str) -> None:
        for column in self.columns:
            column.add(step, *arguments, type_=type_)

    def become(self, step: Step, *arguments: Any, type_: str) -> None:
        """An operation whose result has a dtype of its own."""
        self.add(step, *arguments, type_=type_)
        self.is_computing = False
        self.result = "float32"

    def cast(self, type_: str) -> None:
        self.add(Program.cast, type_, type_=type_)
        self.is_computing = False

    def compute(self, operation: Operation, step: Step, operand: npt.NDArray[np.float64]) -> None:
        self.check_operand(operation, step, operand)
        if operand.ndim > 0:
            try:
                operand = np.broadcast_to(operand, self.shape).ravel()
            except ValueError:
                raise FeatureError(
                    f"{self.where}: the parameter of shape {shown(operand.shape)} in .{operation!r} does not "
                    f"broadcast to a record's shape {shown(self.shape)}"
                ) from None
        begin = 0
        for column, size in zip(self.columns, self.column_sizes, strict=True):
            part = operand[begin : begin + size] if operand.ndim else operand
            column.add(step, part, type_=_compute_type(column.type))
            begin += size
        self.is_computing = True

    def check_operand(self, operation: Operation, step: Step, operand: npt.NDArray[np.float64]) -> None:
        """Parameters are used in the type that computes, where they may have become infinite or zero."""
        type_ = _compute_type(self.type)
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
                f"{self.where}: {float(operand[is_lost][0])!r} in .{operation!r} becomes {became} as {type_}, in "
                f"which {self.type} computes{remedy}"
            )

    @property
    def column_sizes(self) -> list[int]:
        """Values per record that each column gives."""
        return [math.prod(self.shape)] if len(self.columns) == 1 else self.sizes

    def reshaped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        try:
            # A view of one number: no memory, however large the shape.
            return np.broadcast_to(np.int8(0), self.shape).reshape(shape).shape
        except ValueError:
            raise FeatureError(
                f"{self.where}: a record of shape {shown(self.shape)} cannot be reshaped to {shown(shape)}"
            ) from None

    def rearrange(self, operation: Transpose | Select) -> None:
        written = repr(operation) if isinstance(operation, Select) else f".{operation!r}"
        try:
            elements = _numbered(self.shape)
            taken = _taken(elements, operation)
        except (ValueError, IndexError) as error:
            hint = "" if isinstance(operation, Select) else "; the batch axis is not counted"
            raise FeatureError(
                f"{self.where}: {written} does not fit a record of shape {shown(self.shape)}: {error}{hint}"
            ) from None
        self.shape = taken.shape
        if taken.size == elements.size and taken.flags.c_contiguous:
            return
        if len(self.columns) > 1 or self.is_fixed:
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

    def require_numbers(self, operation: str) -> None:
        for column in self.columns:
            if column.type not in OUTPUT_TYPES:
                kind = "complex" if np.dtype(column.type).kind == "c" else "bytes"
                raise FeatureError(
                    f"{self.where}: field {shown(column.source.name)} is {kind} ({column.type}), "
                    f"which .{operation}() does not take"
                )

    def word(self, operation: Operation, value: float) -> int:
        """A number as the bits of the type that it is compared with or put among."""
        if self.type == "bool":
            raise FeatureError(f"{self.where}: .{operation!r} does not take bools")
        dtype: np.dtype[Any] = np.dtype(np.float32) if self.type in _HALVES else np.dtype(self.type)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if not limits.min <= value <= limits.max or value != int(value):
                raise FeatureError(f"{self.where}: {shown(value)} in .{operation!r} is no {self.type}")
            value = int(value)
        # As the type first, which may be a half: the sentinel 0.1 is what 0.1 became in the file.
        exact = np.array(value).astype(value_dtype(self.type)).astype(dtype)
        is_exact = isinstance(operation, Clip) or "float" not in self.type or not math.isfinite(value)
        if not is_exact and _is_lost(value, float(exact)):
            raise FeatureError(f"{self.where}: {shown(value)} in .{operation!r} is none that {self.type} holds")
        return int.from_bytes(exact.tobytes(), "little")

    def sentinel_word(self, operation: Operation, missing: float | None) -> int:
        if missing is not None:
            return self.word(operation, missing)
        if "float" not in self.type:
            raise FeatureError(f"{self.where}: {self.type} has no NaN; say which value is missing: .{operation!r}")
        return self.word(operation, math.nan)

    def clip_words(self, operation: Operation, low: float | None, high: float | None) -> list[int]:
        """The bounds; one that is None, or beyond what the type holds, is the type's own."""
        if "float" in self.type:
            bounds = [-math.inf if low is None else low, math.inf if high is None else high]
        elif self.type == "bool":
            raise FeatureError(f"{self.where}: .{operation!r} does not take bools")
        else:
            limits = np.iinfo(self.type)
            bounds = [limits.min if low is None else low, limits.max if high is None else high]
            if any(bound not in (-math.inf, math.inf) and bound != int(bound) for bound in bounds):
                raise FeatureError(f"{self.where}: the bounds of .{operation!r} must be whole numbers for {self.type}")
            bounds = [max(limits.min, min(limits.max, bound)) for bound in bounds]
        return [self.word(operation, bound) for bound in bounds]

    def take_bits(self, operation: Bits) -> None:
        if "int" not in self.type:
            raise FeatureError(f"{self.where}: .{operation!r} takes integers, not {self.type}")
        column = self.columns[0]
        is_source = not column.operations
        width = column.source.type.bits if is_source else np.dtype(self.type).itemsize * 8
        if operation.start + operation.width > width:
            raise FeatureError(f"{self.where}: .{operation!r} leaves an integer of {width} bits")
        size = np.dtype(self.type).itemsize * 8
        arguments = operation.start, operation.width, operation.signed
        self.become(Program.bits, *arguments, type_=f"{'' if operation.signed else 'u'}int{size}")
        self.cast(operation.dtype)

    def look_up(self, operation: Codes) -> None:
        column = self.columns[0]
        is_bytes = self.type not in OUTPUT_TYPES and np.dtype(self.type).kind == "S"
        size = np.dtype(self.type).itemsize if is_bytes else 1
        if (is_bytes and size > 8) or (not is_bytes and self.type not in ("int8", "uint8")):
            raise FeatureError(
                f"{self.where}: .codes() takes fixed bytes of up to 8, or integers of one byte, "
                f"not {shown(column.source.name)} of {self.type}"
            )
        pairs: dict[int, int] = {}
        for key, code in operation.codes:
            if isinstance(key, bytes) != is_bytes:
                raise FeatureError(f"{self.where}: {shown(key)} in .codes() is no value of {self.type}")
            if isinstance(key, bytes):
                if len(key) > size:
                    raise FeatureError(f"{self.where}: {shown(key)} in .codes() is longer than {self.type}")
                word = int.from_bytes(key, "little")
            else:
                word = self.word(operation, key)
            if pairs.setdefault(word, code) != code:
                raise FeatureError(f"{self.where}: {shown(key)} has two codes in .codes(): {pairs[word]} and {code}")
        keys = sorted(pairs)
        self.become(Program.codes, size, keys, [pairs[key] for key in keys], operation.default, type_="int32")


def _numbered(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """An array of one byte each, whose elements are told by their addresses: it has no memory, however large."""
    strides = [math.prod(max(side, 1) for side in shape[axis + 1 :]) for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), shape, strides)


def _taken(elements: npt.NDArray[np.uint8], operation: Transpose | Select) -> npt.NDArray[np.uint8]:
    """A view of the elements that the operation takes."""
    if isinstance(operation, Transpose):
        return elements.transpose(operation.axes)
    # An ellipsis makes a view of a single element as well.
    index = operation.index
    view: npt.NDArray[np.uint8] = elements[index if Ellipsis in index else (*index, Ellipsis)]
    return view


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _is_lost(value: float, held: float) -> bool:
    """Whether a finite number became one for which nobody takes it; floats are rounded, ints are not."""
    return not math.isfinite(held) or (held == 0) != (value == 0) or (isinstance(value, int) and held != value)


def _compute_type(type_: str) -> str:
    return "float32" if type_ in _NARROW else "float64"
