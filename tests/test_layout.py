"""Layouts: what a dtype becomes, how it prints, what is refused."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import ROOT, assert_identical

UP_TO_2_62 = st.integers(0, 2**62)

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


@pytest.mark.parametrize("record", ["<u2", np.dtype("<u2"), "(2,3)<u2", np.dtype(("<u2", (2, 3))), ">u6", "<bfloat16"])
def test_only_a_record_without_a_name_gives_bare_arrays(record: Any) -> None:
    unnamed, named = bf.Layout(record), bf.Layout({"value": record})
    assert unnamed.is_scalar
    assert not named.is_scalar
    assert unnamed != named
    assert hash(unnamed) != hash(named)
    assert {unnamed, named} == {eval(repr(layout), {"Layout": bf.Layout}) for layout in (unnamed, named)}
    data = np.random.default_rng(0).bytes(5 * unnamed.record_bytes)
    bare = bf.open(data, unnamed)[:]
    assert isinstance(bare, np.ndarray)
    assert_identical(bf.open(data, named)[:], {"value": bare})
    assert_identical(bf.open(data, unnamed, "value")[:], bare)
    assert not bf.Layout(np.dtype([("value", "<u2")])).is_scalar


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
        ("no dtype", "the record is 'no dtype': types are .*'u1' to 'u8'"),
        ([("a.b", "u1"), ("a", [("b", "u1")])], "two fields have the path 'a.b'"),
        (None, "the record is None"),
        ({"a": None}, "field 'a' is None"),
        ({"a": {"b": (None, 3)}}, "field 'a.b' is None"),
        ([("a", None)], "None is not a type"),
        ((None, (2, 3)), "None is not a type"),
        ({"names": ["a"], "formats": [None]}, "None is not a type"),
        ("(28,28)<f5", r"the record is '\(28,28\)<f5': types are .*'f2', 'f4', 'f8'.*a shape, such as '\(3,32\)<u2'"),
        ("uint23", "the record is 'uint23': types are .*'uint1' to 'uint15'"),
        ({"a": "<f5"}, "field 'a' is '<f5': types are .*'f2', 'f4', 'f8'"),
        ("(4294967296,4294967296)u1", "the record has more than 2\\^62 bytes"),
        ("(0,4294967296,4294967296)u1", "the record has more than 2\\^62 bytes"),
        (f"({'9' * 5000})u1", "the record is '\\(999"),
        ("(1,1)u1" + "9" * 5000, "the record is"),
        (f"uint{'1' * 5000}", "the record is 'uint111"),
        (f"({'1,' * 31})u1", "the record has 31 axes, more than 30"),
        ("V99999999999", "the record is 'V99999999999'"),
        ("(,)f4,u1", "the record is"),
        ("u1,f5", "the record is 'u1,f5'"),
        (("u1", -3), "the record is"),
        (("u1", (2**40,)), "the record is"),
        (("u1", (2**70,)), "the record is"),
        ({"names": ["a"], "formats": ["u1"], "offsets": [-1]}, "the record is"),
        ({"names": ["a"], "formats": ["u1"], "offsets": [2**70]}, "the record is"),
        ({"names": ["a"], "formats": ["u1"], "itemsize": 2**40}, "the record is"),
        ([("a", "u1"), ("a", "u1")], "the record is"),
        ({"": "u1"}, "the name of a field must be text of at least one character, not ''"),
        ({1: "u1"}, "the name of a field must be text of at least one character, not 1"),
        ([("\ud800", "u1")], "the name of a field must be text"),
        ({"names": [""], "formats": ["u1"]}, "the name of a field must be text"),
        ({f"field {number}": f"({'9' * 5000})u1" for number in range(1000)}, "field 'field 0' is"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(dtype: object, words: str) -> None:
    with pytest.raises(bf.LayoutError, match=words) as caught:
        bf.Layout(dtype)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [-1, 1.5, "16"])
def test_header_bytes_are_a_whole_number(value: object) -> None:
    with pytest.raises(bf.LayoutError, match="header_bytes"):
        bf.Layout("u1", header_bytes=value)


def test_a_misspelt_field_or_keyword_suggests_the_right_one() -> None:
    with pytest.raises(bf.LayoutError, match=r"no field 'prize'; did you mean 'price'\?"):
        bf.Layout([("price", "<f4")])["prize"]
    with pytest.raises(
        TypeError, match=r"Layout\(\) got an unexpected keyword argument 'header_byte'; did you mean 'header_bytes'\?"
    ):
        bf.Layout("u1", header_byte=3)


def test_a_dict_of_fields_one_after_the_other_or_where_it_says() -> None:
    layout = bf.Layout(
        {
            "kmer": "<u4",
            "count": "<u6",
            "header": {"time": ">uint48", "flags": ("u1", 10)},
            "samples": "(8)>uint12",
            "image": "(3,32)u1",
            "late": ("<f4", 200),
            "struct": np.dtype([("a", "u1"), ("b", "<u2")]),
        },
        record_bytes=256,
    )
    places = {field.name: (field.offset, field.bytes, field.type.value) for field in layout.fields.values()}
    assert places == {
        "kmer": (0, 4, "uint32"),
        "count": (4, 6, "uint64"),
        "header.time": (10, 6, "uint64"),
        "header.flags": (20, 1, "uint8"),
        "samples": (21, 12, "uint16"),
        "image": (33, 96, "uint8"),
        "late": (200, 4, "float32"),
        "struct.a": (204, 1, "uint8"),
        "struct.b": (205, 2, "uint16"),
    }
    assert layout.record_bytes == 256
    assert bf.Layout({"a": "u1", "b": "<u3"}).record_bytes == 4


def test_codes_count_bytes_and_names_count_bits_as_numpys_do() -> None:
    for order in "<>":
        for code, name in (("u3", "uint24"), ("i5", "int40"), ("u6", "uint48"), ("i7", "int56"), ("u4", "uint32")):
            assert bf.Layout({"x": order + code}) == bf.Layout({"x": order + name})
    assert bf.Layout({"x": "<u4"}) == bf.Layout([("x", "<u4")])
    assert bf.Layout("(2,3)<u4") == bf.Layout(("<u4", (2, 3)))
    assert bf.Layout(">u6").fields["value"].bytes == 6


@pytest.mark.parametrize(
    ("fields", "options", "words"),
    [
        ({"x": "<u9"}, {}, "field 'x' is '<u9'"),
        ({"x": "<uint17"}, {}, "field 'x' is '<uint17'"),
        ({"outer": {"x": "flaot32"}}, {}, "field 'outer.x' is 'flaot32'"),
        ({"x": "(3)<uint12"}, {}, "field 'x': 3 x 12 bits are not a whole number of bytes"),
        ({"x": ("<u4", 6)}, {"record_bytes": 8}, "field 'x' ends at byte 10 of a record of 8 bytes"),
        ({"x": ("<u4", -1)}, {}, "the offset of field 'x' must not be negative"),
        ({"x": ("<u4", 0, (), 5)}, {}, "field 'x': .* is not a type"),
        ({"x": ("(2)<u4", 0, 4)}, {}, "field 'x': .* is not a type"),
        ({"x": ("<u4", [0])}, {}, "the offset of field 'x' must be a whole number"),
        ({"x": ("<u4", True)}, {}, "the offset of field 'x' must be a whole number, not True"),
        ({"x": ("<u4", 2**62 + 1)}, {}, "the offset of field 'x' must be at most 2\\^62"),
        ({"x": ("<u4", 10**5000)}, {}, "the offset of field 'x' must be at most 2\\^62, but is <int of"),
        ({"x": ("<u4", 2**62)}, {}, "at least one byte and at most 2\\^62"),
        ({"x": ("(2)<u4", 0, (2**62,))}, {}, "at least one byte and at most 2\\^62"),
        ({"x": ("(2)<u4", 0, ("4",))}, {}, "a stride of field 'x' must be a whole number, not '4'"),
        ({"x": []}, {}, "field 'x': .* is not a type"),
        ({"x": ("(8)<uint12", 0, (2,))}, {}, "field 'x': packed integers cannot have strides"),
        ({"x": ({"y": "(2)wfdb212"}, 0, (3,))}, {}, "field 'x.y': packed integers cannot have strides"),
        ({"x": "u1"}, {"record_bytes": 2**63}, "record_bytes must be at most 2\\^62"),
        ({"x": ("(2,3)<u4", 0, (4,))}, {}, "field 'x' needs one stride for each of its 2 axes"),
        ({"x": ("(2)<u4", 0, (-4,))}, {}, "a stride of field 'x' must not be negative, but is -4"),
        ({}, {}, "at least one byte"),
        ("<u4", {"record_bytes": 8}, "record_bytes goes with a record given as a dict"),
    ],
)
def test_dicts_that_describe_no_record(fields: Any, options: dict[str, int], words: str) -> None:
    with pytest.raises(bf.LayoutError, match=words):
        bf.Layout(fields, **options)


def test_an_offset_is_a_whole_number_whoever_counted() -> None:
    counted: Any = {"a": ("u1", np.int64(3)), "b": ("(2)u1", np.uint8(4), [np.int16(2)])}
    layout = bf.Layout(counted)
    assert layout == bf.Layout({"a": ("u1", 3), "b": ("(2)u1", 4, (2,))})
    assert type(layout["a"].offset) is int


def test_a_dtype_within_a_dict_ends_where_it_does_for_numpy() -> None:
    aligned = np.dtype([("a", "<u4"), ("b", "u1")], align=True)
    layout = bf.Layout({"x": aligned, "y": "u1", "z": "(2,)u1,(3,4)<u2"})
    expected = np.dtype([("x", aligned), ("y", "u1"), ("z", "(2,)u1,(3,4)<u2")])
    assert layout == bf.Layout(expected)


@pytest.mark.parametrize(
    "layout",
    [
        bf.Layout(NESTED, header_bytes=16, footer_bytes=3),
        bf.Layout({"kmer": "<u4", "count": ("<u6", 8), "samples": "(2,4)>uint12"}, record_bytes=40),
        bf.Layout(">u2"),
        bf.Layout({"value": ">u2"}),
        bf.Layout("(2,3)<u3", header_bytes=3, footer_bytes=5),
        bf.Layout({"x": ">ibm32", "y": "<bfloat16", "z": "(2)wfdb212", "s": "S7", "v": "V3", "c": ">c16", "b": "?"}),
    ],
)
def test_a_layout_lies_beside_the_data_as_yaml(layout: bf.Layout, tmp_path: Path) -> None:
    path = tmp_path / "layout.yaml"
    layout.save(path)
    assert bf.Layout.load(path) == layout
    data = np.random.default_rng(0).bytes(layout.header_bytes + 5 * layout.record_bytes + layout.footer_bytes)
    for name in (path, str(path)):
        assert_identical(bf.open(data, name)[:], bf.open(data, layout)[:])


NAMES = st.text(min_size=1, max_size=40)
SPELLINGS = st.sampled_from(
    ["<u2", "(3)>f8", "(2,2)<u3", "S5", "(8)<uint12", "bfloat16", "V3", "(2,0)?", "c16", "(1)u1"]
)


@given(
    record=st.one_of(
        SPELLINGS.filter(lambda spelling: "0" not in spelling),
        st.dictionaries(NAMES, st.one_of(SPELLINGS, st.tuples(SPELLINGS, UP_TO_2_62)), min_size=1, max_size=5),
    ),
    header=UP_TO_2_62,
    footer=UP_TO_2_62,
)
def test_any_layout_is_the_same_when_it_has_been_saved(record: Any, header: int, footer: int, tmp_path: Path) -> None:
    try:
        layout = bf.Layout(record, header_bytes=header, footer_bytes=footer)
    except bf.LayoutError:
        return  # too large, or of no bytes
    layout.save(tmp_path / "layout.yaml")
    assert bf.Layout.load(tmp_path / "layout.yaml") == layout


def test_a_layout_that_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    layout = bf.Layout({f"field_{number}": "u1" for number in range(20_000)})
    with pytest.raises(bf.LayoutError, match=r"takes \d+ bytes as YAML, more than the 131072"):
        layout.save(tmp_path / "layout.yaml")
    assert not (tmp_path / "layout.yaml").exists()


def test_names_and_sizes_are_what_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "ticks.yaml"
    path.write_text("header_bytes: 0x10\nfields: {off: u1, 2001-01-01: u1, 7: u1, ~: [u1, 0x10]}\n")
    expected = bf.Layout({"off": "u1", "2001-01-01": "u1", "7": "u1", "~": ("u1", 16)}, header_bytes=16)
    assert bf.Layout.load(path) == expected
    path.write_text("fields: u1,<f4\n")
    assert bf.Layout.load(path) == bf.Layout("u1,<f4")


def test_a_layout_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "ticks.yaml"
    path.write_text('header_bytes: 8\nfields:\n  time: <u8\n  price: [">i4", 12]\n')
    layout = bf.Layout.load(path)
    assert (layout.header_bytes, layout.record_bytes, layout["price"].offset) == (8, 16, 12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fields:\n  x: <u9\n", "ticks.yaml.*field 'x' is '<u9'"),
        ("fields: [1, 2]\n", "must have the key 'fields'"),
        ("just words", "must have the key 'fields'"),
        ("fields:\n  x: u1\nheader_byte: 3\n", r"unknown key 'header_byte'; did you mean 'header_bytes'\?"),
        ("fields:\n  x: u1\n  y: [u1\n", r"ticks\.yaml.*: line 4: "),
        ("fields:\n  x: u1\n  y: \0\n", r"ticks\.yaml.*: line 3: .*not allowed"),
        ("fields: {x: u1}\n---\nfields: {x: u1}\n", "line 2: "),
        ("fields: {x: u1}\n#\udcff", "byte 17 is not UTF-8"),
        ("fields:\n  x: &a u1\n  y: *a\n", "line 2: anchors and aliases are not allowed"),
        ("fields:\n  x: *a\n", "line 2: anchors and aliases are not allowed"),
        ("fields: " + 60_000 * "[", "line 1: it is nested more than 32 levels deep"),
        ("fields: " + 20_000 * "{a: ", "line 1: it is nested more than 32 levels deep"),
        ("fields: {x: u1}\n" + 140_000 * "#", "it has 140016 bytes, more than the 131072"),
        ("fields: {x: u1}\nheader_bytes: " + 5000 * "9", "header_bytes must be a whole number, not '999"),
        ("fields: {x: u1}\nheader_bytes: 010", "header_bytes must be a whole number, not '010'"),
        ("fields: {x: u1}\nheader_bytes: true", "header_bytes must be a whole number, not 'true'"),
        ("fields: {x: u1}\nheader_bytes: .nan", "header_bytes must be a whole number, not '.nan'"),
        ("fields: {x: u1}\nrecord_bytes: 2001-01-01", "record_bytes must be a whole number, not '2001-01-01'"),
        ("fields: {x: u1}\nrecord_bytes: 0", "ends at byte 1 of a record of 0 bytes"),
        ("fields: {x: (0)u1}", "at least one byte"),
        ("fields: {x: ~}", "field 'x' is '~'"),
        ("fields: {x: u1, y: u1, x: u2}", "line 1: the key 'x' appears twice"),
        ("fields: {[x]: u1}", "line 1: a key must be a string"),
        ('fields: {"\\ud800": u1}', "the name of a field must be text"),
        ('fields: {"\\Uffffffff": u1}', "it is not YAML"),
        ("%YAML " + 5000 * "1" + ".1\n---\nfields: {x: u1}", "it is not YAML"),
        ("fields: !!python/object:os.system {x: u9}", "field 'x' is 'u9'"),
    ],
)
def test_yaml_that_is_no_layout(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "ticks.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(bf.LayoutError, match=words) as caught:
        bf.Layout.load(path)
    assert "ticks.yaml' is not a layout: " in str(caught.value)
    assert len(str(caught.value)) < 600


def test_every_type_of_the_guides_table_is_one() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    table = guide[guide.index("| elements |") : guide.index("Packed integers are arrays")]
    rows = [row.split("|")[2] for row in table.splitlines()[2:] if row]
    spellings = [spelling for row in rows for spelling in re.findall("`([^`]+)`", row)]
    assert len(spellings) > 20
    for spelling in spellings:
        bf.Layout({"x": f"(8){spelling}"})


@pytest.mark.parametrize("record", [{}, np.dtype({"names": [], "formats": [], "itemsize": 8})])
def test_a_record_has_a_field(record: Any) -> None:
    sizes: Any = {"record_bytes": 8} if isinstance(record, dict) else {}
    with pytest.raises(bf.LayoutError, match="a record must have at least one field"):
        bf.Layout(record, **sizes)


def test_yaml_as_the_guide_says(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("fields:\n  off: u1\n  7: (3,4)<u2\n  price: '>i4'\n  flag: ['?', 40]\n  rest: {a: '(3,4)<u2'}\n")
    assert bf.Layout.load(path) == bf.Layout(
        {"off": "u1", "7": "(3,4)<u2", "price": ">i4", "flag": ("?", 40), "rest": {"a": "(3,4)<u2"}}
    )


def test_a_layout_stays_as_it_is() -> None:
    layout = bf.Layout("u1", header_bytes=2)
    for name in ("header_bytes", "record_bytes", "fields", "headr_bytes"):
        with pytest.raises(AttributeError, match=f"{name}: a layout cannot be changed; make another one"):
            setattr(layout, name, 3)
    assert layout == pickle.loads(pickle.dumps(layout)) == copy.deepcopy(layout)
