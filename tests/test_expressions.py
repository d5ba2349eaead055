"""Expressions of several fields, against Python's integers and fractions, and NumPy; what is refused, and what is shared."""

from __future__ import annotations

import itertools
import json
import math
import operator
import sqlite3
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.planning import plan_features
from binfeed.reader import open_with

from tests.helpers import Array, WriteFiles, assert_identical, joined

A, B, X = bf.field("a"), bf.field("b"), bf.field("x")

INT64 = np.iinfo(np.int64)
NEWEST = bf.build_info().supported[-1]


def computed(feature: Any, instruction_set: str = NEWEST, **columns: Any) -> Any:
    """A feature, or several by name, of records that have the arrays as fields."""
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    records = np.zeros(len(next(iter(arrays.values()))), [(name, a.dtype, a.shape[1:]) for name, a in arrays.items()])
    for name, array in arrays.items():
        records[name] = array
    features = {"feature": feature} if isinstance(feature, bf.Feature) else feature
    with open_with([records.view(np.uint8).reshape(-1)], bf.Layout(records.dtype), features, instruction_set) as reader:
        found = reader[:]
    return found["feature"] if isinstance(feature, bf.Feature) else found


def pairs_of(values: Array) -> tuple[Array, Array]:
    """All pairs of values."""
    return np.repeat(values, len(values)), np.tile(values, len(values))


# Arithmetic of integers.

NUMBERS = [0, 1, -1, 2, 3, -3, 7, 10, 100, 2**31, -(2**31) - 1, 3037000499, 3037000500, 2**62, -(2**62)]
NUMBERS += [INT64.max, INT64.max - 1, INT64.min, INT64.min + 1, 2**63, 2**64 - 1]

ON_INTEGERS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, int], int]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
    "//": (operator.floordiv, lambda a, b: a // b if b else 0),
    "%": (operator.mod, lambda a, b: a % b if b else 0),
}


def limited(numbers: Any) -> Array:
    """Whole numbers as int64, or its bound that is nearest."""
    return np.array([min(max(number, INT64.min), INT64.max) for number in numbers], np.int64)


def integers_of(dtype: str) -> Array:
    limits = np.iinfo(dtype)
    return np.array([number for number in NUMBERS if limits.min <= number <= limits.max] + [limits.max], dtype)


@pytest.mark.parametrize("name", ON_INTEGERS)
@pytest.mark.parametrize("types", [*itertools.product(["<i1", "<u2", "<i8", "<u8"], repeat=2)])
def test_integers_are_exact_and_limited_to_int64(types: tuple[str, str], name: str, instruction_set: str) -> None:
    combine, on_ints = ON_INTEGERS[name]
    a, b = (grid.ravel() for grid in np.meshgrid(*map(integers_of, types)))
    found = computed(combine(A, B), instruction_set, a=a, b=b)
    assert_identical(found, limited(map(on_ints, a.tolist(), b.tolist())))


@pytest.mark.parametrize("name", ON_INTEGERS)
@pytest.mark.parametrize("dtype", ["<i2", "<i8", "<u8"])
def test_whole_numbers_on_either_side(dtype: str, name: str, instruction_set: str) -> None:
    combine, on_ints = ON_INTEGERS[name]
    a = integers_of(dtype)
    for number in NUMBERS:
        left = computed(combine(number, A), instruction_set, a=a)
        assert_identical(left, limited(on_ints(number, each) for each in a.tolist()))
        if number or name not in ("//", "%"):
            right = computed(combine(A, number), instruction_set, a=a)
            assert_identical(right, limited(on_ints(each, number) for each in a.tolist()))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 62, 63, 64, 65, 1000, 2**62, 2**62 + 1])
def test_powers_of_integers_are_exact(exponent: int, instruction_set: str) -> None:
    for dtype in ("<i1", "<i8", "<u8"):
        a = integers_of(dtype)
        # Whatever is not -1, 0 or 1 is beyond int64 from the 64th power on, and keeps its sign.
        reduced = min(exponent, 64 + exponent % 2)
        expected = limited(each**reduced for each in a.tolist())
        assert_identical(computed(A**exponent, instruction_set, a=a), expected)
    assert_identical(computed(A.square(), instruction_set, a=a), limited(each**2 for each in a.tolist()))


