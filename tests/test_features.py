"""Features before any data: how chains read, what shapes and dtypes they give, what is refused."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.planning import plan_features

from tests.helpers import assert_identical

LAYOUT = bf.Layout(
    [
        ("flag", "?"),
        ("count", "<i8"),
        ("small", "<i2"),
        ("image", "u1", (3, 4, 5)),
        ("name", "S3"),
        ("wave", "<c8"),
        ("half", "<f2"),
    ]
)


def test_a_chain_prints_as_it_was_written() -> None:
    chain = bf.field("image").div(255).transpose(1, 2, 0).reshape(-1, 3).cast("float16")
    assert repr(chain) == "field('image').div(255).transpose(1, 2, 0).reshape(-1, 3).cast('float16')"
    chain = bf.field("image")[..., ::2, 0].fill(0, missing=9).clip(None, 3).one_hot(4)
    assert repr(chain) == "field('image')[..., ::2, 0].fill(0, missing=9).clip(None, 3).one_hot(4)"
    assert repr(bf.field("f").bits(1, 3, signed=True)) == "field('f').bits(1, 3, signed=True)"
    assert repr(bf.field("s").codes({"A": 1})) == "field('s').codes({b'A': 1}, default=-1)"
    assert repr(bf.field("a").scale(0.5, offset=-1)) == "field('a').scale(0.5, offset=-1)"
    assert repr(bf.concat("a", bf.field("b").standardize([1, 2], 3))) == (
        "concat(field('a'), field('b').standardize([1., 2.], 3))"
    )


@pytest.mark.parametrize(
    ("feature", "dtype", "shape"),
    [
        (bf.field("flag"), "bool", ()),
        (bf.field("count"), "int64", ()),
        (bf.field("count").scale(2), "float32", ()),
        (bf.field("count").scale(2).cast("float64"), "float64", ()),
        (bf.field("count").cast("float64").scale(2), "float64", ()),
        (bf.field("count").cast("int32").scale(2), "float32", ()),
        (bf.field("half"), "float16", ()),
        (bf.field("half").div(2), "float32", ()),
        (bf.field("image"), "uint8", (3, 4, 5)),
        (bf.field("image").transpose(1, 2, 0), "uint8", (4, 5, 3)),
        (bf.field("image").transpose(), "uint8", (5, 4, 3)),
        (bf.field("image").transpose(-1, 0, 1), "uint8", (5, 3, 4)),
        (bf.field("image").reshape(-1, 10).div(2), "float32", (6, 10)),
        (bf.field("image").reshape((60,)), "uint8", (60,)),
        (bf.field("small").reshape(1, 1), "int16", (1, 1)),
        (bf.field("name"), "S3", ()),
        (bf.field("wave").reshape(1), "complex64", (1,)),
        (bf.field("count").clip(0, 9), "int64", ()),
        (bf.field("count").fill(0, missing=-1), "int64", ()),
        (bf.field("half").fill(0), "float16", ()),
        (bf.field("half").is_missing(), "bool", ()),
        (bf.field("small").minmax(0, 5), "float32", ()),
        (bf.field("small").log1p(), "float32", ()),
        (bf.field("small").cast("bfloat16").log1p(), "bfloat16", ()),
        (bf.field("small").bits(3, 9), "uint16", ()),
        (bf.field("count").bits(3, 33, signed=True), "int64", ()),
        (bf.field("name").codes({"ABC": 1}), "int32", ()),
        (bf.field("image").one_hot(7), "float32", (3, 4, 5, 7)),
        (bf.field("image")[..., ::2, 0], "uint8", (3, 2)),
        (bf.field("image")[1], "uint8", (4, 5)),
        (bf.field("image")[-1, 2, 3], "uint8", ()),
        (bf.concat("flag", bf.field("small").one_hot(4)), "float32", (5,)),
        (bf.concat("flag", "image", "small"), "float32", (62,)),
        (bf.concat("flag", "image", "small").reshape(2, 31), "float32", (2, 31)),
        (bf.concat("flag", "small").cast("float16"), "float16", (2,)),
    ],
)
def test_dtype_and_shape_of_what_comes_out(feature: bf.Feature, dtype: str, shape: tuple[int, ...]) -> None:
    output = plan_features({"feature": feature}, LAYOUT).outputs[0]
    assert (output.dtype, output.shape) == (np.dtype(dtype), shape)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (bf.field("imag"), "feature 'x': the layout has no field 'imag'; did you mean 'image'?"),
        (bf.concat("small", "smal"), "no field 'smal'; did you mean 'small'?"),
        (bf.field("image").reshape(7, 9), "a record of shape (3, 4, 5) cannot be reshaped to (7, 9)"),
        (bf.field("image").reshape(-1, -1), "cannot be reshaped"),
        (bf.field("image").transpose(0, 1), "transpose(0, 1) does not fit a record of shape (3, 4, 5)"),
        (bf.field("image").transpose(0, 1, 1), "does not fit"),
        (bf.field("image").transpose(0, 1, 3), "does not fit"),
        (bf.field("image").div([1, 2]), "the parameter of shape (2,) in .div([1., 2.]) does not broadcast"),
        (bf.field("name").div(2), "field 'name' is bytes (S3), which .div() does not take"),
        (bf.field("wave").cast("float32"), "field 'wave' is complex (complex64), which .cast() does not take"),
        (bf.concat("small", "name"), "field 'name' is bytes (S3), which .concat() does not take"),
        (bf.field("image")[3], "[3] does not fit a record of shape (3, 4, 5)"),
        (bf.concat(bf.field("small").one_hot(3))[0:2], "[0:2] must come before one_hot, not after it"),
        (bf.concat(bf.concat(bf.field("image").one_hot(3)))[6:12], "[6:12] must come before one_hot, not after it"),
        (bf.field("image")[0, 0, 0, 0], "[0, 0, 0, 0] does not fit"),
        (bf.field("small").one_hot(3).transpose()[0], "[0] must come before one_hot, not after it"),
        (bf.concat("small", "half").one_hot(3), ".one_hot() must come before concat"),
        (bf.field("count").fill(0), "int64 has no NaN: give missing= in .fill(0)"),
        (bf.field("count").fill(0.5, missing=1), "0.5 in .fill(0.5, missing=1) cannot be represented as int64"),
        (bf.field("small").fill(0, missing=40000), "40000 in .fill(0, missing=40000) cannot be represented as int16"),
        (bf.field("small").is_missing(2**80), "cannot be represented as int16"),
        (bf.field("small").is_missing(float("inf")), "inf in .is_missing(missing=inf) cannot be represented as int16"),
        (bf.field("small").fill(float("nan"), missing=0), "nan in .fill(nan, missing=0) cannot be represented"),
        (bf.field("small").clip(0.5, 3), "the bounds of .clip(0.5, 3) must be whole numbers for int16"),
        (bf.field("flag").clip(0, 1), "does not take bools"),
        (bf.field("half").bits(0, 3), ".bits(0, 3) takes integers, not float16"),
        (bf.field("small").bits(10, 7), ".bits(10, 7) reaches beyond an integer of 16 bits"),
        (bf.field("count").cast("float32").codes({3: 1}), "fixed bytes or integers, not 'count' of float32"),
        (bf.field("name").codes({"ABCD": 1}), "b'ABCD' in .codes() is longer than S3"),
        (bf.field("image").codes({"A": 1}), "b'A' in .codes() is not a value of uint8"),
        (bf.field("image").codes({256: 1}), "256 in .codes() cannot be represented as uint8"),
        (bf.concat("small", "half").reshape(1, 2).transpose().reshape(2), None),
        (bf.concat("image", "image").reshape(2, 60).transpose(), "must come before concat, not after it"),
    ],
)
def test_a_feature_that_does_not_fit_the_layout_is_refused(feature: bf.Feature, words: str | None) -> None:
    if words is None:
        assert plan_features({"x": feature}, LAYOUT).outputs[0].shape == (2,)
        return
    with pytest.raises(bf.FeatureError) as caught:
        plan_features({"x": feature}, LAYOUT).outputs[0]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x.div(0), r"div\(by=\) must not be zero"),
        (lambda x: x.standardize(0, [1, 0]), r"standardize\(std=\) must not be zero, element \(1,\)"),
        (lambda x: x.scale(float("nan")), r"scale\(factor=\) must be finite"),
        (lambda x: x.scale(1, float("inf")), r"scale\(offset=\) must be finite"),
        (lambda x: x.scale("two"), r"scale\(factor=\) must be a number or an array of numbers, not 'two'"),
        (lambda x: x.cast("object"), r"the dtypes to cast to are bool, int8"),
        (lambda x: x.cast("complex64"), r"the dtypes to cast to are"),
        (lambda x: x.cast("flaot32"), r"cast\('flaot32'\): the dtypes to cast to are"),
        (lambda x: x.reshape(1.5), r"a side in reshape\(\) must be a whole number, not 1\.5"),
        (lambda x: x.minmax(3, 3), r"high - low in minmax\(\) must not be zero"),
        (lambda x: x.clip(), r"clip\(\) needs a bound"),
        (lambda x: x.clip(3, 2), r"clip\(3, 2\): the lower bound is above the upper"),
        (lambda x: x.clip(float("nan")), r"clip\(low=\) must be a number, not nan"),
        (lambda x: x.bits(-1, 3), r"bits\(-1, 3\): start must be at least 0"),
        (lambda x: x.bits(0, 0), r"bits\(0, 0\): .* width from 1 to 64"),
        (lambda x: x.codes({}), "takes a dict that maps values to codes"),
        (lambda x: x.codes({"A": 2**31}), "2147483648 is not an int32"),
        (lambda x: x.one_hot(0), "the depth must be at least 1"),
        (lambda x: x["name"], "indexed by integers, slices and ..., not by 'name'"),
        (lambda _: bf.concat(), "at least one feature"),
        (lambda _: bf.field(3), "name of a field"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_at_once(make: Any, words: str) -> None:
    with pytest.raises(bf.FeatureError, match=words):
        make(bf.field("x"))


def test_a_misspelt_keyword_suggests_the_right_one() -> None:
    with pytest.raises(TypeError, match=r"scale\(\) got an unexpected keyword argument 'ofset'; did you mean 'offset'"):
        bf.field("x").scale(2, ofset=1)  # type: ignore[call-arg]


def test_a_feature_is_not_iterated_by_accident() -> None:
    with pytest.raises(TypeError):
        list(bf.field("x"))  # type: ignore[call-overload]


def test_parameters_are_copied() -> None:
    mean = np.zeros(3)
    feature = bf.field("x").standardize(mean, 1)
    mean[:] = 9
    assert "[0., 0., 0.]" in repr(feature)


def test_bounds_are_rounded_once() -> None:
    values = np.array([-1, 0, 1], "<f2")
    for low in (65519.9999999, 2**-25 + 2**-60, 1 + 2**-11 + 2**-40):
        found = bf.open(values.view(np.uint8), "<f2", bf.field("value").clip(low=low))[:]
        assert_identical(found, np.maximum(values, np.float16(low)))


def test_codes_in_another_order_are_the_same() -> None:
    one, other = bf.field("x").codes({"A": 0, "B": 1}), bf.field("x").codes({"B": 1, "A": 0})
    state = bf.open(b"AB", {"x": "S1"}, {"x": one}).batches(1).state()
    assert len(list(bf.open(b"AB", {"x": "S1"}, {"x": other}).batches(1, state=state))) == 2


@pytest.mark.parametrize(
    ("dtype", "value"), [("<f4", 1e300), ("<f2", 70000), ("<f4", 1e-300), ("<f4", 16777217), ("<f8", 2**53 + 1)]
)
def test_what_a_float_does_not_hold_is_neither_missing_nor_filled_in(dtype: str, value: float) -> None:
    for feature in (bf.field("value").fill(value), bf.field("value").is_missing(value)):
        with pytest.raises(bf.FeatureError, match="cannot be represented as float"):
            bf.open(bytes(8), dtype, feature)
    for type_, number in (("<f2", 0.1), ("<f4", 1e20), ("<f4", -3.4028235e38)):
        assert bf.open(np.array([number], type_).view(np.uint8), type_, bf.field("value").is_missing(number))[0]
