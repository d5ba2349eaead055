"""Expressions of several fields, against Python's integers and fractions and NumPy; what is refused; what is shared."""

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

from tests.helpers import Array, WriteFiles, assert_identical, joined, nullable

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


@pytest.mark.parametrize(
    ("feature", "written"),
    [
        ((A + 1) * B / 2.5, "(((field('a') + 1) * field('b')) / 2.5)"),
        (2 - A, "(2 - field('a'))"),
        (-(A**2), "((field('a') ** 2) * -1)"),
        ((~A).cast("int8") & B[0], "((~field('a')).cast('int8') & field('b')[0])"),
        (bf.where(A > 1, [1, 2], B).exp(), "where((field('a') > 1), [1, 2], field('b')).exp()"),
        (bf.minimum(A, 0.5).bucketize([0, 1]), "minimum(field('a'), 0.5).bucketize([0, 1])"),
        (A.between(1, 3), "((field('a') >= 1) & (field('a') <= 3))"),
        ((A == "x").alias("is_x"), "field('a').is_in([b'x']).alias('is_x')"),
        ((A % 7).target(), "(field('a') % 7).target()"),
    ],
)
def test_expressions_print_as_they_are_computed(feature: bf.Feature, written: str) -> None:
    assert repr(feature) == written


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


# Functions of single numbers.

FUNCTIONS = ["sqrt", "exp", "log", "log2", "log10", "log1p", "sin", "cos", "tanh"]


