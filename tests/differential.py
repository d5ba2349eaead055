"""binfeed against a model in plain NumPy: any case of ``tests.strategies``, however it is read, to the bit.

    python -m tests.differential [--seconds SECONDS] [--seed SEED]

The model reads fields from where the strategy put them, computes with NumPy, and lists the samples of every batch as
the guide defines them. Of binfeed it only uses the permutations of ``binfeed.reference``, and functions such as exp,
whose bits NumPy does not define: what a reader of nothing else gives, if it is as near to NumPy's as promised.
"""

from __future__ import annotations

import argparse
import collections
import functools
import itertools
import json
import math
import secrets
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import binfeed as bf
import ml_dtypes
import numpy as np
from binfeed import reference
from binfeed.reader import open_with
from hypothesis import HealthCheck, given, seed, settings

from tests.helpers import Array, assert_identical
from tests.strategies import (
    ARITHMETIC,
    BITWISE,
    COMBINATIONS,
    COMPARISONS,
    Case,
    Chain,
    Leaf,
    Order,
    Part,
    are_whole,
    cases,
    computes_in,
    dtype_of,
    is_exact,
    joint_float,
    leaves,
    meets_in,
    whole_exponent,
)


class Refused(Exception):
    """The model of a feature that binfeed must refuse."""


# Fields.


def field_values(leaf: Leaf, raw: Array) -> Array:
    """A field of every record ``[N, size]``, in the dtype it comes out with."""
    if leaf.type.is_packed:
        return packed_values(leaf, raw)
    size = leaf.type.bits // 8
    element_bytes = np.ascontiguousarray(raw[:, leaf.offsets[..., np.newaxis] + np.arange(size)])
    return numbers(leaf.type.spelling, element_bytes).astype(dtype_of(leaf.type.value))


def numbers(spelling: str, element_bytes: Array) -> Array:
    """The values of bytes ``[..., size]``."""
    if spelling == "?":
        return np.asarray(element_bytes.any(axis=-1))
    little = element_bytes[..., ::-1] if spelling[0] == ">" else element_bytes
    if spelling[1:] == "ibm32":
        words = np.ascontiguousarray(little).view("<u4")[..., 0].astype(np.int64)
        magnitude = np.ldexp((words & 0xFFFFFF).astype(np.float64), 4 * ((words >> 24 & 0x7F) - 64) - 24)
        return np.asarray(np.where(words >> 31, -magnitude, magnitude).astype(np.float32))
    if spelling[1:] == "bfloat16":
        return np.asarray(np.ascontiguousarray(little).view(ml_dtypes.bfloat16)[..., 0])
    if spelling[1:] in ("u3", "u5", "u6", "u7", "i3", "i5", "i6", "i7"):
        wide = np.zeros((*little.shape[:-1], 8), np.uint8)
        wide[..., 8 - little.shape[-1] :] = little
        # The bytes are the highest of 8: shifting them down brings the sign with it.
        return np.asarray(wide.view(f"<{spelling[1]}8")[..., 0] >> (64 - 8 * little.shape[-1]))
    return np.asarray(element_bytes.view(spelling)[..., 0])


