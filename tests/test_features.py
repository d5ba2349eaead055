"""Features before any data: how chains read, what shapes and dtypes they give, what is refused."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.planning import plan_output

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
        (bf.concat("flag", "image", "small"), "float32", (62,)),
        (bf.concat("flag", "image", "small").reshape(2, 31), "float32", (2, 31)),
        (bf.concat("flag", "small").cast("float16"), "float16", (2,)),
    ],
)
def test_dtype_and_shape_of_what_comes_out(feature: bf.Feature, dtype: str, shape: tuple[int, ...]) -> None:
    output = plan_output("feature", feature, LAYOUT)
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
        (bf.concat("small", "half").reshape(1, 2).transpose().reshape(2), None),
        (bf.concat("image", "image").reshape(2, 60).transpose(), "must come before concat, not after it"),
    ],
)
def test_a_feature_that_does_not_fit_the_layout_is_refused(feature: bf.Feature, words: str | None) -> None:
    if words is None:
        assert plan_output("x", feature, LAYOUT).shape == (2,)
        return
    with pytest.raises(bf.FeatureError) as caught:
        plan_output("x", feature, LAYOUT)
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
        (lambda x: x.cast("flaot32"), r"cast\('flaot32'\): no such dtype"),
        (lambda x: x.reshape(1.5), "takes whole numbers"),
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


def test_parameters_are_copied() -> None:
    mean = np.zeros(3)
    feature = bf.field("x").standardize(mean, 1)
    mean[:] = 9
    assert "[0., 0., 0.]" in repr(feature)