def errors_in_ulps(found: Array, exact: Array) -> Array:
    """How far floats are from numbers of more digits, in units in the last place; 0 for NaN that is NaN."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(found.dtype)
        errors = np.abs(found - exact) / np.spacing(np.abs(nearest))
    is_same = (found == nearest) | (np.isnan(found) & np.isnan(nearest))
    return np.where(is_same & ~np.isfinite(nearest), 0, np.where(np.isfinite(errors), errors, np.inf))


def floats_of(dtype: str) -> Array:
    """Floats of all sizes, and near those at which functions are hard."""
    random = np.random.default_rng(7)
    bits = random.integers(0, 256, 8 * 5000, np.uint8).view(dtype)
    near = [scale * random.normal(size=2000) + shift for scale, shift in ((1, 0), (30, 0), (1e-3, 1), (1e-9, 0))]
    with np.errstate(all="ignore"):
        return np.concatenate([bits, *(each.astype(dtype) for each in near), np.array(FLOATS).astype(dtype)])


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_as_near_to_numpy_as_promised(name: str, dtype: str) -> None:
    a = floats_of(dtype)
    sets = bf.build_info().supported
    found, *others = [computed(getattr(A.cast(dtype), name)(), instruction_set, a=a) for instruction_set in sets]
    for other in others:
        assert_identical(other, found)
    with np.errstate(all="ignore"):
        errors = errors_in_ulps(found, getattr(np, name)(a.astype(np.longdouble)))
    assert errors.max() <= 1, f"{name}({a[errors.argmax()]})"


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_powers_are_as_near_to_numpy_as_promised(dtype: str) -> None:
    random = np.random.default_rng(8)
    with np.errstate(over="ignore"):
        edges = pairs_of(np.array([*FLOATS, 2, -2, -3, 0.5, 2.5]).astype(dtype))
    some = floats_of(dtype)
    a, b = np.concatenate([edges[0], some]), np.concatenate([edges[1], random.permutation(some)])
    found, *others = [computed(A.cast(dtype) ** B.cast(dtype), name, a=a, b=b) for name in bf.build_info().supported]
    for other in others:
        assert_identical(other, found)
    with np.errstate(all="ignore"):
        errors = errors_in_ulps(found, np.power(a.astype(np.longdouble), b.astype(np.longdouble)))
    assert errors.max() <= 1, f"{a[errors.argmax()]} ** {b[errors.argmax()]}"


def test_the_square_of_a_float_is_a_product(instruction_set: str) -> None:
    a = floats_of("<f4")
    with np.errstate(all="ignore"):
        for feature in (A**2, A**2.0, A.square(), A ** np.int8(2)):
            assert_identical(computed(feature, instruction_set, a=a), a * a)


@pytest.mark.parametrize("dtype", ["i1", "<u8", "<f2", "<f4", "<f8", "?"])
def test_signs_and_whole_numbers_keep_the_dtype(dtype: str, instruction_set: str) -> None:
    if np.dtype(dtype).kind == "f":
        with np.errstate(all="ignore"):
            a = np.array([*FLOATS, 0.5, 1.5, 2.5, -0.4, -1.5, 2**23 + 0.5, 2**52 + 0.5]).astype(dtype)
    else:
        a = np.array([True, False]) if dtype == "?" else integers_of(dtype)
    expected = {"sign": np.sign(a) if dtype != "?" else a}
    expected |= {name: getattr(np, name)(a) if np.dtype(dtype).kind == "f" else a for name in ("floor", "ceil")}
    expected["round"] = np.rint(a) if np.dtype(dtype).kind == "f" else a
    found = computed({name: getattr(A, name)() for name in expected}, instruction_set, a=a)
    assert_identical(found, expected)


# Categories.


def test_buckets_are_those_of_numpy(instruction_set: str) -> None:
    edges = [-1.5, -0.0, 0.1, 7, math.inf]
    with np.errstate(over="ignore"):
        for dtype in ("<f4", "<f8"):
            a = np.array(FLOATS).astype(dtype)
            expected = np.searchsorted(np.array(edges, dtype), a, side="right").astype(np.int32)
            assert_identical(computed(A.bucketize(edges), instruction_set, a=a), expected)
    for dtype in ("i1", "<i8", "<u8"):
        a = integers_of(dtype)
        for whole in ([0], [-5, 0, 3, 2**62], [-(2**63), -1], [2**63], [2**63, 2**64 - 1], [0, 2**63 - 1, 2**63]):
            expected = np.array([sum(edge <= each for edge in whole) for each in a.tolist()], np.int32)
            assert_identical(computed(A.bucketize(whole), instruction_set, a=a), expected)


def test_multi_hots_have_a_one_for_each_index(instruction_set: str) -> None:
    a = np.array([[[0, 2], [2, 2]], [[-1, 1], [5, 3]]], "<i2")
    expected = np.zeros((2, 2, 4), np.float32)
    for record, row in itertools.product(range(2), repeat=2):
        expected[record, row, [index for index in a[record, row] if 0 <= index < 4]] = 1
    assert_identical(computed(A.multi_hot(4), instruction_set, a=a), expected)
    assert_identical(computed((A + 0).multi_hot(4), instruction_set, a=a), expected)
    assert_identical(computed((A / 1).multi_hot(4) * 2, instruction_set, a=a), expected * 2)


def test_values_are_looked_up(instruction_set: str) -> None:
    a, b = np.array([-1, 0, 7, 100], "i1"), np.array([b"A", b"AB", b"", b"B"], "S2")
    features = {"n": A.is_in([7, -1, 7]), "s": B.is_in(["AB", b"B", "A\0"]), "equal": B == "AB", "not": B != "AB"}
    found = computed({**features, "empty": B == b"", "both": (B == "A") | A.is_in({100})}, instruction_set, a=a, b=b)
    assert found["n"].tolist() == [True, False, True, False]
    assert found["s"].tolist() == [True, True, False, True]
    assert found["equal"].tolist() == [False, True, False, False]
    assert found["not"].tolist() == [True, False, True, True]
    assert found["empty"].tolist() == [False, False, True, False]
    assert found["both"].tolist() == [True, False, False, True]


# What is refused.


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bool(A < 1), "a feature is neither true nor false"),
        (lambda: 1 < A < 5, "Combine conditions with & | ~ rather than and, or, not"),
        (lambda: A > 1 and B > 1, "put each in parentheses"),
        (lambda: not A, "neither true nor false"),
        (lambda: A in [B], "neither true nor false"),
        (lambda: max(A, B), "neither true nor false"),
        (lambda: A + "1", "'+' takes features, numbers and arrays of numbers, not '1'"),
        (lambda: A + None, "not None"),
        (lambda: A == None, "not None"),  # noqa: E711
        (lambda: A < "AB", "'<' takes features, numbers and arrays of numbers, not 'AB'"),
        (lambda: A + 1j, "not 1j"),
        (lambda: A * [[1], [1, 2]], "arrays of numbers"),
        (lambda: A + np.datetime64("2020"), "arrays of numbers"),
        (lambda: A + np.ma.array([1, 2], mask=[0, 1]), "arrays of numbers"),
        (lambda: A + np.array([1, "x"], object), "arrays of numbers"),
        (lambda: A + np.array(["1"], object), "arrays of numbers"),
        (lambda: A + 2**64, "'+' takes integers that fit int64 or uint64, not 18446744073709551616"),
        (lambda: A > -(2**63) - 1, "'>' takes integers that fit int64 or uint64, not -9223372036854775809"),
        (lambda: A * [-1, 2**63], "not [-1, 9223372036854775808]"),
        (lambda: A + 10**5000, "not <int of 16610 bits>"),
        (lambda: A * math.nan, "'*' takes finite numbers, not nan"),
        (lambda: A * math.inf, "'*' takes finite numbers, not inf"),
        (lambda: A.between(0, math.nan), "'<=' takes finite numbers, not nan"),
        (lambda: bf.minimum(A, math.nan), "minimum() takes finite numbers, not nan"),
        (lambda: bf.minimum(1, 2), "minimum() takes at least one feature"),
        (lambda: bf.where(True, A, B), "where() takes a feature as its condition, not True"),  # type: ignore[arg-type]
        (lambda: bf.where(A > 1, "x", B), "where() takes features, numbers and arrays of numbers, not 'x'"),
        (lambda: A.between("a", "b"), "'>=' takes features"),
        (lambda: A.is_in("AB"), "is_in() takes a list of values, not 'AB'"),
        (lambda: A.is_in([]), "is_in() needs at least one value"),
        (lambda: A.is_in([0.5]), "whole numbers, not 0.5"),
        (lambda: A.bucketize([1, 1]), "bucketize(): the edges must rise, not [1, 1]"),
        (lambda: A.bucketize([2, 1]), "the edges must rise"),
        (lambda: A.bucketize([0, math.nan]), "takes finite numbers, not nan"),
        (lambda: A.bucketize([]), "bucketize() takes a list of at least one edge"),
        (lambda: A.bucketize(3), "bucketize() takes a list of at least one edge, not 3"),
        (lambda: A.multi_hot(0), "multi_hot(0): the depth must be at least 1"),
        (lambda: A.multi_hot(1.5), "multi_hot(depth=) must be a whole number, not 1.5"),
        (lambda: A.target() + B, "'+' takes features of the same records: all of a target, or none"),
        (lambda: bf.where(A > 1, B, B.target()), "takes features of the same records"),
        (lambda: bf.minimum(A.target(), B), "minimum() takes features of the same records"),
        (lambda: A.alias(""), "the name of a feature must be text of at least one character"),
    ],
)
def test_mistakes_are_told_at_once(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        make()
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


LAYOUT = bf.Layout(
    {"t": "?", "a": "<i4", "b": "<f4", "u": "<u8", "i": "i1", "s": "S3", "c": "<c8", "v": "(3)<f4", "w": "(2)<f4"}
)
T, S, C, V, W = map(bf.field, "tscvw")


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (A + X, "feature 'f': the layout has no field 'x'; there are"),
        (A + bf.field("aa"), "the layout has no field 'aa'; did you mean 'a'?"),
        (V + W, "feature 'f': the shapes (3,) and (2,) of a record's values in '+' do not broadcast"),
        (V < [1, 2], "the shapes (3,) and (2,) of a record's values in '<' do not broadcast"),
        (bf.where(V > 0, W, 0), "of a record's values in where() do not broadcast"),
        (bf.minimum(V, W), "of a record's values in minimum() do not broadcast"),
        (S + 1, "field 's' is bytes (S3), which '+' does not take"),
        (1 - S, "field 's' is bytes (S3), which '-' does not take"),
        (S == S, "field 's' is bytes (S3), which '==' does not take"),
        (A * C, "field 'c' is complex (complex64), which '*' does not take"),
        (bf.where(T, S, S), "field 's' is bytes (S3), which where() does not take"),
        (bf.maximum(S, A), "which maximum() does not take"),
        (S.sqrt(), "which .sqrt() does not take"),
        (A == "AB", "b'AB' in .is_in() is not a value of int32"),
        (S.is_in([3]), "3 in .is_in() is not a value of S3"),
        (S == "ABCD", "b'ABCD' in .is_in() is longer than S3"),
        (bf.field("i").is_in([128]), "cannot be represented as int8"),
        (B.is_in([1]), "takes fixed bytes or integers, not 'b' of float32"),
        (A // 0, "feature 'f': '//' divides by zero"),
        (A % 0, "'%' divides by zero"),
        (A / 0, "'/' divides by zero"),
        (A / [1, 0, 2], "'/' divides by zero"),
        (B / -0.0, "'/' divides by zero"),
        (B // 0.0, "'//' divides by zero"),
        (B / 1e-50, "1e-50 in '/' becomes zero as float32"),
        (B * 1e40, "1e+40 in '*' cannot be represented as float32"),
        (A.cast("int16") + 1e39, "cannot be represented as float32"),
        (bf.field("b").cast("float32") * 1e-50, "1e-50 in '*' becomes zero as float32"),
        (bf.where(T, 2**63, 1), "9223372036854775808 in where() cannot be represented as int64"),
        (bf.minimum(bf.field("u"), -1), "no integer type holds all values of uint64 and -1 in minimum()"),
        (
            bf.where(T, bf.field("u"), A),
            "no integer type holds all values of uint64 and int32 in where(): cast one first",
        ),
        (bf.field("u") & bf.field("i"), "no integer type holds all values of uint64 and int8 in '&'"),
        (bf.where(A, B, 1), "the condition of where() must be bool, not int32"),
        (bf.where(B, B, 1), "the condition of where() must be bool, not float32"),
        (A & B, "'&' takes two bools or two integers, not integer and float"),
        (A & 0.5, "'&' takes two bools or two integers, not integer and float"),
        (T | A, "'|' takes two bools or two integers, not bool and integer"),
        (T ^ 1, "'^' takes two bools or two integers, not bool and integer"),
        (~B, "~ takes bools and integers, not float32"),
        (~(A + 0.5), "~ takes bools and integers, not float64"),
        (A.multi_hot(3), ".multi_hot() takes an array of indices"),
        (V[0:0].multi_hot(3), ".multi_hot() takes an array with at least one index"),
        (bf.concat(A, B).multi_hot(3), ".multi_hot() takes an array of indices, before any concat"),
        (
            bf.concat(A.one_hot(2), B) + bf.concat(B, A.one_hot(2)),
            "the parts of one concat do not fit those of the other",
        ),
        (bf.concat(A, B) + np.ones((3, 1)), "'+' must come before concat, not after it"),
        (A.one_hot(3) * np.ones((2, 1)), "'*' must come before one_hot, not after it"),
        ((A + B)[0], "[0] does not fit a record of shape ()"),
        ((A + B).target(), "feature 'f' is a target: give open() a window="),
        (bf.field("z*") + 1, "no field matches 'z*'; the fields are t, a, b"),
        (bf.field("?") + 1, "a part of a feature: field('?') stands for 9 fields"),
        (bf.minimum(A, bf.field("*").cast("float32")), "stands for 9 fields"),
    ],
)
def test_what_does_not_fit_the_layout_is_named(feature: bf.Feature, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        bf.open(bytes(LAYOUT.record_bytes), LAYOUT, {"f": feature})
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "method"),
    [("sqr", "sqrt"), ("expp", "exp"), ("log_10", "log10"), ("isin", "is_in"), ("betwen", "between")],
)
def test_unknown_methods_are_suggested(name: str, method: str) -> None:
    with pytest.raises(AttributeError, match=f"a feature has no attribute '{name}'; did you mean '{method}'"):
        getattr(A + B, name)


def test_operators_that_features_lack() -> None:
    for make in (
        lambda: A @ B,
        lambda: A << 1,
        lambda: divmod(A, 2),
        lambda: np.exp(A),
        lambda: 3 in A,
        lambda: float(A),
    ):
        with pytest.raises(TypeError):
            make()


# Names and patterns.

QUOTES = {"bid0": "<i4", "bid1": "<i4", "ask": "<i4"}


def test_a_list_of_features_has_their_names() -> None:
    data = np.arange(6, dtype="<i4").tobytes()
    spread = (bf.field("ask") - bf.field("bid0")).alias("spread")
    with bf.open(data, QUOTES, ["ask", spread]) as reader:
        assert_identical(reader[:], {"ask": np.array([2, 5], "i4"), "spread": np.array([2, 2])})
    with bf.open(data, QUOTES, [*bf.fields("bid?"), bf.field("ask").scale(2)]) as reader:
        assert list(reader[0]) == ["bid0", "bid1", "ask"]


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (["ask", bf.field("ask") * 1], "needs a name in a list of features: give it one with .alias()"),
        (["ask", bf.field("ask").scale(2)], "two features have the name 'ask': give one another name with .alias()"),
        ([bf.field("ask").alias("bid0"), *bf.fields("bid*")], "two features have the name 'bid0'"),
        ([bf.field("bid*").alias("bid")], "two features have the name 'bid'"),
        ([], "features is an empty list"),
        ([bf.field("bid*") + 1], "a part of a feature: field('bid*') stands for 2 fields"),
        (["bid*", 3], "a list of features has features, or names of fields, not 3"),
        (
            {"x": bf.field("bid*")},
            "feature 'x': field('bid*') stands for 2 fields: put them side by side with bf.concat",
        ),
        ("offer*", "no field matches 'offer*'; the fields are bid0, bid1, ask"),
    ],
)
def test_names_and_patterns_that_do_not_fit(features: Any, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        bf.open(bytes(12), QUOTES, features)
    assert words in str(caught.value)


def test_a_pattern_of_one_field_is_that_field() -> None:
    data = np.arange(6, dtype="<i4").tobytes()
    with bf.open(
        data, QUOTES, {"x": bf.field("a*") + bf.field("bid0"), "y": bf.concat("bid*") + bf.field("a??")}
    ) as reader:
        assert_identical(reader[:], {"x": np.array([2, 8]), "y": np.array([[2, 3], [8, 9]], np.float32)})


# Sharing and depth.


def steps_of(features: dict[str, bf.Feature], layout: Any = QUOTES) -> int:
    """How many steps the program of some features has: the number of one that is added."""
    return plan_features(features, bf.Layout(layout)).program.constant("bool", np.zeros(1, np.uint64))


def test_a_feature_that_is_used_twice_is_planned_once() -> None:
    spread = bf.field("ask") - bf.field("bid0")
    assert steps_of({"x": spread}) == 3
    assert steps_of({"x": spread, "y": spread}) == 3
    assert steps_of({"x": spread + spread}) == 4
    assert steps_of({"x": spread, "y": spread + spread, "z": spread > 3}) == 6


@pytest.mark.parametrize("features", [lambda x: {"x": x}, lambda x: {"x": x, "y": x * 2}, lambda x: [x.alias("x")]])
def test_doublings_take_a_step_each(features: Callable[[bf.Feature], Any]) -> None:
    total = bf.field("ask")
    for _ in range(100):
        total = total + total
    with bf.open(np.ones(6, "<i4").tobytes(), QUOTES, features(total)) as reader:
        assert reader[0]["x"] == INT64.max
        state = json.loads(json.dumps(reader.batches(1).skip(1).state()))
        assert len(list(reader.batches(1, state=state))) == 1


@pytest.mark.parametrize("terms", [200, 5000])
def test_deep_sums(terms: int, write_files: WriteFiles) -> None:
    total: Any = sum([bf.field("ask")] * terms)
    features = {"sum": total, "part": (total * np.ones(3))[1], "alternate": bf.where(total > 5, total, -1)}
    expected = {
        "sum": np.array([2, 5]) * terms,
        "part": np.float32([2, 5]) * terms,
        "alternate": np.array([2, 5]) * terms,
    }
    (path,) = write_files(np.arange(6, dtype="<i4"))
    with bf.open(path, QUOTES, features) as reader:
        assert_identical(reader[:], expected)
        state = reader.batches(1).skip(1).state()
        assert_identical(list(reader.batches(1, state=state)), [{name: value[1:] for name, value in expected.items()}])
        for engine in ("graph", "generator"):
            assert_identical(joined(reader.to_tf_dataset(2, engine=engine).as_numpy_iterator()), expected)


# Engines, states and models.

RECORD = np.dtype([("id", "<u4"), ("bid", ">f8"), ("ask", "<f8"), ("size", "<i2", (3,)), ("side", "S1")])
COUNTS = (40, 0, 25, 35)
TICKS = {
    "id": bf.field("id"),
    "mid": ((bf.field("bid") + bf.field("ask")) / 2).cast("float64"),
    "spread": (bf.field("ask") - bf.field("bid")).log().fill(0),
    "signed": bf.where(bf.field("side") == "B", bf.field("size"), -bf.field("size")),
    "large": (bf.field("size") > 100) & (bf.field("id") % 2 == 0),
    "both": bf.concat(bf.field("bid") / bf.field("ask"), bf.field("size") * [1, 2, 3]),
}


def random_ticks() -> Array:
    random = np.random.default_rng(3)
    ticks = np.frombuffer(random.bytes(sum(COUNTS) * RECORD.itemsize), RECORD).copy()
    ticks["id"] = np.arange(len(ticks))
    ticks["bid"][1::3] = random.normal(size=len(ticks["bid"][1::3]))
    ticks["ask"][::2] = random.normal(size=len(ticks["ask"][::2]))
    ticks["side"][::2] = b"B"
    return ticks


def expected_ticks(ticks: Array) -> dict[str, Array]:
    """What the features are; the logarithms, whose bits NumPy does not define, are those of the spreads alone."""
    with np.errstate(all="ignore"):
        bid, ask, size = ticks["bid"].astype("f8"), ticks["ask"], ticks["size"].astype(np.int64)
        logs = computed({"x": A.cast("float64").log()}, a=ask - bid)["x"].astype(np.float32)
        both = [(bid / ask).astype(np.float32)[:, np.newaxis], (size * [1, 2, 3]).astype(np.float32)]
        return {
            "id": ticks["id"],
            "mid": (bid + ask) / 2,
            "spread": np.where(np.isnan(logs), np.float32(0), logs),
            "signed": np.where((ticks["side"] == b"B")[:, np.newaxis], size, -size),
            "large": (size > 100) & (ticks["id"] % 2 == 0)[:, np.newaxis],
            "both": np.concatenate(both, axis=1),
        }


@pytest.fixture
def ticks(write_files: WriteFiles) -> tuple[bf.Reader[Any], dict[str, Array]]:
    made = random_ticks()
    paths = write_files(*np.split(made, np.cumsum(COUNTS)[:-1]), header=b"head")
    return bf.open(paths, bf.Layout(RECORD, header_bytes=4), TICKS), expected_ticks(made)


Ticks = tuple[bf.Reader[Any], dict[str, Array]]
ORDERS: list[dict[str, Any]] = [{}, {"shuffle": True, "seed": 5}, {"cycle_length": 2, "block_length": 3}]


def test_all_ways_of_reading_agree(ticks: Ticks) -> None:
    reader, expected = ticks
    assert_identical(reader[:], expected)
    assert_identical(reader[17], {name: values[17] for name, values in expected.items()})
    assert_identical(reader.take([3, 99, 3]), {name: values[[3, 99, 3]] for name, values in expected.items()})
    assert_identical(joined(reader.batches(7)), expected)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("engine", ["graph", "generator"])
def test_both_engines_give_the_batches_and_go_on_from_a_state(ticks: Ticks, engine: str, order: dict[str, Any]) -> None:
    reader, expected = ticks
    numbers = joined(reader.batches(8, **order))["id"]
    whole = {name: values[numbers] for name, values in expected.items()}
    assert_identical(joined(reader.to_tf_dataset(8, engine=engine, **order).as_numpy_iterator()), whole)
    state = reader.batches(8, **order).skip(5).state()
    for resumed in (
        reader.batches(8, state=state, **order),
        reader.to_tf_dataset(8, engine=engine, state=state, **order).as_numpy_iterator(),
    ):
        assert_identical(joined(resumed), {name: values[40:] for name, values in whole.items()})


def test_a_state_belongs_to_an_expression() -> None:
    data = np.arange(12, dtype="<i4").tobytes()

    def state_of(feature: bf.Feature) -> Any:
        return bf.open(data, QUOTES, {"x": feature}).batches(1).skip(2).state()

    ask, bid = bf.field("ask"), bf.field("bid0")
    same = [ask - bid, ask - bid, (ask - bid).alias("spread"), bf.field("a*") - bid]
    assert len({state_of(feature)["features"] for feature in same}) == 1
    others = [
        ask - bid,
        bid - ask,
        ask + bid,
        ask - bid - 0,
        ask - 1,
        ask - 2,
        1 - ask,
        ask - [1],
        ask - 1.5,
        ask < bid,
    ]
    others += [bf.minimum(ask, bid), bf.maximum(ask, bid), bf.where(ask > 1, ask, bid), bf.where(ask > 1, bid, ask)]
    others += [ask.exp(), ask.log(), ask.bucketize([1]), ask.bucketize([2]), ask.is_in([1])]
    states = [state_of(feature) for feature in others]
    assert len({state["features"] for state in states}) == len(states)
    with pytest.raises(bf.StateError, match="another features than the reader's"):
        bf.open(data, QUOTES, {"x": ask + bid}).batches(1, state=states[0])


@pytest.mark.parametrize("many", [False, True])
def test_the_decode_op_and_saved_models_have_expressions(many: bool, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    import binfeed.tensorflow as bft  # noqa: PLC0415

    ticks = random_ticks()
    strings = [ticks.tobytes()] if many else [tick.tobytes() for tick in ticks]

    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
        def __call__(self, records: Any) -> Any:
            return bft.decode(records, RECORD, TICKS, many=many)

    tf.saved_model.save(Model(), str(tmp_path / "model"))
    for decode in (
        lambda records: bft.decode(records, RECORD, TICKS, many=many),
        tf.saved_model.load(str(tmp_path / "model")),
    ):
        found = decode(tf.constant(strings))
        assert_identical({name: tensor.numpy() for name, tensor in found.items()}, expected_ticks(ticks))


def test_windows_and_targets_of_expressions(write_files: WriteFiles) -> None:
    a = np.arange(20, dtype="<i4")
    window = bf.Window(3, stride=2, target_offset=4)
    features = {"x": (A * 2 + A) % 7, "next": (A - 1 > 5).target(), "after": bf.where(A > 3, A, 0).target()}
    with bf.open(write_files(a), {"a": "<i4"}, features, window=window) as reader:
        starts = np.arange(len(reader)) * 2
        expected = {
            "x": (3 * a.astype(np.int64) % 7)[starts[:, np.newaxis] + np.arange(3)],
            "next": a[starts + 4] > 6,
            "after": np.where(a > 3, a, 0)[starts + 4],
        }
        assert_identical(reader[:], expected)
        for engine in ("graph", "generator"):
            assert_identical(joined(reader.to_tf_dataset(4, engine=engine).as_numpy_iterator()), expected)


# Values that are not there.


def test_a_value_is_null_if_it_is_made_of_one(instruction_set: str) -> None:
    random = np.random.default_rng(2)
    records = np.zeros(500, [("a", "<i4"), ("b", "<f4", (2,)), ("has_a", "?"), ("has_b", "?")])
    for name in records.dtype.names:
        records[name] = random.integers(0, 2 if name.startswith("has") else 9, records[name].shape)
    layout = nullable(bf.Layout(records.dtype), {"a": "has_a", "b": "has_b"})
    features = {
        "filled": (A + B).fill(-1),
        "before": A.fill(0) + B.fill(1),
        "both": (A > B).is_missing(),
        "one": (A * 2).is_missing(),
        "chosen": bf.where(A > 3, B, -B).is_missing(),
        "condition": bf.where(A.is_missing(), 7, B.fill(0)),
        "side": bf.concat(A, B).is_missing() | bf.concat(B, A).is_missing(),
    }
    a, b = records["a"][:, np.newaxis], records["b"]
    no_a, no_b = ~records["has_a"][:, np.newaxis], np.repeat(~records["has_b"][:, np.newaxis], 2, axis=1)
    expected = {
        "filled": np.where(no_a | no_b, -1, a + b).astype(np.float32),
        "before": (np.where(no_a, 0, a) + np.where(no_b, 1, b)).astype(np.float32),
        "both": no_a | no_b,
        "one": no_a[:, 0],
        "chosen": no_a | no_b,
        "condition": np.where(no_a, 7, np.where(no_b, 0, b)).astype(np.float32),
        "side": np.concatenate([no_a, no_b], axis=1) | np.concatenate([no_b, no_a], axis=1),
    }
    with open_with([records.view(np.uint8).reshape(-1)], layout, features, instruction_set) as reader:
        assert_identical(reader[:], expected)


# Tables.


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A table with NULL in row 2 of ``price``, and text."""
    pytest.importorskip("adbc_driver_sqlite", reason="the extra 'sql' is not installed")
    rows = [(k, 10 * k, None if k == 2 else k * 0.5, f"s{k % 2}") for k in range(4)]
    with sqlite3.connect(tmp_path / "ticks.sqlite") as connection:
        connection.execute("CREATE TABLE ticks (id INTEGER PRIMARY KEY, n INT, price REAL, symbol TEXT)")
        connection.executemany("INSERT INTO ticks VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{tmp_path / 'ticks.sqlite'}"


def rows_of(table: str, features: dict[str, bf.Feature]) -> dict[str, Any]:
    return joined(bf.from_sql("SELECT * FROM ticks ORDER BY id", table, features=features).batches(3))


PRICE, N, SYMBOL = bf.field("price"), bf.field("n"), bf.field("symbol")


def test_expressions_of_columns(table: str) -> None:
    price = PRICE.fill(0)
    total: Any = sum([N] * 300)
    features = {
        "sum": N + price,
        "filled": (N * PRICE).fill(-1),
        "missing": (N > PRICE).is_missing(),
        "code": bf.where(SYMBOL == "s1", N, -N),
        "total": total,
        "not": ~SYMBOL.is_in(["s0"]) & (N > 0),
    }
    found = rows_of(table, features)
    assert found["sum"].tolist() == [0, 10.5, 20, 31.5]
    assert found["filled"].tolist() == [0, 5, -1, 45]
    assert found["missing"].tolist() == [False, False, True, False]
    assert found["code"].tolist() == [0, 10, -20, 30]
    assert found["total"].tolist() == [0, 3000, 6000, 9000]
    assert found["not"].tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    "feature",
    [N + PRICE, PRICE > 1, bf.where(PRICE > 1, N, 0), bf.where(N > 1, PRICE, 0), bf.minimum(PRICE, 1), PRICE.exp()],
)
def test_null_in_an_expression_is_an_error_that_names_it(table: str, feature: bf.Feature) -> None:
    with pytest.raises(bf.DataError, match=r"'price'.*row 2.*feature 'f'|feature 'f'.*'price'.*row 2"):
        rows_of(table, {"f": feature})


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (SYMBOL + 1, "column 'symbol' is text, which '+' does not take; .codes({...}) makes numbers of it"),
        (2 * SYMBOL, "column 'symbol' is text, which '*' does not take"),
        (N == SYMBOL, "column 'symbol' is text, which '==' does not take"),
        (bf.where(N > 1, SYMBOL, SYMBOL), "column 'symbol' is text, which where() does not take"),
        (SYMBOL.exp(), "column 'symbol' is text, which .exp() does not take"),
        (SYMBOL.is_in([1]), "1 in .is_in() is not text, but column 'symbol' is"),
        (~SYMBOL, "column 'symbol' is text, which .~() does not take"),
        (N + bf.field("prise"), "no column 'prise'"),
    ],
)
def test_text_is_no_number(table: str, feature: bf.Feature, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        rows_of(table, {"f": feature})
    assert words in str(caught.value)


def test_comparisons_take_numbers_beyond_the_dtype(instruction_set: str) -> None:
    a = np.array([1, -1, np.inf, -np.inf, np.nan, 3.4e38], "<f4")
    wide, x = a.astype(np.float64), A
    for number in (1e40, -1e40, 1e308):
        features = {"<": x < number, "<=": x <= number, ">": x > number, ">=": x >= number, "==": x == number}
        expected = {"<": wide < number, "<=": wide <= number, ">": wide > number, ">=": wide >= number}
        assert_identical(computed(features, instruction_set, a=a), {**expected, "==": wide == number})


def test_a_combination_of_targets_is_a_target() -> None:
    rows = np.arange(10, dtype="<i4")
    window = bf.Window(2, target_offset=3)
    value = bf.field("value")
    features = {"x": value, "y": value.target() - value.lag(1).target(), "z": value.target() > 4}
    with bf.open(rows, "<i4", features, window=window) as reader:
        found = reader[:]
    assert found["x"].tolist() == [[k, k + 1] for k in range(7)]
    assert found["y"].tolist() == [1] * 7
    assert found["z"].tolist() == [k + 3 > 4 for k in range(7)]


def test_any_power_of_a_value_depends_on_its_history() -> None:
    value = bf.field("value")
    with bf.open(np.arange(5, dtype="<i4"), "<i4", {"one": value.lag(2) ** 0, "two": value.lag(2) ** 1}) as reader:
        assert reader[:]["one"].tolist() == [1, 1, 1]
        assert reader[:]["two"].tolist() == [0, 1, 2]


def test_a_plan_is_printed_with_what_features_share_once() -> None:
    bid, ask = bf.field("bid"), bf.field("ask")
    mid = (ask + bid) / 2
    features = {"spread": ask - bid, "mid": mid.scale(1e-9), "change": mid.diff()}
    rows = np.zeros(3, [("bid", "<i8"), ("ask", "<i8")])
    with bf.open(rows, rows.dtype, features) as reader:
        lines = [" ".join(line.split()) for line in reader.plan.splitlines()]
    assert lines == [
        "#1 ask int64",
        "#2 bid int64",
        "#3 #1 - #2 int64",
        "#4 #1 + #2 int64",
        "#5 #4 / 2 float64",
        "#6 #5 * 1e-09 float64",
        "#7 #6 as float32 float32",
        "#8 #5 of 1 record before float64",
        "#9 #5 - #8 float64",
        "#10 #9 as float32 float32",
        "spread: int64 = #3",
        "mid: float32 = #7",
        "change: float32 = #10",
        "with 1 record before each",
    ]