def test_bools_are_integers(instruction_set: str) -> None:
    a, b = pairs_of(np.array([False, True]))
    for combine, on_ints in ON_INTEGERS.values():
        found = computed(combine(A, B), instruction_set, a=a, b=b)
        assert_identical(found, limited(map(on_ints, a.tolist(), b.tolist())))
    assert_identical(computed(A + True, instruction_set, a=a), a.astype(np.int64) + 1)
    assert_identical(computed(-A, instruction_set, a=a), -a.astype(np.int64))


# Arithmetic of floats.

FLOATS = [0.0, -0.0, 1, -1, 0.1, -0.5, 3, 1e-3, 16777217, 1e38, -3e38, 1e-45, 5e-324, 1.7e308, 2.2e-308, math.pi]
FLOATS += [math.inf, -math.inf, math.nan]

ON_FRACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def rounded(exact: Fraction, dtype: str) -> Any:
    """The float nearest to a fraction. That of 64 bits has more than twice as many digits as that of 32."""
    try:
        nearest = float(exact)
    except OverflowError:
        nearest = math.inf if exact > 0 else -math.inf
    with np.errstate(over="ignore", under="ignore"):
        return np.dtype(dtype).type(nearest)


@pytest.mark.parametrize("name", ON_FRACTIONS)
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats_are_rounded_correctly(dtype: str, name: str, instruction_set: str) -> None:
    combine = ON_FRACTIONS[name]
    with np.errstate(over="ignore"):
        finite = np.array([value for value in FLOATS if math.isfinite(value)]).astype(dtype)
    finite = np.concatenate([finite[np.isfinite(finite)], np.random.default_rng(3).normal(0, 1e3, 40).astype(dtype)])
    a, b = pairs_of(finite)
    found = computed(combine(A.cast(dtype), B.cast(dtype)), instruction_set, a=a, b=b)
    assert found.dtype == dtype
    exact = [
        combine(Fraction(float(x)), Fraction(float(y))) if name != "/" or y else None for x, y in zip(a, b, strict=True)
    ]
    for value, expected in zip(found, exact, strict=True):
        if expected is not None:
            assert value == rounded(expected, dtype)


@pytest.mark.parametrize("name", ["+", "-", "*", "/", "//", "%"])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_floats_are_those_of_numpy(dtype: str, name: str, instruction_set: str) -> None:
    combine = {**ON_FRACTIONS, "//": operator.floordiv, "%": operator.mod}[name]
    with np.errstate(all="ignore"):
        a, b = pairs_of(np.array(FLOATS).astype(dtype))
        expected = combine(a, b)
    assert_identical(computed(combine(A.cast(dtype), B.cast(dtype)), instruction_set, a=a, b=b), expected)


