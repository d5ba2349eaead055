"""What may be asked of binfeed, drawn by Hypothesis: records, features, files and orders, most of them valid.

What is drawn is plain data, which says where each value lies and what is done to it; ``tests.differential`` works out
from it what must come.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import binfeed as bf
import ml_dtypes
import numpy as np
from binfeed.element_types import OUTPUT_TYPES
from hypothesis import strategies as st

from tests.helpers import Array

# Types of single values.


@dataclass(frozen=True)
class Type:
    """How a value is spelled, how many bits of a record it takes, and the dtype that it comes out with."""

    spelling: str
    bits: int
    value: str

    @property
    def is_packed(self) -> bool:
        return self.bits % 8 != 0 or self.spelling[1:] in ("uint8", "int8")

    @property
    def is_number(self) -> bool:
        return self.value in OUTPUT_TYPES

    @property
    def order(self) -> str:
        return self.spelling[0] if self.spelling[0] in "<>" else "|"


def _of_numpy(spelling: str) -> Type:
    dtype = np.dtype(spelling)
    return Type(spelling, 8 * dtype.itemsize, dtype.str[1:] if dtype.kind in "SV" else dtype.name)


def _packed(order: str, sign: str, bits: int) -> Type:
    return Type(f"{order}{sign}int{bits}", bits, f"{sign}int{8 if bits < 8 else 16}")


NUMPY_TYPES = [
    *("?", "i1", "u1", "S1", "S5", "V3"),
    *(order + code for code in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16") for order in "<>"),
]
PACKED_BITS = [bits for bits in range(1, 16) if bits != 8]

#: Every type there is, by its spelling.
TYPES = {
    type_.spelling: type_
    for type_ in [
        *map(_of_numpy, NUMPY_TYPES),
        *(
            Type(f"{order}{sign}{size}", 8 * size, f"{'u' if sign == 'u' else ''}int{32 if size == 3 else 64}")
            for order in "<>"
            for sign in "ui"
            for size in (3, 5, 6, 7)
        ),
        *(Type(order + name, bits, value) for order in "<>" for name, bits, value in (
            ("bfloat16", 16, "bfloat16"), ("ibm32", 32, "float32")
        )),
        *(_packed(order, sign, bits) for order in "<>" for sign in ("u", "") for bits in PACKED_BITS),
        Type("wfdb212", 12, "int16"),
    ]
}  # fmt: skip
_BYTE_TYPES = [type_ for type_ in TYPES.values() if not type_.is_packed]
_PACKED_TYPES = [type_ for type_ in TYPES.values() if type_.is_packed]


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype of values that come out."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


# Records.


@dataclass(frozen=True)
class Member:
    """A field of a struct, which may be a struct itself; ``shape`` of them, ``strides`` apart or adjacent."""

    name: str
    content: Type | Struct
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        count = math.prod(self.shape)
        if isinstance(self.content, Struct):
            return count * self.content.size
        if not self.strides:
            return count * self.content.bits // 8
        return int(self.steps().max()) + self.content.bits // 8

    def steps(self) -> Array:
        """Bytes from the first to each, in the shape."""
        size = self.content.size if isinstance(self.content, Struct) else self.content.bits // 8
        if not self.strides:
            return np.arange(math.prod(self.shape)).reshape(self.shape) * size
        return np.asarray(np.tensordot(self.strides, np.indices(self.shape), 1))

    @property
    def spelling(self) -> str:
        assert isinstance(self.content, Type)
        return f"({','.join(map(str, self.shape))})" * bool(self.shape) + self.content.spelling


@dataclass(frozen=True)
class Struct:
    """Fields at their offsets, within ``size`` bytes."""

    members: tuple[Member, ...]
    size: int

    def dtype(self) -> np.dtype[Any]:
        formats = [
            (member.content.dtype() if isinstance(member.content, Struct) else member.content.spelling, member.shape)
            for member in self.members
        ]
        names, offsets = ([getattr(member, name) for member in self.members] for name in ("name", "offset"))
        return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": self.size})

    def as_dict(self) -> dict[str, Any]:
        return {
            member.name: (
                member.content.as_dict() if isinstance(member.content, Struct) else member.spelling,
                member.offset,
                *([list(member.strides)] if member.strides else []),
            )
            for member in self.members
        }


@dataclass(frozen=True)
class Leaf:
    """A field of numbers or bytes: where in the record each element begins, or all the packed ones together."""

    name: str
    type: Type
    shape: tuple[int, ...]
    offsets: Array


def leaves(struct: Struct, path: str = "", offsets: Array | None = None) -> Iterator[Leaf]:
    """The fields within a struct, which stands at ``offsets``."""
    begins = np.zeros((), np.int64) if offsets is None else offsets
    for member in struct.members:
        content = member.content
        name = f"{path}{member.name}"
        if isinstance(content, Type) and content.is_packed:
            yield Leaf(name, content, member.shape, begins + member.offset)
            continue
        steps = member.steps()
        elements = begins.reshape((*begins.shape, *[1] * steps.ndim)) + member.offset + steps
        if isinstance(content, Struct):
            yield from leaves(content, f"{name}.", elements)
        else:
            yield Leaf(name, content, elements.shape, elements)


_SHAPES = st.sampled_from([(), (), (), (1,), (3,), (7,), (2, 2), (2, 1, 3), (3, 5)])
_GAPS = st.sampled_from([0, 0, 0, 1, 3])


def packed_shapes(bits: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes whose elements have whole bytes together."""
    least = 8 // math.gcd(bits, 8)
    return st.sampled_from([(least,), (2, least), (3 * least,), (2, least // 2, 2) if least > 1 else (5,)])


@st.composite
def structs(draw: st.DrawFn, *, has_special: bool, depth: int = 0) -> Struct:
    """Structs of up to five fields: nested, padded, overlapping; ``has_special`` for types that NumPy has not."""
    types = _BYTE_TYPES if has_special else list(map(TYPES.__getitem__, NUMPY_TYPES))
    members: list[Member] = []
    end = 0
    for number in range(draw(st.integers(1, 3 if depth else 5))):
        kind = draw(st.integers(0, 9))
        content: Type | Struct
        strides: tuple[int, ...] = ()
        if kind == 0 and depth < 2:
            content = draw(structs(has_special=has_special, depth=depth + 1))
            shape = () if has_special else draw(st.sampled_from([(), (2,), (1, 3)]))
        elif kind <= 5 and has_special:
            content = draw(st.sampled_from(_PACKED_TYPES))
            shape = draw(packed_shapes(content.bits))
        else:
            content, shape = draw(st.sampled_from(types)), draw(_SHAPES)
            if has_special and draw(st.integers(0, 2)) == 0:
                strides = tuple(draw(st.integers(0, 2 * content.bits // 8 + 5)) for _ in shape)
        overlaps = depth == 0 and draw(st.integers(0, 15)) == 0
        member = Member(f"{'abcde'[number]}{depth}", content, shape, 0 if overlaps else end + draw(_GAPS), strides)
        end = max(end, member.offset + member.size)
        members.append(member)
    return Struct(tuple(members), end + draw(_GAPS) * (depth == 0 or not has_special))


@st.composite
def scalars(draw: st.DrawFn) -> Struct:
    """A record of one value or array without a name."""
    type_ = draw(st.sampled_from([*TYPES.values()]))
    shape = draw(packed_shapes(type_.bits) if type_.is_packed else _SHAPES)
    member = Member("value", type_, shape, 0)
    return Struct((member,), member.size)


@dataclass(frozen=True)
class Record:
    """A record, the bytes around all of them in a file, and how that is declared: as a dtype, dict, string or YAML."""

    struct: Struct
    form: str
    header: bytes = b""
    footer: bytes = b""

    def layout(self) -> bf.Layout:
        around = {"header_bytes": len(self.header), "footer_bytes": len(self.footer)}
        if self.form == "dtype":
            return bf.Layout(self.struct.dtype(), **around)
        if self.form == "string":
            return bf.Layout(self.struct.members[0].spelling, **around)
        return bf.Layout(self.struct.as_dict(), record_bytes=self.struct.size, **around)


@st.composite
def records(draw: st.DrawFn) -> Record:
    form = draw(st.sampled_from(["dtype", "dict", "dict", "yaml", "string"]))
    struct = draw(scalars() if form == "string" else structs(has_special=form != "dtype"))
    return Record(struct, form, draw(st.binary(max_size=5)), draw(st.binary(max_size=3)))


# The bytes of records.

_FLOAT_EDGES = [0.0, -0.0, 1, -1, -0.5, 0.9, 2.5, 1e-45, 6e-8, 65504, 65520, 3.4e38, 2.0**31, 2.0**63, 2.0**64]
_FLOAT_EDGES += [math.nan, math.inf, -math.inf, 5e-324, 1.7e308, 3, 2**24 + 1]
_STRINGS = [b"", b"A", b"B", b"AB", b"A\0B", b"\xff", b"ABCDE"]


def edge_bytes(type_: Type) -> list[bytes]:
    """The bytes of values that decoders stumble over; none for packed numbers."""
    size = type_.bits // 8
    if type_.is_packed:
        return []
    kind = dtype_of(type_.value).kind if type_.value != "bfloat16" else "f"
    if kind in "SV":
        return [text[:size].ljust(size, b"\0") for text in _STRINGS]
    if kind in "biu":
        order: Any = "big" if type_.order == ">" else "little"
        top = 1 << (type_.bits - 1)
        numbers = [0, 1, 2, 3, 4, 2 * top - 1, 2 * top - 2, top, top - 1, 65 % (2 * top), 2**53 + 1, 2**24 + 1]
        return [number.to_bytes(size, order) for number in numbers if number < 2 * top]
    with np.errstate(all="ignore"):
        if type_.spelling[1:] == "ibm32":
            words = np.array([0, 1, 0x80000000, 0x41100000, 0xC276A000, 0x7FFFFFFF, 0xFFFFFFFF, 0x21000001], "u4")
            values = words.astype(f"{type_.order}u4")
        elif type_.value == "bfloat16":
            values = np.array(_FLOAT_EDGES, ml_dtypes.bfloat16).view("u2").astype(f"{type_.order}u2")
        else:
            values = np.array(_FLOAT_EDGES).astype(type_.spelling)
    return [value.tobytes() for value in values]


def record_bytes(struct: Struct, count: int, seed: int) -> Array:
    """``count`` records, ``[count, size]``: of random bytes, with values of :func:`edge_bytes` for a third of them."""
    random = np.random.default_rng(seed)
    raw = random.integers(0, 256, (count, struct.size), np.uint8)
    raw[random.random(raw.shape) < 0.05] = 0
    for leaf in leaves(struct):
        edges = edge_bytes(leaf.type)
        if not edges:
            continue
        table = np.frombuffer(b"".join(edges), np.uint8).reshape(len(edges), -1)
        for offset in leaf.offsets.ravel():
            replaced = np.flatnonzero(random.random(count) < 1 / 3)
            chosen = table[random.integers(0, len(table), len(replaced))]
            raw[replaced, offset : offset + table.shape[1]] = chosen
    return raw


# Features.


@dataclass(frozen=True)
class Step:
    """A method of :class:`binfeed.Feature` and its arguments."""

    method: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        return {"__getitem__": "index", "__invert__": "~", "__neg__": "negative"}.get(self.method, self.method)


#: The functions and operators that make one feature of several, or of features and numbers.
COMBINATIONS: dict[str, Callable[..., Any]] = {
    "concat": bf.concat,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "minimum": bf.minimum,
    "maximum": bf.maximum,
    "where": bf.where,
    "between": bf.Feature.between,
}
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
BITWISE = ("&", "|", "^")


@dataclass(frozen=True)
class Combined:
    """What a function or an operator of ``COMBINATIONS`` makes of chains and of numbers."""

    function: str
    parts: tuple[Any, ...]

    def feature(self) -> bf.Feature:
        parts = [part.feature() if isinstance(part, Chain) else part for part in self.parts]
        made: bf.Feature = COMBINATIONS[self.function](*parts)
        return made

    def traits(self) -> Iterator[str]:
        yield f"operation: {self.function}"
        for place, part in enumerate(self.parts):
            if isinstance(part, Chain):
                yield from part.traits()
            else:
                form = "array" if np.ndim(part) else "number"
                yield f"operand: {form} {'on the right' if place else 'on the left'}"


@dataclass(frozen=True)
class Chain:
    """A feature: a field or a combination, and what is done to it."""

    source: str | Combined
    steps: tuple[Step, ...] = ()
    is_target: bool = False

    def feature(self) -> bf.Feature:
        """The feature: the same one each time, so that what is drawn once is shared."""
        return self._feature

    @functools.cached_property
    def _feature(self) -> bf.Feature:
        made = bf.field(self.source) if isinstance(self.source, str) else self.source.feature()
        for step in self.steps:
            made = getattr(made, step.method)(*step.arguments, **step.keywords)
        return made.target() if self.is_target else made

    def traits(self) -> Iterator[str]:
        """The names of all operations in it, and what kinds of numbers there are."""
        if not isinstance(self.source, str):
            yield from self.source.traits()
        yield from (f"operation: {step.operation}" for step in self.steps)
        if self.is_target:
            yield "operation: target"


# Types of what is computed.

_WIDE = ("int32", "uint32", "int64", "uint64", "float64")
_INTEGERS = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def are_whole(types: Iterable[str], numbers: Iterable[Any] = ()) -> bool:
    """Whether arithmetic on values of some types and numbers is exact."""
    return all(type_ in _INTEGERS for type_ in types) and all(np.asarray(each).dtype.kind in "biu" for each in numbers)


def is_exact(operator_: str, types: Iterable[str], numbers: Iterable[Any], right: Any) -> bool:
    """Whether arithmetic is exact; ``right`` is the number on the right, if there is one."""
    is_whole_power = right is not None and whole_exponent(right) is not None
    return operator_ != "/" and (operator_ != "**" or is_whole_power) and are_whole(types, numbers)


def whole_exponent(exponent: Any) -> int | None:
    """The exponent if it is one number that is whole and not negative."""
    is_whole = np.ndim(exponent) == 0 and exponent == int(exponent) and 0 <= exponent < 2**63
    return int(exponent) if is_whole else None


def computes_in(*types: str) -> str:
    """The type in which other arithmetic computes."""
    return "float64" if any(type_ in _WIDE for type_ in types) else "float32"


def joint_float(*types: str) -> str:
    """The smallest float that holds the values of all."""
    if len(set(types)) == 1:
        return types[0]
    return "float64" if "float64" in types else "float32"


def meets_in(types: Sequence[str], numbers: Sequence[Any], *, is_computed: bool = False) -> str | None:
    """The type in which values and numbers meet that are compared or chosen; None if there is none.

    ``is_computed`` says whether one of them is not rounded yet.
    """
    if are_whole(types, numbers):
        if not types:
            return "bool" if all(np.asarray(each).dtype == bool for each in numbers) else "int64"
        fitting = (type_ for type_ in _INTEGERS if all(np.can_cast(each, type_) for each in types))
        return next((type_ for type_ in fitting if all(holds(type_, each) for each in numbers)), None)
    if is_computed or any(type_ in _INTEGERS for type_ in types):
        return computes_in(*types)
    return joint_float(*types) if types else "float32"


def holds(type_: str, whole: Any) -> bool:
    """Whether an integer type has whole numbers, or bool has bools."""
    array = np.asarray(whole)
    if type_ == "bool" or array.dtype == bool:
        return array.dtype == bool
    limits = np.iinfo(type_)
    return all(limits.min <= each <= limits.max for each in array.ravel().tolist())


@dataclass(frozen=True)
class Draft:
    """What a chain gives so far, as far as it decides what may come next.

    Attributes:
        type: of the values; while they are computed, the type that computes.
        shape: of a record.
        bits: of an integer that may be taken apart.
        result: the type that arithmetic is rounded to in the end.
        is_computed: whether values are not rounded yet.
        is_field: whether values may still be rearranged, for being those of fields one to one.
        is_concat: whether several features lie side by side.
    """

    type: str
    shape: tuple[int, ...]
    bits: int = 0
    result: str = "float32"
    is_computed: bool = False
    is_field: bool = True
    is_concat: bool = False

    def become(self, type_: str, result: str = "float32") -> Draft:
        return replace(self, type=type_, bits=8 * dtype_of(type_).itemsize, result=result, is_computed=False)

    def computed(self) -> Draft:
        return replace(self.become(computes_in(self.type), result=self.result), is_computed=True)

    def kept(self) -> Draft:
        """Other values of the same type."""
        return replace(self, bits=8 * dtype_of(self.type).itemsize)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_number(self) -> bool:
        return self.type in OUTPUT_TYPES

    @property
    def is_int(self) -> bool:
        return "int" in self.type

    @property
    def is_float(self) -> bool:
        return "float" in self.type

    @property
    def is_rigid(self) -> bool:
        """Whether values can be neither repeated nor cut."""
        return self.size != 1 and (self.is_concat or not self.is_field)


_MODERATE = st.sampled_from([1, -1, 2, 0.5, 3, 255, -1.5, 0.1, 1e-3, 1e-9, 1e9]) | st.floats(0.001, 1000)
_EXTREME = st.sampled_from([1e-40, -1e-40, 1e40, -1e40, 1e-50, 3e38, 1e-45, 2.0**24, 2.0**24 + 1])


def _number(draw: st.DrawFn) -> float:
    return draw(_EXTREME if draw(st.integers(0, 60)) == 0 else _MODERATE)


def _parameter(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """A number, or nested lists of them that broadcast to ``shape``."""
    if draw(st.integers(0, 2)) or math.prod(shape) == 0:
        return _number(draw)
    axes = shape[draw(st.integers(0, len(shape))) :]
    sides = tuple(draw(st.sampled_from([side, 1])) for side in axes)
    numbers = [_number(draw) for _ in range(min(math.prod(sides), 3))]
    return np.resize(numbers, sides).tolist()


def _value(draw: st.DrawFn, type_: str) -> float:
    """A value that ``type_`` holds."""
    if "float" in type_:
        return draw(st.sampled_from([0, 1, -1, 3, 0.1, 100, -0.5, 2.5, math.inf, 65504]))
    limits = np.iinfo(type_)
    numbers = [0, 1, 2, 3, 100, -1, 65, int(limits.max), int(limits.min)]
    return draw(st.sampled_from([number for number in numbers if limits.min <= number <= limits.max]))


Drawn = tuple[Step, Draft]


def _cast(draw: st.DrawFn, draft: Draft) -> Drawn:
    type_ = draw(st.sampled_from(OUTPUT_TYPES))
    return Step("cast", (type_,)), draft.become(type_, result=type_ if "float" in type_ else "float32")


def _scale(draw: st.DrawFn, draft: Draft) -> Drawn:
    keywords = {"offset": _parameter(draw, draft.shape)} if draw(st.booleans()) else {}
    return Step("scale", (_parameter(draw, draft.shape),), keywords), draft.computed()


def _div(draw: st.DrawFn, draft: Draft) -> Drawn:
    return Step("div", (_parameter(draw, draft.shape),)), draft.computed()


def _standardize(draw: st.DrawFn, draft: Draft) -> Drawn:
    return Step("standardize", (_parameter(draw, draft.shape), _parameter(draw, draft.shape))), draft.computed()


def _minmax(draw: st.DrawFn, draft: Draft) -> Drawn:
    low = _number(draw)
    span = np.abs(_parameter(draw, draft.shape))
    return Step("minmax", (low, (low + span).tolist())), draft.computed()


def _computing(name: str) -> Callable[[st.DrawFn, Draft], Drawn]:
    return lambda _, draft: (Step(name), draft.computed())


def _keeping(name: str) -> Callable[[st.DrawFn, Draft], Drawn]:
    return lambda _, draft: (Step(name), draft.kept())


def _of_arithmetic(name: str) -> Callable[[st.DrawFn, Draft], Drawn]:
    return lambda _, draft: (Step(name), draft.become("int64") if are_whole([draft.type]) else draft.computed())


def _clip(draw: st.DrawFn, draft: Draft) -> Drawn:
    beyond = [-math.inf, math.inf] + ([-1e40, 1e40] if draft.is_float else [-(2**70), 2**70])
    bounds = st.sampled_from([*beyond, -3, 0, 3, 100]) | st.just(_value(draw, draft.type))
    low, high = sorted([draw(bounds), draw(bounds)])
    arguments = draw(st.sampled_from([(low, high), (low, None), (None, high)]))
    return Step("clip", arguments), draft.kept()


def _missing(draw: st.DrawFn, draft: Draft) -> float | None:
    return None if draft.is_float and draw(st.booleans()) else _value(draw, draft.type)


def _fill(draw: st.DrawFn, draft: Draft) -> Drawn:
    step = Step("fill", (_value(draw, draft.type),), {"missing": _missing(draw, draft)})
    return step, draft.kept()


def _is_missing(draw: st.DrawFn, draft: Draft) -> Drawn:
    return Step("is_missing", (_missing(draw, draft),)), draft.become("bool")


def _bits(draw: st.DrawFn, draft: Draft) -> Drawn:
    start = draw(st.integers(0, draft.bits - 1))
    width = draw(st.integers(1, draft.bits - start))
    is_signed = draw(st.booleans())
    size = next(size for size in (8, 16, 32, 64) if width <= size)
    step = Step("bits", (start, width), {"signed": is_signed})
    return step, draft.become(f"{'' if is_signed else 'u'}int{size}")


def _codes(draw: st.DrawFn, draft: Draft) -> Drawn:
    if draft.is_int:
        keys: list[Any] = [_value(draw, draft.type) for _ in range(draw(st.integers(1, 4)))]
    else:
        size = dtype_of(draft.type).itemsize
        keys = draw(st.lists(st.sampled_from([b"A", b"B", "AB", b"A\0B", b"", "C"]), min_size=1, max_size=4))
        keys = [key for key in keys if len(key) <= size] or [b"A"]
    codes = {key: draw(st.sampled_from([0, 1, 2, -7, 2**31 - 1, -(2**31)])) for key in keys}
    return Step("codes", (codes,), {"default": draw(st.sampled_from([-1, 3]))}), draft.become("int32")


def _is_in(draw: st.DrawFn, draft: Draft) -> Drawn:
    step, _ = _codes(draw, draft)
    return Step("is_in", (list(step.arguments[0]),)), draft.become("bool")


def _bucketize(draw: st.DrawFn, draft: Draft) -> Drawn:
    if draw(st.booleans()):
        edges: list[Any] = draw(st.lists(_WHOLE, min_size=1, max_size=5))
        edges = [edge for edge in edges if edge < 2**63 or min(edges) >= 0]
    else:
        edges = draw(
            st.lists(_MODERATE | st.sampled_from([-0.0, 1e40, -math.inf, math.inf, 5e-324]), min_size=1, max_size=5)
        )
    rising = sorted(set(edges))
    return Step("bucketize", (rising,)), draft.become("int32")


def _multi_hot(draw: st.DrawFn, draft: Draft) -> Drawn:
    depth = draw(st.integers(1, 5))
    changed = replace(draft.become("float32"), shape=(*draft.shape[:-1], depth), is_field=False)
    return Step("multi_hot", (depth,)), changed


def _one_hot(draw: st.DrawFn, draft: Draft) -> Drawn:
    depth = draw(st.integers(1, 5))
    changed = replace(draft.become("float32"), shape=(*draft.shape, depth), is_field=False)
    return Step("one_hot", (depth,)), changed


def _reshape(draw: st.DrawFn, draft: Draft) -> Drawn:
    size = math.prod(draft.shape)
    shapes = [(size,), (1, size), (size, 1), *((n, size // n) for n in (2, 3) if size % n == 0)]
    shape = draw(st.sampled_from(shapes + [(-1,), (1, -1)] * (size > 0)))
    whole = np.empty(draft.shape, bool).reshape(shape).shape
    arguments: tuple[Any, ...] = draw(st.sampled_from([shape, (shape,)]))
    return Step("reshape", arguments), replace(draft, shape=whole)


def _transpose(draw: st.DrawFn, draft: Draft) -> Drawn:
    if draw(st.booleans()):
        return Step("transpose"), replace(draft, shape=draft.shape[::-1])
    axes = draw(st.permutations(range(len(draft.shape))))
    named = tuple(axis - len(axes) * draw(st.integers(0, 1)) for axis in axes)
    return Step("transpose", named), replace(draft, shape=tuple(draft.shape[axis] for axis in axes))


_SLICES = [slice(*bounds) for bounds in ((None,), (0, 1), (1, None), (-2, None), (None, None, -1), (None, None, 2))]


def _index(draw: st.DrawFn, draft: Draft) -> Drawn:
    parts: list[Any] = []
    for side in draft.shape:
        slices = [slice(0, 0)] if draw(st.integers(0, 9)) == 0 else _SLICES
        parts.append(draw(st.sampled_from(slices + [0, -1, side - 1] * (side > 0))))
    cut = draw(st.integers(0, len(parts)))
    index = draw(st.sampled_from([(*parts,), (*parts[:cut], ...), (..., *parts[cut:])]))
    return Step("__getitem__", (index,)), replace(draft, shape=np.empty(draft.shape, bool)[index].shape)


def _is_compared(draft: Draft) -> bool:
    return draft.is_number and draft.type != "bool"


#: Functions whose bits NumPy does not define.
FUNCTIONS = ("exp", "log", "log2", "log10", "log1p", "sin", "cos", "tanh")

#: Every operation on a feature: when it may come next, and how one is drawn.
OPERATIONS: dict[str, tuple[Callable[[Draft], bool], Callable[[st.DrawFn, Draft], Drawn]]] = {
    "cast": (lambda draft: draft.is_number, _cast),
    "scale": (lambda draft: draft.is_number, _scale),
    "div": (lambda draft: draft.is_number, _div),
    "standardize": (lambda draft: draft.is_number, _standardize),
    "minmax": (lambda draft: draft.is_number, _minmax),
    **{name: (lambda draft: draft.is_number, _computing(name)) for name in (*FUNCTIONS, "sqrt")},
    **{name: (lambda draft: draft.is_number, _keeping(name)) for name in ("abs", "sign", "floor", "ceil", "round")},
    "square": (lambda draft: draft.is_number, _of_arithmetic("square")),
    "negative": (lambda draft: draft.is_number, _of_arithmetic("__neg__")),
    "~": (lambda draft: are_whole([draft.type]), _keeping("__invert__")),
    "clip": (_is_compared, _clip),
    "fill": (_is_compared, _fill),
    "is_missing": (_is_compared, _is_missing),
    "bits": (lambda draft: draft.is_int, _bits),
    "codes": (lambda draft: "int" in draft.type or draft.type.startswith("S"), _codes),
    "is_in": (lambda draft: "int" in draft.type or draft.type.startswith("S"), _is_in),
    "bucketize": (lambda draft: draft.is_number, _bucketize),
    "one_hot": (lambda draft: draft.is_number and not draft.is_concat and draft.size <= _MAX_SIZE, _one_hot),
    "multi_hot": (
        lambda draft: draft.is_number and not draft.is_concat and draft.shape[-1:] not in ((), (0,)),
        _multi_hot,
    ),
    "reshape": (lambda draft: True, _reshape),
    "transpose": (lambda draft: draft.is_field and not draft.is_concat, _transpose),
    "index": (lambda draft: draft.is_field and not draft.is_concat, _index),
}


@st.composite
def steps(draw: st.DrawFn, draft: Draft, most: int) -> tuple[tuple[Step, ...], Draft]:
    """Up to ``most`` operations on what ``draft`` gives."""
    taken: list[Step] = []
    for _ in range(draw(st.integers(0, most))):
        fitting = [name for name, (fits, _) in OPERATIONS.items() if fits(draft)]
        step, draft = OPERATIONS[draw(st.sampled_from(fitting))][1](draw, draft)
        taken.append(step)
    return tuple(taken), draft


def draft_of(leaf: Leaf) -> Draft:
    """Nothing done yet."""
    return Draft(leaf.type.value, leaf.shape, leaf.type.bits)


class Drafted(NamedTuple):
    """A feature, and what it gives."""

    chain: Chain
    draft: Draft


_WHOLE = st.sampled_from([0, 1, -1, 2, 3, 7, 100, 255, 256, -(2**31), 2**40, 2**63 - 1, -(2**63), 2**63, 2**64 - 1])
#: Records of more values take long in Python.
_MAX_SIZE = 100


def chains(fields: tuple[Leaf, ...]) -> st.SearchStrategy[Chain]:
    """A feature of any of the fields, or a combination of some."""
    return drafted(fields).map(lambda made: made.chain)


@st.composite
def drafted(draw: st.DrawFn, fields: tuple[Leaf, ...], depth: int = 2) -> Drafted:
    """A feature of at most so many combinations within each other."""
    numbers = tuple(leaf for leaf in fields if leaf.type.is_number)
    kinds = ["field", "field", "field", "concat", "combined", "combined"] if numbers and depth > 0 else ["field"]
    kind = draw(st.sampled_from(kinds))
    source: str | Combined
    if kind == "field":
        leaf = draw(st.sampled_from(fields))
        source, draft = leaf.name, draft_of(leaf)
    elif kind == "concat":
        source, draft = draw(_concatenated(numbers, depth - 1))
    else:
        source, draft = draw(_combined(numbers, depth - 1))
    taken, draft = draw(steps(draft, 4 if kind == "field" else 2))
    return Drafted(Chain(source, taken), draft)


@st.composite
def _concatenated(draw: st.DrawFn, numbers: tuple[Leaf, ...], depth: int) -> tuple[Combined, Draft]:
    chains, drafts = zip(*draw(st.lists(drafted(numbers, depth), min_size=1, max_size=3)), strict=True)
    shape = (sum(draft.size for draft in drafts),)
    is_field = all(draft.is_field for draft in drafts)
    return Combined("concat", chains), Draft("float32", shape, 32, is_field=is_field, is_concat=True)


@st.composite
def _combined(draw: st.DrawFn, numbers: tuple[Leaf, ...], depth: int) -> tuple[Combined, Draft]:
    function = draw(st.sampled_from([name for name in COMBINATIONS if name != "concat"]))
    first = draw(drafted(numbers, depth))
    if function == "where" or (function in BITWISE and first.draft.is_float):
        first = _condition(draw, first)
    parts: list[Any] = [first]
    for _ in range(2 if function in ("where", "between") else 1):
        parts.append(_partner(draw, numbers, depth, function, parts))
    if function not in ("where", "between") and draw(st.booleans()):
        parts.reverse()
    made = tuple(part.chain if isinstance(part, Drafted) else part for part in parts)
    return Combined(function, made), _joint(function, parts)


def _condition(draw: st.DrawFn, made: Drafted) -> Drafted:
    """The feature, or a comparison of it that is bool."""
    if made.draft.type == "bool":
        return made
    comparison = Combined(draw(st.sampled_from(COMPARISONS)), (made.chain, draw(st.sampled_from([0, 1, 0.5]))))
    return Drafted(Chain(comparison), made.draft.become("bool"))


def _partner(draw: st.DrawFn, numbers: tuple[Leaf, ...], depth: int, function: str, parts: list[Any]) -> Any:
    """What is combined with the parts before: a number, the first of them again, or another feature."""
    first: Drafted = parts[0]
    kind = draw(st.sampled_from(["number", "number", "same", "other", "other", "other"]))
    if kind == "other":
        other = draw(drafted(numbers, depth))
        if function in BITWISE and first.draft.type == "bool":
            other = _condition(draw, other)
        elif function in BITWISE and not other.draft.is_int:
            taken = (*other.chain.steps, Step("cast", ("int16",)))
            other = Drafted(replace(other.chain, steps=taken), other.draft.become("int16"))
        if _fit_together(function, [*parts, other]):
            return other
    if kind == "same" and _fit_together(function, [*parts, first]):
        return first
    array = _literal(draw, first.draft, function)
    return array if _fit_together(function, [*parts, array]) else np.asarray(array).flat[0].item()


def _literal(draw: st.DrawFn, draft: Draft, function: str) -> Any:
    """A number, or an array of numbers, of Python or of NumPy."""
    numbers = _numbers_for(draw, draft, function)
    number = draw(numbers)
    form = draw(st.sampled_from(["Python", "Python", "NumPy", "list", "array"]))
    if form == "Python":
        return number
    if form == "NumPy":
        return np.asarray(number)[()]
    shapes = [
        (),
        *(draft.shape[axis:] for axis in range(len(draft.shape))),
        (2, *draft.shape),
        (3, *[1] * len(draft.shape)),
    ]
    shape = draw(st.sampled_from([shape for shape in shapes if 0 not in shape]))
    filled = np.resize([number, draw(numbers)], shape)
    return filled.tolist() if form == "list" else filled


def _numbers_for(draw: st.DrawFn, draft: Draft, function: str) -> st.SearchStrategy[Any]:
    """Numbers that fit a combination with a feature."""
    if function in BITWISE and draft.type == "bool":
        return st.booleans()
    if function == "**":
        return st.sampled_from([0, 1, 2, 3, 5, 64, 2**62, 2.0, -1, 0.5, -2.5])
    is_whole = function in BITWISE or draw(st.booleans())
    if function in (*ARITHMETIC, *COMPARISONS, "between"):
        if is_whole:
            return _WHOLE.filter(bool)
        infinite = st.sampled_from([-0.0, math.inf, -math.inf]) if function in COMPARISONS else st.nothing()
        return st.builds(float, _MODERATE) | infinite | st.just(_number(draw))
    return st.sampled_from([0, 1, 2, 7, 100, 2**31]) if is_whole else st.sampled_from([0.0, -0.0, 1.5, 0.1, 100.0])


def _fit_together(function: str, parts: Sequence[Any]) -> bool:
    """Whether values broadcast, those that must be repeated or cut can be, and a type holds those that are chosen."""
    drafts = [part.draft for part in parts if isinstance(part, Drafted)]
    try:
        size = math.prod(_joint_shape(parts))
    except ValueError:
        return False
    rigid = [draft for draft in drafts if draft.is_rigid]
    is_cut = any(draft.is_concat for draft in rigid) and len(rigid) > 1
    has_type = function not in (*BITWISE, "minimum", "maximum", "where") or _joint_type(function, parts) is not None
    return size <= _MAX_SIZE and not is_cut and all(draft.size == size for draft in rigid) and has_type


def _joint_shape(parts: Sequence[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(part.draft.shape if isinstance(part, Drafted) else np.shape(part) for part in parts))


def _joint_type(function: str, parts: Sequence[Any]) -> str | None:
    """The type in which values meet that are chosen."""
    drafts, numbers = _chosen(function, parts)
    return meets_in([draft.type for draft in drafts], numbers, is_computed=any(draft.is_computed for draft in drafts))


def _chosen(function: str, parts: Sequence[Any]) -> tuple[list[Draft], list[Any]]:
    """The drafts and the numbers that a result has its type from."""
    chosen = parts[1:] if function == "where" else parts
    drafts = [part.draft for part in chosen if isinstance(part, Drafted)]
    return drafts, [part for part in chosen if not isinstance(part, Drafted)]


def _joint(function: str, parts: Sequence[Any]) -> Draft:
    """What a combination gives."""
    of_all = [part.draft for part in parts if isinstance(part, Drafted)]
    drafts, numbers = _chosen(function, parts)
    types = [draft.type for draft in drafts]
    joint = Draft(
        "bool",
        _joint_shape(parts),
        result=joint_float(*(draft.result for draft in drafts)) if drafts else "float32",
        is_field=all(draft.is_field for draft in of_all),
        is_concat=any(draft.is_concat and draft.size != 1 for draft in of_all),
    )
    if function in (*COMPARISONS, "between"):
        return joint.become("bool")
    if function in ARITHMETIC:
        if is_exact(function, types, numbers, None if isinstance(parts[1], Drafted) else parts[1]):
            return joint.become("int64")
        return replace(joint, type=computes_in(*types), is_computed=True)
    type_ = _joint_type(function, parts)
    assert type_ is not None
    is_mixed = any(draft.is_computed for draft in drafts) or any(each in _INTEGERS for each in types)
    return replace(joint.become(type_, result=joint.result), is_computed=is_mixed and not are_whole(types, numbers))


# Readers.

Features = dict[str, Chain] | Chain | None


@dataclass(frozen=True)
class Part:
    """What one reader reads.

    Attributes:
        record: of all files.
        counts: records of each file.
        seed: of the bytes of the records.
        features: by name, or one of them; None for all fields.
        window: if samples are of several records.
    """

    record: Record
    counts: tuple[int, ...]
    seed: int
    features: Features = None
    window: bf.Window | None = None

    def raw(self) -> Array:
        """The bytes of all records, ``[N, size]``."""
        return record_bytes(self.record.struct, sum(self.counts), self.seed)

    def files(self) -> list[bytes]:
        """What each file holds."""
        ends = np.cumsum(self.counts)[:-1]
        return [self.record.header + part.tobytes() + self.record.footer for part in np.split(self.raw(), ends)]

    def asked(self) -> Any:
        """The features as :func:`binfeed.open` takes them."""
        if isinstance(self.features, dict):
            return {name: chain.feature() for name, chain in self.features.items()}
        return self.features and self.features.feature()

    def chains(self) -> Iterable[Chain]:
        """All features."""
        if self.features is None:
            return [Chain(leaf.name) for leaf in leaves(self.record.struct)]
        return self.features.values() if isinstance(self.features, dict) else [self.features]

    def samples(self) -> list[int]:
        """How many each file has."""
        span = span_of(self.window)
        stride = self.window.stride if self.window else 1
        return [max((count - span) // stride + 1, 0) for count in self.counts]


def span_of(window: bf.Window | None) -> int:
    """Records that a window and its target reach over."""
    if window is None:
        return 1
    last = (window.size - 1) * window.dilation
    if window.target_offset is not None:
        last = max(last, window.target_offset + ((window.target_size or 1) - 1) * window.dilation)
    return last + 1


@st.composite
def windows(draw: st.DrawFn) -> bf.Window:
    size, stride, dilation = draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)))
    offset = draw(st.none() | st.integers(0, 8))
    target_size = None if offset is None else draw(st.none() | st.integers(1, 3))
    return bf.Window(size, stride=stride, dilation=dilation, target_offset=offset, target_size=target_size)


@st.composite
def cuts(draw: st.DrawFn, records: int, *, may_be_empty: bool) -> tuple[int, ...]:
    """So many records in up to six files."""
    most = 6 if may_be_empty else min(6, records)
    positions = st.integers(0 if may_be_empty else 1, records if may_be_empty else max(records - 1, 1))
    ends = draw(st.lists(positions, max_size=most - 1, unique=not may_be_empty))
    return tuple(int(count) for count in np.diff([0, *sorted(ends), records]))


@st.composite
def parts(draw: st.DrawFn, samples: int | None = None) -> Part:
    """A reader; of so many samples if that is said."""
    record = draw(records())
    window = draw(windows()) if samples is None and draw(st.integers(0, 3)) == 0 else None
    # A file without records needs a header or footer, or it would be empty.
    may_be_empty = bool(record.header or record.footer)
    span = span_of(window)
    count = draw(st.integers(span, span + 60)) if samples is None else samples
    counts = draw(cuts(count, may_be_empty=may_be_empty))
    if max(counts) < span:
        counts = (count, *counts)
    fields = tuple(leaves(record.struct))
    features: Features = None
    has_target = window is not None and window.target_offset is not None
    if has_target or draw(st.integers(0, 5)):
        features = {f"feature {number}": draw(chains(fields)) for number in range(draw(st.integers(1, 3)))}
        if has_target:
            features["next"] = replace(draw(chains(fields)), is_target=True)
        elif draw(st.integers(0, 4)) == 0:
            features = features["feature 0"]
    return Part(record, counts, draw(st.integers(0, 2**32 - 1)), features, window)


# Orders.


@dataclass(frozen=True)
class Order:
    """The arguments of :meth:`binfeed.Reader.batches` that say which samples come when, and how they are cut."""

    batch_size: int
    drop_remainder: bool = False
    shuffle: bool | str | bf.BlockShuffle = False
    seed: int = 0
    epochs: int = 1
    shard: tuple[int, int] = (0, 1)
    shard_remainder: str = "drop"
    cycle_length: int = 1
    block_length: int = 1

    def options(self) -> dict[str, Any]:
        """As keyword arguments, but for the batch size, and the seed of what is not shuffled."""
        left_out = {"batch_size"} if self.shuffle else {"batch_size", "seed"}
        return {name: value for name, value in vars(self).items() if name not in left_out}

    @property
    def kind(self) -> str:
        if self.shuffle:
            return "global" if self.shuffle in (True, "global") else "block"
        return "sequential" if self.cycle_length == 1 else "interleaved"


def _shards(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.sampled_from([1, 1, 2, 3, 5]))
    shard = draw(st.integers(0, count - 1)), count
    return {"shard": shard, "shard_remainder": draw(st.sampled_from(["drop", "pad"]))}


def _batches(draw: st.DrawFn, samples: int) -> dict[str, Any]:
    return {"batch_size": draw(st.integers(1, samples + 3)), "drop_remainder": draw(st.booleans())}


@st.composite
def orders(draw: st.DrawFn, samples: int) -> Order:
    """Any order of so many samples."""
    shuffles: dict[str, Any] = {"seed": draw(st.integers(0, 2**64 - 1))}
    match draw(st.sampled_from(["sequential", "interleaved", "interleaved", "global", "block"])):
        case "interleaved":
            shuffles = {"cycle_length": draw(st.integers(2, 7)), "block_length": draw(st.integers(1, 5))}
        case "global":
            shuffles["shuffle"] = draw(st.sampled_from([True, "global"]))
        case "block":
            blocks = st.builds(bf.BlockShuffle, st.integers(1, 9), st.integers(1, 5))
            shuffles["shuffle"] = draw(blocks | st.just("block"))
    return Order(epochs=draw(st.integers(1, 3)), **_batches(draw, samples), **_shards(draw), **shuffles)


# All of it.


@dataclass(frozen=True)
class Case:
    """Files, how they are read, and where reading stops and goes on.

    Attributes:
        parts: readers side by side, the first of which has the order.
        order: of the samples.
        resumed: the order behind a state: the same epochs, perhaps other batches and shards.
        taken: batches before the state.
        indices: samples to take, any of them.
        cut: a slice of the samples.
        engine: of tf.data, or the op that decodes strings; "" for none of them.
        engine_options: how it runs, which must not show.
        label: whether one of the features is the label.
    """

    parts: tuple[Part, ...]
    order: Order
    resumed: Order
    taken: int
    indices: tuple[int, ...] = ()
    cut: slice = field(default_factory=lambda: slice(None))
    engine: str = ""
    engine_options: dict[str, Any] = field(default_factory=dict)
    label: str | None = None

    def traits(self) -> Iterator[str]:
        """What occurs in it."""
        for part in self.parts:
            yield f"layout: {part.record.form}"
            yield f"window: {'with' if part.window else 'without'}"
            for leaf in leaves(part.record.struct):
                yield f"type: {leaf.type.spelling.lstrip('<>')}"
                yield f"byte order: {'packed ' if leaf.type.is_packed else ''}{leaf.type.order}"
            if any(member.strides for member in part.record.struct.members):
                yield "layout: strides"
            for chain in part.chains():
                yield from chain.traits()
        yield f"order: {self.order.kind}"
        yield f"shards: {'one' if self.order.shard[1] == 1 else self.order.shard_remainder}"
        yield f"readers: {len(self.parts)}"
        yield f"engine: {self.engine or 'batches'}"


#: Every trait that a case can have.
TRAITS = {
    *(f"layout: {form}" for form in ("dtype", "dict", "yaml", "string", "strides")),
    *(f"window: {with_or_without}" for with_or_without in ("with", "without")),
    *(f"type: {spelling.lstrip('<>')}" for spelling in TYPES),
    *(f"byte order: {order}" for order in ("<", ">", "|", "packed <", "packed >", "packed |")),
    *(f"operation: {name}" for name in (*OPERATIONS, *COMBINATIONS, "target")),
    *(f"operand: {form} on the {side}" for form in ("array", "number") for side in ("left", "right")),
    *(f"order: {kind}" for kind in ("sequential", "interleaved", "global", "block")),
    *(f"shards: {shards}" for shards in ("one", "drop", "pad")),
    *(f"readers: {count}" for count in (1, 2)),
    *(f"engine: {engine}" for engine in ("batches", "graph", "generator", "decode")),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Anything that may be asked of binfeed."""
    first = draw(parts())
    samples = sum(first.samples())
    readers: tuple[Part, ...] = (first,)
    if draw(st.integers(0, 2)) == 0:
        readers = tuple(draw(st.permutations([first, draw(parts(samples))])))
    order = draw(orders(samples))
    resumed = order if draw(st.booleans()) else replace(order, **_batches(draw, samples), **_shards(draw))
    bounds = st.none() | st.integers(-samples, samples + 2)
    # Engines cost time; readers side by side must share an order in each of them.
    engines = ["graph", "graph", "generator", "decode"] + [""] * (8 if len(readers) == 1 else 2)
    engine = draw(st.sampled_from(engines))
    names = list(readers[0].features) if isinstance(readers[0].features, dict) and len(readers) == 1 else []
    return Case(
        parts=readers,
        order=order,
        resumed=resumed,
        taken=draw(st.integers(0, 8)),
        indices=tuple(draw(st.lists(st.integers(0, samples - 1), max_size=12))),
        cut=slice(draw(bounds), draw(bounds), draw(st.sampled_from([1, 2, -1, -3]))),
        engine=engine,
        engine_options={
            "num_parallel_calls": draw(st.sampled_from([None, 1, 3])),
            "prefetch": draw(st.sampled_from([0, 2])),
            "reshuffle_each_iteration": draw(st.booleans()),
        },
        label=draw(st.none() | st.sampled_from(names)) if len(names) > 1 else None,
    )