def packed_values(leaf: Leaf, raw: Array) -> Array:
    """Numbers of no whole bytes: cut out of one number that all bytes of the field make together."""
    bits, count = leaf.type.bits, int(np.prod(leaf.shape))
    begin = int(leaf.offsets)
    rows = [row.tobytes() for row in raw[:, begin : begin + bits * count // 8]]
    if leaf.type.spelling == "wfdb212":
        found = [wfdb212(row) for row in rows]
    elif leaf.type.order == "<":
        found = [[int.from_bytes(row, "little") >> bits * i for i in range(count)] for row in rows]
    else:
        found = [[int.from_bytes(row, "big") >> bits * i for i in reversed(range(count))] for row in rows]
    values = [[number % 2**bits for number in row] for row in found]
    if not leaf.type.value.startswith("u"):
        values = [[number - 2**bits * (number >> bits - 1) for number in row] for row in values]
    return np.array(values, leaf.type.value).reshape(len(raw), *leaf.shape)


def wfdb212(row: bytes) -> list[int]:
    """Two samples in three bytes: the low eight bits, both high halves, the low eight bits."""
    values = []
    for low, high, other_low in zip(row[::3], row[1::3], row[2::3], strict=True):
        values += [low | (high & 0x0F) << 8, other_low | (high & 0xF0) << 4]
    return values


# Features.


def cast(values: Array, dtype: str) -> Array:
    """Values as another dtype: integers saturate, without a fraction, and bfloat16 is rounded from float32."""
    if values.dtype.name == "bfloat16" or dtype == "bfloat16":
        values = values.astype(np.float32)
    target = dtype_of(dtype)
    if target.kind == "b":
        return values != 0
    if target.kind not in "iu":
        return values.astype(target)
    limits = np.iinfo(target)
    numbers = [_limited(value, int(limits.min), int(limits.max)) for value in values.ravel().tolist()]
    return np.array(numbers, target).reshape(values.shape)


def _limited(value: float, low: int, high: int) -> int:
    return 0 if value != value else int(min(max(value, low), high))


@dataclass(frozen=True)
class Values:
    """The values of a feature for all records, and every method that a :class:`binfeed.Feature` has.

    Attributes:
        array: while computing, in the compute dtype.
        is_computed: whether they are not rounded yet.
        result: the dtype to round to in the end.
    """

    array: Array
    is_computed: bool = False
    result: str = "float32"

    @property
    def type(self) -> str:
        return self.array.dtype.name

    def finished(self) -> Values:
        return self.cast(self.result) if self.is_computed else self

    def cast(self, dtype: str) -> Values:
        return Values(cast(self.array, dtype), result=dtype if "float" in dtype else "float32")

    @property
    def _compute_dtype(self) -> np.dtype[Any]:
        return np.dtype(computes_in(self.type))

    def _computed(self, array: Array) -> Values:
        assert array.dtype == self._compute_dtype
        return replace(self, array=array, is_computed=True)

    def _parameter(self, value: Any, *, is_factor: bool = False, is_divisor: bool = False) -> Array:
        given = np.array(value, np.float64)
        rounded = given.astype(self._compute_dtype)
        is_lost = (is_divisor or (is_factor and given != 0)) & (rounded == 0) | ~np.isfinite(rounded)
        if is_lost.any():
            raise Refused(f"{value} as {self._compute_dtype}")
        return rounded

    def scale(self, factor: Any, offset: Any = 0) -> Values:
        product = self.array.astype(self._compute_dtype) * self._parameter(factor, is_factor=True)
        return self._computed(product + self._parameter(offset) if np.any(offset) else product)

    def div(self, by: Any) -> Values:
        return self._computed(self.array.astype(self._compute_dtype) / self._parameter(by, is_divisor=True))

    def standardize(self, mean: Any, std: Any) -> Values:
        centred = self.array.astype(self._compute_dtype) - self._parameter(mean)
        return self._computed(centred / self._parameter(std, is_divisor=True))

    def minmax(self, low: Any, high: Any) -> Values:
        below = self._parameter(low)
        span = self._parameter(self._parameter(high) - below, is_divisor=True)
        return self._computed((self.array.astype(self._compute_dtype) - below) / span)

    def _function(self, name: str) -> Values:
        return self._computed(function_of(name, self.array.astype(self._compute_dtype)))

    exp = functools.partialmethod(_function, "exp")
    log = functools.partialmethod(_function, "log")
    log2 = functools.partialmethod(_function, "log2")
    log10 = functools.partialmethod(_function, "log10")
    log1p = functools.partialmethod(_function, "log1p")
    sin = functools.partialmethod(_function, "sin")
    cos = functools.partialmethod(_function, "cos")
    tanh = functools.partialmethod(_function, "tanh")

    def sqrt(self) -> Values:
        return self._computed(np.sqrt(self.array.astype(self._compute_dtype)))

    def square(self) -> Values:
        return combined("**", [self, 2])

    def __neg__(self) -> Values:
        return combined("*", [self, -1])

    def __invert__(self) -> Values:
        return replace(self, array=~self.array)

    def sign(self) -> Values:
        x = self.array
        signs = np.where(x > 0, 1, np.where(x < 0, -1, 0)).astype(x.dtype)
        return replace(self, array=np.where(x == x, signs, x))

    def _rounded_by(self, rounding: Callable[[float], float]) -> Values:
        x = self.array
        if x.dtype.kind in "biu":
            return self
        wide = x.astype(np.float64)
        numbers = [rounding(each) if math.isfinite(each) else each for each in wide.ravel().tolist()]
        rounded = np.array(numbers, np.float64).reshape(x.shape)
        return replace(self, array=np.copysign(rounded, wide).astype(x.dtype))

    floor = functools.partialmethod(_rounded_by, math.floor)
    ceil = functools.partialmethod(_rounded_by, math.ceil)
    round = functools.partialmethod(_rounded_by, round)

    @property
    def _comparable(self) -> Array:
        """Halves as float32, which holds bounds and classes that they do not."""
        name = self.array.dtype.name
        return self.array.astype(np.float32) if name in ("float16", "bfloat16") else self.array

    def abs(self) -> Values:
        x = self.array
        if x.dtype.kind == "i":
            widened = np.minimum(np.abs(x.astype(object)), np.iinfo(x.dtype).max)
            return replace(self, array=widened.astype(x.dtype))
        if x.dtype.kind in ("b", "u"):
            return self
        return replace(self, array=np.where(np.signbit(x.astype(np.float64)), -x, x))

    def clip(self, low: float | None = None, high: float | None = None) -> Values:
        x = self._comparable
        if low is not None:
            x = np.where(x < _bound(low, x.dtype), _bound(low, x.dtype), x)
        if high is not None:
            x = np.where(x > _bound(high, x.dtype), _bound(high, x.dtype), x)
        return replace(self, array=x.astype(self.array.dtype))

    def _held(self, value: float) -> Array:
        """A number as the dtype has it, which may round fractions, and nothing else."""
        with np.errstate(over="ignore"):
            held = np.array(value).astype(self.array.dtype)
        is_inexact = isinstance(value, int) and float(held) != value
        is_lost = not np.isfinite(held) or (held == 0) != (value == 0) or is_inexact
        if held.dtype.kind not in "biu" and np.isfinite(value) and is_lost:
            raise Refused(f"{value} as {held.dtype}")
        return held

    def _is_missing(self, missing: float | None) -> Array:
        x = self._comparable
        is_nan = np.asarray(x != x)
        return is_nan if missing is None else is_nan | (self.array == self._held(missing))

    def fill(self, value: float, *, missing: float | None = None) -> Values:
        filled = self.array.copy()
        filled[self._is_missing(missing)] = self._held(value)
        return replace(self, array=filled)

    def is_missing(self, missing: float | None = None) -> Values:
        return Values(self._is_missing(missing))

    def bits(self, start: int, width: int, *, signed: bool = False) -> Values:
        found = (self.array.astype(object) >> start) & (2**width - 1)
        if signed:
            found = found - ((found >> (width - 1)) << width)
        size = next(size for size in (8, 16, 32, 64) if width <= size)
        return Values(np.asarray(found).astype(f"{'' if signed else 'u'}int{size}"))

    def codes(self, codes: dict[Any, int], *, default: int = -1) -> Values:
        coded = np.full(self.array.shape, default, np.int32)
        for key, code in codes.items():
            coded[self.array == (key.encode() if isinstance(key, str) else key)] = code
        return Values(coded)

    def is_in(self, values: list[Any]) -> Values:
        return Values(self.codes(dict.fromkeys(values, 1), default=0).array == 1)

    def bucketize(self, edges: list[float]) -> Values:
        if are_whole([self.type], edges):
            counts = [sum(edge <= value for edge in edges) for value in self.array.ravel().tolist()]
            return Values(np.array(counts, np.int32).reshape(self.array.shape))
        rounded = np.array(edges).astype(self._compute_dtype)
        found = np.searchsorted(rounded, self.array.astype(self._compute_dtype), side="right")
        return Values(found.astype(np.int32))

    def multi_hot(self, depth: int) -> Values:
        return Values(self.one_hot(depth).array.max(axis=-2))

    def one_hot(self, depth: int) -> Values:
        x = self._comparable
        x = x.astype(np.uint8) if x.dtype == bool else x
        return Values((x[..., np.newaxis] == np.arange(depth).astype(x.dtype)).astype(np.float32))

    def reshape(self, *shape: Any) -> Values:
        whole = np.empty(self.array.shape[1:], bool).reshape(*shape).shape
        return replace(self, array=self.array.reshape(len(self.array), *whole))

    def transpose(self, *axes: int) -> Values:
        count = self.array.ndim - 1
        order = [axis % count for axis in axes] if axes else list(reversed(range(count)))
        return replace(self, array=self.array.transpose(0, *(axis + 1 for axis in order)))

    def __getitem__(self, index: tuple[Any, ...]) -> Values:
        return replace(self, array=self.array[(slice(None), *index)])


def _bound(bound: float, dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        bound = int(max(limits.min, min(limits.max, bound)))
    return np.array(bound).astype(dtype)


def values_of(chain: Chain, fields: dict[str, Array]) -> Values:
    """A feature of every record, by the values of all fields; not rounded yet if it is computed."""
    if isinstance(chain.source, str):
        values = Values(fields[chain.source])
    else:
        parts = [values_of(part, fields) if isinstance(part, Chain) else part for part in chain.source.parts]
        values = combined(chain.source.function, parts)
    for step in chain.steps:
        values = getattr(values, step.method)(*step.arguments, **step.keywords)
    return values


# Combinations, of values and of numbers.


def combined(function: str, parts: Sequence[Any]) -> Values:
    """What a function or an operator makes of its parts."""
    if function == "concat":
        arrays = [part.finished().cast("float32").array for part in parts]
        flat = [array.reshape(len(array), int(np.prod(array.shape[1:]))) for array in arrays]
        return Values(np.concatenate(flat, axis=1))
    if function == "between":
        x, low, high = parts
        return combined("&", [combined("<=", [low, x]), combined("<=", [x, high])])
    if function in ARITHMETIC:
        return arithmetic(function, *parts)
    if function in COMPARISONS:
        return comparison(function, *parts)
    if function == "where":
        condition, a, b = aligned(parts[0], *in_common(parts[1:]))
        return replace(joint(parts[1:]), array=np.where(condition, a, b))
    a, b = aligned(*in_common(parts))
    if function in BITWISE:
        return replace(joint(parts), array=COMBINATIONS[function](a, b))
    is_first = COMBINATIONS["<" if function == "minimum" else ">"](a, b)
    return replace(joint(parts), array=np.where(is_first | (a != a), a, b))


def joint(parts: Sequence[Any]) -> Values:
    """What values have in common that one of them, or of the numbers among the parts, is chosen from."""
    values = [part for part in parts if isinstance(part, Values)]
    types, numbers = types_and_numbers(parts)
    is_mixed = any(part.is_computed or are_whole([part.type]) for part in values)
    result = joint_float(*(part.result for part in values)) if values else "float32"
    return Values(np.empty(0), is_computed=is_mixed and not are_whole(types, numbers), result=result)


def types_and_numbers(parts: Sequence[Any]) -> tuple[list[str], list[Any]]:
    types = [part.type for part in parts if isinstance(part, Values)]
    return types, [part for part in parts if not isinstance(part, Values)]


def in_common(parts: Sequence[Any]) -> list[Any]:
    """Values and numbers in the type in which they meet."""
    types, numbers = types_and_numbers(parts)
    is_computed = any(part.is_computed for part in parts if isinstance(part, Values))
    type_ = meets_in(types, numbers, is_computed=is_computed)
    if type_ is None:
        raise Refused(f"no type in common: {types} {numbers}")
    return [part.cast(type_) if isinstance(part, Values) else as_type(part, type_) for part in parts]


def as_type(number: Any, type_: str) -> Array:
    """Numbers in the type of values that they meet, which must hold integers, and may round floats."""
    given = np.asarray(number)
    made = cast(given, type_)
    is_lost = np.isfinite(given.astype(np.float64)) & ~np.isfinite(made.astype(np.float64))
    if "int" in type_:
        is_lost = made.astype(object) != given.astype(object)
    if np.any(is_lost):
        raise Refused(f"{number} as {type_}")
    return made


def aligned(*parts: Any) -> list[Array]:
    """Values ``[N, ...]`` and numbers ``[1, ...]`` with as many axes, broadcast against each other."""
    arrays = [part.array if isinstance(part, Values) else np.asarray(part)[np.newaxis] for part in parts]
    axes = max(array.ndim for array in arrays)
    shaped = [array.reshape(len(array), *[1] * (axes - array.ndim), *array.shape[1:]) for array in arrays]
    return [*np.broadcast_arrays(*shaped)]


def arithmetic(operator: str, a: Any, b: Any) -> Values:
    types, numbers = types_and_numbers([a, b])
    result = joint_float(*(part.result for part in (a, b) if isinstance(part, Values)))
    right = None if isinstance(b, Values) else b
    if is_exact(operator, types, numbers, right):
        compute = np.frompyfunc(EXACT[operator], 2, 1)
        exact = compute(*(array.astype(object) for array in aligned(a, b)))
        return Values(cast(exact, "int64"))
    dtype = computes_in(*types)
    x, y = aligned(*(part.cast(dtype) if isinstance(part, Values) else as_type(part, dtype) for part in (a, b)))
    if operator in ("/", "//", "%") and right is not None and not y.all():
        raise Refused(f"division by {b} as {dtype}")
    if operator != "**":
        made = COMBINATIONS[operator](x, y)
    else:
        made = x * x if right is not None and whole_exponent(right) == 2 else function_of("power", x, y)
    return Values(made, is_computed=True, result=result)


EXACT: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: int(a) + int(b),
    "-": lambda a, b: int(a) - int(b),
    "*": lambda a, b: int(a) * int(b),
    "//": lambda a, b: int(a) // int(b) if b else 0,
    "%": lambda a, b: int(a) % int(b) if b else 0,
    # Any higher power is -1, 0, 1, or beyond int64 on the same side.
    "**": lambda a, b: int(a) ** int(min(b, 64 + b % 2)),
}


def comparison(operator: str, a: Any, b: Any) -> Values:
    types, numbers = types_and_numbers([a, b])
    if are_whole(types, numbers):
        x, y = (array.astype(object) for array in aligned(a, b))
        return Values(COMBINATIONS[operator](x, y).astype(bool))
    return Values(COMBINATIONS[operator](*aligned(*in_common([a, b]))))


def function_of(name: str, *arrays: Array) -> Array:
    """A function of floats by binfeed, of nothing else, which must be as near to NumPy's as promised."""
    dtype, shape = arrays[0].dtype, arrays[0].shape
    if 0 in shape:
        return np.empty(shape, dtype)
    columns = np.stack([array.ravel() for array in arrays], axis=1)
    x, *others = (bf.field("value")[k].cast(dtype) for k in range(len(arrays)))
    feature = x ** others[0] if name == "power" else getattr(x, name)()
    found = np.asarray(bf.open(columns.tobytes(), f"({len(arrays)}){dtype.str}", feature)[:])
    # Of infinities NumPy's powers with more digits are wrong on some systems: of -inf ** -2.0**63, for one.
    is_finite = np.isfinite(columns).all(axis=1)
    function = getattr(np, name)
    exact = np.where(is_finite, function(*columns.T.astype(np.longdouble)), function(*columns.T))
    nearest = exact.astype(dtype)
    error = np.abs(found - exact) / np.spacing(np.abs(nearest))
    is_same = (found == nearest) | (np.isnan(found) & np.isnan(nearest))
    is_near = is_same | (error <= 1)
    assert is_near.all(), f"{name} of {columns[~is_near][0]} is {found[~is_near][0]}, not {exact[~is_near][0]}"
    return found.reshape(shape)


# Samples.


def in_windows(values: Array, part: Part, *, is_target: bool) -> Array:
    """The values of every sample, from those of every record."""
    stride = part.window.stride if part.window else 1
    starts = np.cumsum([0, *part.counts])[:-1]
    firsts = np.concatenate(
        [start + np.arange(count) * stride for start, count in zip(starts, part.samples(), strict=True)]
    )
    if part.window is None:
        chosen = firsts
    elif not is_target:
        chosen = firsts[:, np.newaxis] + np.arange(part.window.size) * part.window.dilation
    else:
        chosen = firsts + (part.window.target_offset or 0)
        if part.window.target_size is not None:
            chosen = chosen[:, np.newaxis] + np.arange(part.window.target_size) * part.window.dilation
    return np.asarray(values[chosen])


def samples_of(part: Part) -> Any:
    """All samples of a reader, in its structure: :class:`Values` of ``[samples, ...]``.

    Raises:
        Refused: if the features must be.
    """
    raw = part.raw()
    with np.errstate(all="ignore"):
        fields = {leaf.name: field_values(leaf, raw) for leaf in leaves(part.record.struct)}

        def values(chain: Chain) -> Values:
            found = values_of(chain, fields).finished()
            return replace(found, array=in_windows(found.array, part, is_target=chain.is_target))

        if part.features is None:
            named = {name: values(Chain(name)) for name in fields}
            return named["value"] if part.record.form == "string" else named
        if isinstance(part.features, dict):
            return {name: values(chain) for name, chain in part.features.items()}
        return values(part.features)


def mapped(function: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """``function`` of each leaf of structures that are alike."""
    if isinstance(structure, dict):
        return {name: mapped(function, value, *(other[name] for other in others)) for name, value in structure.items()}
    if isinstance(structure, tuple):
        return tuple(mapped(function, *values) for values in zip(structure, *others, strict=True))
    return function(structure, *others)


def rows(whole: Any, index: Any) -> Any:
    """Some of all samples."""
    return mapped(lambda array: array[index], whole)


# Orders.


def interleaved(counts: Sequence[int], cycle_length: int, block_length: int) -> Array:
    """Samples in the order of ``tf.data.Dataset.interleave`` over files that have so many."""
    starts = np.cumsum([0, *counts])
    waiting = collections.deque(iter(range(*ends)) for ends in itertools.pairwise(starts))
    slots: list[Iterator[int] | None] = [None] * cycle_length
    order: list[int] = []
    while waiting or any(slots):
        for number in range(cycle_length):
            file = slots[number] or (waiting.popleft() if waiting else iter(()))
            block = list(itertools.islice(file, block_length))
            order += block
            slots[number] = file if len(block) == block_length else None
    return np.array(order, np.int64)


@functools.lru_cache(maxsize=64)
def shuffled(size: int, shuffle: bool | str | bf.BlockShuffle, sample_bytes: int, seed_: int, epoch: int) -> Array:
    """The samples of an epoch in random order; by default a block is a mebibyte of the files."""
    if shuffle in (True, "global"):
        return reference.shuffled(size, seed_, epoch)
    blocks = shuffle if isinstance(shuffle, bf.BlockShuffle) else bf.BlockShuffle()
    return reference.block_shuffled(
        size, blocks.block_samples or 2**20 // sample_bytes, blocks.group_blocks, seed_, epoch
    )


@dataclass(frozen=True)
class Schedule:
    """Which samples come when.

    Attributes:
        counts: samples of each file.
        order: what was asked for.
        sample_bytes: of the files, for a sample.
    """

    counts: tuple[int, ...]
    order: Order
    sample_bytes: int

    def samples(self, epoch: int) -> Array:
        """All samples of an epoch, before it is shared out."""
        if not self.order.shuffle:
            return interleaved(self.counts, self.order.cycle_length, self.order.block_length)
        return shuffled(sum(self.counts), self.order.shuffle, self.sample_bytes, self.order.seed, epoch)

    def batches(self, epoch: int, first: int = 0) -> list[Array]:
        """The shard's batches of an epoch that begins at position ``first``."""
        samples = self.samples(epoch)
        size, (shard, shards) = self.order.batch_size, self.order.shard
        turns, rest = divmod(len(samples) - first, size * shards)
        begins = [first + size * (turn * shards + shard) for turn in range(turns)]
        batches = [samples[begin : begin + size] for begin in begins]
        if not self.order.drop_remainder:
            share = rest // shards if self.order.shard_remainder == "drop" else -(-rest // shards)
            begin = len(samples) - rest + shard * share
            last = np.take(samples, np.arange(begin, begin + share), mode="wrap")
            batches += [last] if share else []
        return batches

    def all_batches(self, epoch: int, first: int, end: int) -> list[Array]:
        """The batches from position ``first`` of ``epoch`` to epoch ``end``."""
        firsts = itertools.chain([first], itertools.repeat(0))
        return [batch for number in range(epoch, end) for batch in self.batches(number, next(firsts))]

    def place_after(self, taken: int) -> tuple[int, int]:
        """Epoch and position where all shards go on that have read so many batches each."""
        epoch = 0
        while taken > (count := len(self.batches(epoch))):
            taken -= count
            epoch += 1
        is_at_end = 0 < taken == count  # whoever read nothing has passed no epoch
        return (epoch + 1, 0) if is_at_end else (epoch, taken * self.order.batch_size * self.order.shard[1])


# The comparison.


@contextmanager
def comparing(what: str) -> Iterator[None]:
    """Says of what a comparison within it failed."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


def assert_same_batches(found: Sequence[Any], whole: Any, samples: Sequence[Array]) -> None:
    """Whether ``found`` are the batches of these samples."""
    assert len(found) == len(samples)
    for number, (batch, indices) in enumerate(zip(found, samples, strict=True)):
        with comparing(f"batch {number}"):
            assert_identical(batch, rows(whole, indices))


def in_tensorflow(array: Array) -> Array:
    """As TensorFlow gives it: strings without trailing zeros, raw bytes as ``uint8``."""
    if array.dtype.kind == "S":
        return array.astype(object)
    if array.dtype.type is np.void:
        size = array.dtype.itemsize
        return np.frombuffer(array.tobytes(), np.uint8).reshape(*array.shape, size)
    return array


def labelled(whole: Any, label: str | None) -> Any:
    """``(features, label)`` of a dict, if there is a label; a single feature is bare."""
    if label is None:
        return whole
    features = {name: array for name, array in whole.items() if name != label}
    return (next(iter(features.values())) if len(features) == 1 else features), whole[label]


def open_part(part: Part, folder: Path) -> bf.Reader:
    """A reader of files in ``folder``."""
    folder.mkdir()
    paths = [folder / f"part-{number:03}.bin" for number in range(len(part.counts))]
    for path, content in zip(paths, part.files(), strict=True):
        path.write_bytes(content)
    layout: Any = part.record.layout()
    if part.record.form == "yaml":
        layout.save(folder / "layout.yaml")
        layout = folder / "layout.yaml"
    return bf.open(paths, layout, part.asked(), window=part.window)


def open_case(case: Case, folder: Path) -> bf.Reader:
    """A reader of all parts side by side."""
    readers = [open_part(part, folder / str(number)) for number, part in enumerate(case.parts)]
    return readers[0] if len(readers) == 1 else bf.zip(*readers)


def schedule_of(case: Case, order: Order) -> Schedule:
    """The model of one of the orders of a case."""
    distances = [part.record.struct.size * (part.window.stride if part.window else 1) for part in case.parts]
    return Schedule(tuple(case.parts[0].samples()), order, sum(distances))


def check(case: Case, folder: Path) -> bool:
    """Compare all ways to read ``case``, of which nothing is in ``folder`` yet. False if it must be refused, and is.

    Raises:
        AssertionError: saying what is not as the model has it.
    """
    try:
        values = tuple(samples_of(part) for part in case.parts)
    except Refused as refusal:
        try:
            open_case(case, folder)
        except bf.FeatureError:
            return False
        raise AssertionError(f"not refused: {refusal}") from None
    with open_case(case, folder) as reader:
        whole = mapped(lambda each: each.array, values if len(values) > 1 else values[0])
        with comparing("reader[:]"):
            assert_identical(reader[:], whole)
        check_indices(case, reader, whole)
        check_batches(case, reader, whole)
        with comparing("endless"):
            check_endless(case, reader, whole)
        if case.engine in ("graph", "generator"):
            with comparing(case.engine):
                check_dataset(case, reader, mapped(in_tensorflow, whole))
                check_endless_dataset(case, reader, mapped(in_tensorflow, whole))
    for part, samples in zip(case.parts, whole if len(case.parts) > 1 else (whole,), strict=True):
        check_instruction_sets(case, part, samples)
        if case.engine == "decode" and part.window is None:
            check_decode_op(part, mapped(in_tensorflow, samples))
    return True


def check_indices(case: Case, reader: bf.Reader, whole: Any) -> None:
    for index in (*case.indices, -1):
        with comparing(f"reader[{index}]"):
            assert_identical(reader[index], rows(whole, index))
    with comparing(f"reader[{case.cut}]"):
        assert_identical(reader[case.cut], rows(whole, case.cut))
    with comparing("take"):
        assert_identical(reader.take(case.indices), rows(whole, list(case.indices)))
    with comparing("iteration"):
        for number, sample in enumerate(reader):
            assert_identical(sample, rows(whole, number))
        assert number == len(reader) - 1


def check_instruction_sets(case: Case, part: Part, whole: Any) -> None:
    contents = [np.frombuffer(content, np.uint8) for content in part.files()]
    for name in bf.build_info().supported:
        with comparing(name), open_with(contents, part.record.layout(), part.asked(), name, part.window) as reader:
            assert_identical(reader[:], whole)
            assert_identical(reader.take(case.indices), rows(whole, list(case.indices)))


def check_batches(case: Case, reader: bf.Reader, whole: Any) -> None:
    order = case.order
    expected = schedule_of(case, order).all_batches(0, 0, order.epochs)
    batches = reader.batches(order.batch_size, **order.options())
    with comparing("batches"):
        assert len(batches) == len(expected)
        taken = list(itertools.islice(batches, case.taken))
        state = json.loads(json.dumps(batches.state()))
        assert_same_batches([*taken, *batches], whole, expected)
    with comparing("skip"):
        skipped = reader.batches(order.batch_size, **order.options()).skip(case.taken)
        assert skipped.state() == state
        assert_same_batches(list(skipped), whole, expected[case.taken :])
    with comparing("state"):
        resumed = reader.batches(case.resumed.batch_size, **case.resumed.options(), state=state)
        assert_same_batches(list(resumed), whole, samples_behind(case, len(taken)))


def check_endless(case: Case, reader: bf.Reader, whole: Any) -> None:
    order = case.order
    expected = schedule_of(case, order).all_batches(0, 0, order.epochs + 1)
    options = order.options() | {"epochs": None}
    found = itertools.islice(reader.batches(order.batch_size, **options), len(expected))
    assert_same_batches(list(found), whole, expected)
    skipped = reader.batches(order.batch_size, **options).skip(len(expected[1:]))
    assert_same_batches(list(itertools.islice(skipped, len(expected[-1:]))), whole, expected[-1:])


def samples_behind(case: Case, taken: int) -> list[Array]:
    """The batches that are left for those who go on behind so many."""
    place = schedule_of(case, case.order).place_after(taken)
    return schedule_of(case, case.resumed).all_batches(*place, case.order.epochs)


def check_dataset(case: Case, reader: bf.Reader, whole: Any) -> None:
    order, whole = case.order, labelled(whole, case.label)
    schedule = schedule_of(case, order)
    expected = schedule.all_batches(0, 0, order.epochs)
    options = {"engine": case.engine, "label": case.label, **case.engine_options}
    dataset = reader.to_tf_dataset(order.batch_size, **order.options(), **options)
    with comparing("the first time"):
        assert int(dataset.cardinality()) == len(expected)
        assert_same_batches(list(dataset.as_numpy_iterator()), whole, expected)
    with comparing("the second time"):
        reshuffles = order.shuffle and case.engine_options.get("reshuffle_each_iteration", True)
        again = schedule.all_batches(order.epochs, 0, 2 * order.epochs) if reshuffles else expected
        assert_same_batches(list(dataset.as_numpy_iterator()), whole, again)
    with comparing("state"):
        state = reader.batches(order.batch_size, **order.options()).skip(case.taken).state()
        resumed = reader.to_tf_dataset(case.resumed.batch_size, **case.resumed.options(), state=state, **options)
        left = samples_behind(case, min(case.taken, len(expected)))
        assert_same_batches(list(resumed.as_numpy_iterator()), whole, left)
        assert_same_batches(list(resumed.skip(1).as_numpy_iterator()), whole, left[1:])


def check_endless_dataset(case: Case, reader: bf.Reader, whole: Any) -> None:
    order, whole = case.order, labelled(whole, case.label)
    expected = schedule_of(case, order).all_batches(0, 0, order.epochs + 1)
    options = order.options() | {"epochs": None, "engine": case.engine, "label": case.label, **case.engine_options}
    dataset = reader.to_tf_dataset(order.batch_size, **options)
    with comparing("endless"):
        assert_same_batches(list(dataset.take(len(expected)).as_numpy_iterator()), whole, expected)


def check_decode_op(part: Part, whole: Any) -> None:
    import binfeed.tensorflow as bft  # noqa: PLC0415

    layout, features = part.record.layout(), part.asked()
    for many, strings in ((False, [row.tobytes() for row in part.raw()]), (True, part.files())):
        with comparing(f"decode(many={many})"):
            tensors = bft.decode(strings, layout, features, many=many)
            assert_identical(mapped(lambda tensor: tensor.numpy(), tensors), whole)


# The fuzzer.

CASES_PER_ROUND = 100
CASES_PER_LINE = 1000


class Fuzzer:
    """Checks random cases, and counts them until the first one that fails."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.cases = 0
        self.invalid = 0
        self.has_failed = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def run_round(self, number: int) -> None:
        """A round of cases, always the same ones for the same number."""

        @seed(number)
        @settings(
            max_examples=CASES_PER_ROUND,
            database=None,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases())
        def one_round(case: Case) -> None:
            self.check(case)

        one_round()

    def check(self, case: Case) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                is_valid = check(case, Path(folder))
        except Exception:
            if not self.has_failed:
                print(f"case {self.cases + 1} fails; looking for the smallest one that does", flush=True)
            self.has_failed = True
            raise
        if not self.has_failed:
            self.cases += 1
            self.invalid += not is_valid
            if self.cases % CASES_PER_LINE == 0:
                self.report()

    def report(self) -> None:
        share = self.invalid / max(self.cases, 1)
        print(f"{self.cases} cases, {self.seconds:.0f} s, {share:.1%} invalid", flush=True)


def fuzz(seconds: float, first_seed: int) -> bool:
    """Check random cases until the time is over or one fails: whether none did."""
    warnings.simplefilter("error", RuntimeWarning)
    fuzzer = Fuzzer()
    for number in itertools.count(first_seed):
        if fuzzer.seconds >= seconds:
            break
        try:
            fuzzer.run_round(number)
        except Exception:
            traceback.print_exc()
            print(f"--seed {number} finds it in the first {CASES_PER_ROUND} cases", flush=True)
            return False
    fuzzer.report()
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="of the first cases; a random one is printed")
    arguments = parser.parse_args()
    first_seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(f"--seed {first_seed}")
    return 0 if fuzz(arguments.seconds, first_seed) else 1


if __name__ == "__main__":
    sys.exit(main())