def test_arithmetic_is_rounded_once() -> None:
    # In float64 1 + 1e-9 is not 1, as it is in float32.
    a, b = np.array([1.0, 2.0]), np.array([1e-9, 1e-12])
    found = computed({"f": (A + B - A) * 1e12, "g": ((A + B).cast("float32") - A) * 1e12}, a=a, b=b)
    assert_identical(found["f"], (((a + b) - a) * 1e12).astype(np.float32))
    assert_identical(found["g"], np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("feature", "dtype"),
    [
        (bf.field("f4") + bf.field("f8"), "float32"),
        (bf.field("f4").cast("float64") + bf.field("f4"), "float64"),
        (bf.field("f2").cast("float16") + bf.field("f4").cast("float16"), "float16"),
        (bf.field("f2") + bf.field("f2"), "float32"),
        (bf.field("f2").cast("float16") * bf.field("f2").cast("bfloat16"), "float32"),
        (bf.field("f2").cast("float16") * 2, "float16"),
        (bf.field("i1") + bf.field("u1"), "int64"),
        (bf.field("i1") / bf.field("u1"), "float32"),
        (bf.field("i1") + 0.5, "float32"),
        (bf.field("i8").cast("float64") + bf.field("i8"), "float64"),
        (bf.field("i1") ** 2, "int64"),
        (bf.field("i1") ** 0.5, "float32"),
        (bf.field("i1") ** -1, "float32"),
        (bf.field("i1") ** bf.field("u1"), "float32"),
        (2 ** bf.field("i1"), "float32"),
        (-bf.field("i1"), "int64"),
        (+bf.field("f8"), "float32"),
        (bf.field("i1").square(), "int64"),
        (bf.field("i1") < bf.field("f8"), "bool"),
        (bf.field("t") & (bf.field("i1") == 3), "bool"),
        (bf.field("i1") & 3, "int8"),
        (bf.field("i1") & bf.field("u1"), "int16"),
        (bf.field("u1") | 256, "uint16"),
        (bf.field("u1") ^ -1, "int16"),
        (~bf.field("u1"), "uint8"),
        (~bf.field("t"), "bool"),
        (bf.minimum(bf.field("i1"), bf.field("u2")), "int32"),
        (bf.minimum(bf.field("i1"), 7), "int8"),
        (bf.minimum(bf.field("i1"), 300), "int16"),
        (bf.minimum(bf.field("i1"), 40000), "int32"),
        (bf.minimum(bf.field("i4"), 2**40), "int64"),
        (bf.minimum(bf.field("u4"), 2**40), "uint64"),
        (bf.minimum(bf.field("u8"), 2**64 - 1), "uint64"),
        (bf.minimum(bf.field("t"), bf.field("t")), "bool"),
        (bf.minimum(bf.field("t"), 1), "uint8"),
        (bf.minimum(bf.field("f2"), 1), "float16"),
        (bf.minimum(bf.field("f8"), bf.field("f4")), "float64"),
        (bf.minimum(bf.field("f8"), bf.field("i1")), "float32"),
        (bf.minimum(bf.field("f8"), bf.field("f4") * 2), "float32"),
        (bf.where(bf.field("t"), bf.field("u1"), bf.field("i8")), "int64"),
        (bf.where(bf.field("t"), bf.field("f2"), math.nan), "float16"),
        (bf.where(bf.field("t"), bf.field("u1"), math.nan), "float32"),
        (bf.where(bf.field("t"), 1, 0), "int64"),
        (bf.where(bf.field("t"), 1, 0.5), "float32"),
        (bf.where(bf.field("t"), True, False), "bool"),
        (bf.field("f2").floor(), "float16"),
        (bf.field("u1").sign(), "uint8"),
        (bf.field("f8").sqrt(), "float32"),
        (bf.field("f8").cast("float64").sqrt(), "float64"),
        (bf.field("f8").bucketize([0, 1]), "int32"),
        (bf.field("u1").is_in([1, 2]), "bool"),
    ],
)
def test_dtypes_of_what_comes_out(feature: bf.Feature, dtype: str) -> None:
    layout = bf.Layout(
        {name: f"<{name}" for name in ("i1", "u1", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")} | {"t": "?"}
    )
    assert plan_features({"x": feature}, layout).outputs[0].dtype == dtype


# Literals, and shapes.

LITERALS: list[Any] = [2, 2.5, True, np.int8(2), np.uint64(2), np.float32(2.5), np.float16(0.5), np.array(3), [1, 2, 3]]
LITERALS += [np.array([1, 2, 3], "i1"), np.array([[1.5], [2]]), (0.5,), np.bool_(True), Fraction(1, 2)]


@pytest.mark.parametrize("literal", LITERALS, ids=repr)
@pytest.mark.parametrize(
    "combine", [operator.add, operator.sub, operator.mul, operator.lt, operator.ge, operator.eq, operator.ne]
)
def test_literals_are_on_either_side(literal: Any, combine: Callable[[Any, Any], Any]) -> None:
    a = np.arange(12, dtype="<f4").reshape(2, 2, 3)
    number = np.array(literal, np.float32)
    for found, expected in ((combine(A, literal), combine(a, number)), (combine(literal, A), combine(number, a))):
        assert isinstance(found, bf.Feature)
        assert_identical(computed(found, a=a), expected)


def test_literals_are_copied() -> None:
    factors = np.array([1.0, 2.0])
    feature = A * factors
    factors[:] = 9
    assert_identical(computed(feature, a=np.ones((1, 2), "<f4")), np.array([[1, 2]], np.float32))


@pytest.mark.parametrize(
    ("one", "other", "whole"),
    [
        ((), (), ()),
        ((), (3,), (3,)),
        ((1,), (3,), (3,)),
        ((3, 1), (1, 4), (3, 4)),
        ((3, 1), (4,), (3, 4)),
        ((2, 1, 3), (5, 1), (2, 5, 3)),
        ((1, 1), (3,), (1, 3)),
        ((0,), (1,), (0,)),
        ((0, 1), (1, 3), (0, 3)),
        ((2, 3), (2, 3), (2, 3)),
    ],
)
def test_shapes_broadcast(
    one: tuple[int, ...], other: tuple[int, ...], whole: tuple[int, ...], instruction_set: str
) -> None:
    random = np.random.default_rng(1)
    a = random.integers(-99, 99, (300, *one), np.int16)
    b = random.integers(-99, 99, (300, *other), np.int32)

    def aligned(array: Array) -> Array:
        return array.reshape(300, *(1,) * (len(whole) + 1 - array.ndim), *array.shape[1:])

    wide = {"sum": A + B, "less": A < B, "lower": bf.minimum(A, B), "chosen": bf.where(A > 0, A, B)}
    found = computed({**wide, "literal": A - np.ones(other, int), "indexed": (A - B)[...]}, instruction_set, a=a, b=b)
    x, y = np.broadcast_arrays(aligned(a).astype(np.int64), aligned(b))
    assert_identical(found["sum"], x + y)
    assert_identical(found["less"], x < y)
    assert_identical(found["lower"], np.minimum(x, y).astype(np.int32))
    assert_identical(found["chosen"], np.where(x > 0, x, y).astype(np.int32))
    assert_identical(found["literal"], x - 1)
    assert_identical(found["indexed"], x - y)


def test_combinations_of_concatenations_and_one_hots(instruction_set: str) -> None:
    a, b = np.array([[1, 2], [0, 3]], "<u1"), np.array([2, 1], "<u1")
    both = bf.concat(A, B)
    wide = np.array([[1, 2, 2], [0, 3, 1]], np.float32)
    hot = bf.concat(B.one_hot(2), B)
    assert_identical(computed(both * 2 + both, instruction_set, a=a, b=b), wide * 3)
    assert_identical(computed(both * [1, 2, 3], instruction_set, a=a, b=b), wide * np.float32([1, 2, 3]))
    assert_identical(computed(both > B, instruction_set, a=a, b=b), wide > b[:, np.newaxis])
    assert_identical(computed(bf.where(both > 1, both, -1), instruction_set, a=a, b=b), np.where(wide > 1, wide, -1))
    assert_identical(computed(hot + both, instruction_set, a=a, b=b), wide + np.float32([[0, 0, 2], [0, 1, 1]]))
    assert_identical(
        computed(B.one_hot(2) * B + 1, instruction_set, a=a, b=b), np.float32([[0, 0], [0, 1]]) * b[:, np.newaxis] + 1
    )


def test_a_single_value_next_to_nothing() -> None:
    a, b = np.ones((2, 3), "<f4"), np.array([1, 2], "<f4")
    found = computed({"sum": bf.concat(A[0:0], B) + 1, "scaled": bf.concat(A[0:0], B, A[0:0]).scale(2, 1)}, a=a, b=b)
    assert_identical(found, {"sum": b[:, np.newaxis] + 1, "scaled": b[:, np.newaxis] * 2 + 1})


# Comparisons, bits and choices.

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_integers_are_compared_by_value(compare: Callable[[Any, Any], Any], instruction_set: str) -> None:
    for one, other in itertools.product(["<i1", "<i8", "<u8"], repeat=2):
        a, b = (grid.ravel() for grid in np.meshgrid(integers_of(one), integers_of(other)))
        expected = np.array([compare(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)])
        assert_identical(computed(compare(A, B), instruction_set, a=a, b=b), expected)
    for number in NUMBERS:
        assert_identical(
            computed(compare(A, number), instruction_set, a=a), np.array([compare(x, number) for x in a.tolist()])
        )


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_floats_are_compared_as_by_numpy(dtype: str, compare: Callable[[Any, Any], Any], instruction_set: str) -> None:
    with np.errstate(over="ignore"):
        a, b = pairs_of(np.array(FLOATS).astype(dtype))
    assert_identical(computed(compare(A, B), instruction_set, a=a, b=b), compare(a, b))
    for number in (0, 0.1, math.inf, -math.inf):
        assert_identical(computed(compare(A, number), instruction_set, a=a), compare(a, np.array(number, dtype)))


def test_between_has_both_bounds(instruction_set: str) -> None:
    a, b = np.array([1, 2, 3, 4], "<i4"), np.array([2, 2, 2, 5], "<i4")
    found = computed({"n": A.between(2, 3), "f": A.between(B, 3.5)}, instruction_set, a=a, b=b)
    assert found["n"].tolist() == [False, True, True, False]
    assert found["f"].tolist() == [False, True, True, False]


def test_bits_of_integers(instruction_set: str) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(integers_of("<i8"), integers_of("<i2")))
    features = {"&": A & B, "|": A | B, "^": A ^ B, "~": ~B, "mask": B & 0xFF, "left": 0xFF & B}
    found = computed(features, instruction_set, a=a, b=b)
    assert_identical(found["&"], a & b)
    assert_identical(found["|"], a | b)
    assert_identical(found["^"], a ^ b)
    assert_identical(found["~"], ~b)
    assert_identical(found["mask"], b & 0xFF)
    assert_identical(found["left"], b & 0xFF)


def test_conditions_are_combined(instruction_set: str) -> None:
    a = np.arange(10, dtype="<i4")
    conditions = {
        "both": (A > 2) & (A < 7),
        "one": (A < 2) | ~(A < 8),
        "other": (A > 2) ^ True,
        "left": False | (A > 2),
    }
    found = computed(conditions, instruction_set, a=a)
    assert_identical(found["both"], (a > 2) & (a < 7))
    assert_identical(found["one"], (a < 2) | (a >= 8))
    assert_identical(found["other"], ~(a > 2))
    assert_identical(found["left"], a > 2)


def test_where_chooses_values_of_any_type(instruction_set: str) -> None:
    a = np.array([1, -1, 2**53 + 1], "<i8")
    b = np.array([0.5, -0.0, math.nan])
    assert_identical(computed(bf.where(A > 0, A, 0), instruction_set, a=a), np.where(a > 0, a, 0))
    assert_identical(computed(bf.where(B == B, B, -1), instruction_set, b=b), np.array([0.5, -0.0, -1]))
    found = computed(bf.where(A > 1, math.nan, [1, 2]), instruction_set, a=a)
    assert_identical(found, np.array([[1, 2], [1, 2], [np.nan, np.nan]], np.float32))


def test_the_second_of_equal_values_is_taken(instruction_set: str) -> None:
    with np.errstate(over="ignore"):
        a, b = pairs_of(np.array(FLOATS))
    found = computed({"low": bf.minimum(A, B), "high": bf.maximum(A, B)}, instruction_set, a=a, b=b)
    for name, is_better in (("low", operator.lt), ("high", operator.gt)):
        expected = [x if is_better(x, y) or math.isnan(x) else y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        assert_identical(found[name], np.array(expected))
    assert_identical(computed(bf.maximum(0, A), instruction_set, a=a), np.where(a < 0, 0, a))
