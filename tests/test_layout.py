"""Layouts: what a dtype becomes, how it prints, what is refused."""

from __future__ import annotations

import binfeed as bf
import numpy as np
import pytest

NESTED = np.dtype(
    [
        ("header", [("time", ">u8"), ("flags", "u1")]),
        ("points", [("x", "<f4"), ("y", "<f4")], (2, 3)),
        ("name", "S5"),
        ("wave", ">c8", (4,)),
    ]
)


def test_nested_fields_are_flat_with_dotted_names_and_offsets_that_numpy_agrees_with() -> None:
    layout = bf.Layout(NESTED)
    assert list(layout.fields) == ["header.time", "header.flags", "points.x", "points.y", "name", "wave"]
    record = np.zeros(1, NESTED)
    base = record.__array_interface__["data"][0]
    for name, view in {
        "header.time": record["header"]["time"],
        "points.x": record["points"]["x"],
        "points.y": record["points"]["y"],
        "wave": record["wave"],
    }.items():
        field = layout[name]
        assert field.offset == view.__array_interface__["data"][0] - base
        assert field.shape == view.shape[1:]
        assert field.strides == view.strides[1:]
        assert field.type.spelling == view.dtype.str


def test_aligned_and_explicit_offsets_are_kept() -> None:
    aligned = bf.Layout(np.dtype([("a", "u1"), ("b", "<u8"), ("c", "u1")], align=True))
    assert [field.offset for field in aligned.fields.values()] == [0, 8, 16]
    assert aligned.record_bytes == 24
    explicit = bf.Layout({"names": ["a"], "formats": ["<i4"], "offsets": [6], "itemsize": 32})
    assert (explicit["a"].offset, explicit.record_bytes) == (6, 32)


def test_a_scalar_dtype_is_one_field() -> None:
    layout = bf.Layout(">u2")
    assert [(field.name, field.offset, field.type.is_swapped) for field in layout.fields.values()] == [
        ("value", 0, True)
    ]


def test_a_layout_prints_as_a_table() -> None:
    layout = bf.Layout([("label", "u1"), ("pixels", ">i2", (3, 4)), ("name", "S5")], header_bytes=16, footer_bytes=8)
    assert str(layout).splitlines() == [
        "field   dtype  byte order  shape   offset  size",
        "------  -----  ----------  ------  ------  ----",
        "label   uint8  -           -       0       1",
        "pixels  int16  big         (3, 4)  1       24",
        "name    S5     -           -       25      5",
        "record: 30 bytes, header: 16 bytes, footer: 8 bytes",
    ]


def test_equality_is_that_of_the_bytes_described() -> None:
    assert bf.Layout("<u2") == bf.Layout("<u2")
    assert hash(bf.Layout("<u2")) == hash(bf.Layout("<u2"))
    assert bf.Layout("<u2") != bf.Layout(">u2")
    assert bf.Layout("<u2") != bf.Layout("<u2", header_bytes=1)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ([("ok", "u1"), ("bad", "O")], "field 'bad' is object"),
        ([("outer", [("when", "<M8[ns]")])], "field 'outer.when' is datetime64.*declare it as '<i8' and scale it"),
        ([("span", ">m8[s]")], "field 'span' is .*declare it as '>i8'"),
        ([("text", "U4")], "field 'text' is <U4"),
        ([("wide", np.longdouble)], "field 'wide' is"),
        ([("nothing", "S0")], "field 'nothing'|at least one byte"),
        ([], "at least one byte"),
        ("no dtype", "not a dtype: 'no dtype'"),
        ([("a.b", "u1"), ("a", [("b", "u1")])], "two fields have the path 'a.b'"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(dtype: object, words: str) -> None:
    with pytest.raises(bf.LayoutError, match=words):
        bf.Layout(dtype)


@pytest.mark.parametrize("value", [-1, 1.5, "16"])
def test_header_bytes_are_a_whole_number(value: object) -> None:
    with pytest.raises(bf.LayoutError, match="header_bytes"):
        bf.Layout("u1", header_bytes=value)


def test_a_misspelt_field_or_keyword_suggests_the_right_one() -> None:
    with pytest.raises(bf.LayoutError, match=r"no field 'prize'; did you mean 'price'\?"):
        bf.Layout([("price", "<f4")])["prize"]
    with pytest.raises(TypeError, match=r"'header_byte'; did you mean 'header_bytes'\?"):
        bf.Layout("u1", header_byte=3)
