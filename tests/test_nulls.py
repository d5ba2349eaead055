"""Fields whose values may be absent, against the reference, which works out NULL in NumPy."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed import _core, reference
from binfeed.errors import FeatureError
from binfeed.layout import Layout
from binfeed.records import RecordSamples
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import nullable

SETS = _core.supported_instruction_sets()
NUMBERS = ("?", "i1", "u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<u6", "<f2", ">f4", "<f8", "bfloat16", "ibm32")
SHAPES = ("", "(3)", "(2,2)")

X = bf.field("x")
CHAINS: dict[str, bf.Feature] = {
    "fill": X.fill(1),
    "fill after arithmetic": X.scale(2, 1).fill(0),
    "fill before arithmetic": X.fill(1).scale(0.5).cast("float64"),
    "fill after a cast": X.cast("int16").fill(7),
    "is_missing": X.is_missing(),
    "is_missing after arithmetic": X.scale(2).is_missing(),
    "fill after one_hot": X.one_hot(3).fill(0.5),
    "concat": bf.concat(X, X.is_missing(), X.fill(1)).fill(0.25),
    "indexed": X.fill(1)[...],
    "reversed": X.reshape(-1).transpose().fill(1),
}


def samples_of(layout: Layout, raw: np.ndarray[Any, Any], features: dict[str, bf.Feature], instructions: str) -> Any:
    samples = RecordSamples([(b"memory", raw.reshape(-1))], layout, features, None, instructions)
    return bf.Reader[Any](samples)


def layout_of(type_: str) -> Layout:
    return nullable(bf.Layout({"pad": "u1", "x": type_, "there": "?"}), {"x": "there"})


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("type_", NUMBERS)
def test_values_that_are_absent_are_filled_and_found(type_: str, shape: str, instructions: str) -> None:
    layout = layout_of(shape + type_)
    raw = np.random.default_rng(5).integers(0, 256, (2500, layout.record_bytes), np.uint8)
    raw[:, -1] = np.random.default_rng(6).integers(0, 3, len(raw))  # any byte but 0 is true
    for name, feature in CHAINS.items():
        features = {"out": feature, "again": feature}
        with samples_of(layout, raw, features, instructions) as reader:
            given_ = reader[:]["out"]
            expected = reference.decode(raw, layout, features)["out"]
        assert given_.dtype == expected.dtype, name
        np.testing.assert_array_equal(given_, expected, err_msg=name)


@pytest.mark.parametrize("instructions", SETS)
def test_bytes_that_are_absent_are_filled(instructions: str) -> None:
    layout = nullable(bf.Layout({"x": "(2)S3", "there": "?"}), {"x": "there"})
    raw = np.frombuffer(b"abcdef\1" + b"abcdef\0" + b"gh\0ij\0\1", np.uint8).reshape(3, 7)
    features = {"x": X.fill("zz"), "code": X.fill(b"abc").codes({"abc": 1, "gh": 2}), "none": X.is_missing()}
    with samples_of(layout, raw, features, instructions) as reader:
        batch = reader[:]
    assert batch["x"].tolist() == [[b"abc", b"def"], [b"zz", b"zz"], [b"gh", b"ij"]]
    assert batch["code"].tolist() == [[1, -1], [1, 1], [2, -1]]
    assert batch["none"].tolist() == [[False] * 2, [True] * 2, [False] * 2]


@given(st.lists(st.tuples(st.integers(-128, 127), st.booleans()), min_size=1, max_size=3000), st.integers(-128, 127))
def test_a_filled_column_is_what_numpy_where_gives(rows: list[tuple[int, bool]], word: int) -> None:
    raw = np.array([(0, value % 256, there) for value, there in rows], np.uint8)
    with samples_of(layout_of("i1"), raw, {"x": X.fill(word)}, SETS[-1]) as reader:
        values, there = (np.array(column) for column in zip(*rows, strict=True))
        np.testing.assert_array_equal(reader[:]["x"], np.where(there, values, word))


@pytest.mark.parametrize(
    ("type_", "feature", "words"),
    [
        ("i4", X.fill(0.5), "cannot be represented as int32"),
        ("i4", X.fill("0"), "is for text, but the values are int32"),
        ("S2", X.fill("abc"), "longer than S2"),
        ("S2", X.fill(0), "is bytes"),
        ("?", X.fill(2), "does not take bools"),
        ("?", X.fill(0, missing=1), "does not take bools"),
        ("c8", X.fill(0), "is complex"),
    ],
)
def test_a_replacement_that_does_not_fit_is_refused(type_: str, feature: bf.Feature, words: str) -> None:
    layout = layout_of(type_)
    with pytest.raises(FeatureError, match=words):
        samples_of(layout, np.zeros((1, layout.record_bytes), np.uint8), {"x": feature}, SETS[-1])


def test_fields_of_files_are_never_null() -> None:
    with pytest.raises(FeatureError, match="only columns of tables have"):
        bf.open(b"ab", {"x": "S2"}, X.fill("a"))
    with pytest.raises(FeatureError, match="int32 has no NaN"):
        bf.open(bytes(4), {"x": "i4"}, X.is_missing())
