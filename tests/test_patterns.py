"""Features in lists, by the names of their fields or others, and patterns that stand for several fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest

from tests.helpers import Array, assert_identical

RECORD = np.dtype(
    [
        ("bid_1", "<f4"),
        ("bid_2", ">f4"),
        ("ask_1", "<f4"),
        ("ask_2", ">f4"),
        ("size", "<i4", 2),
        ("header", [("time", "<i8"), ("kind", "S2")]),
        ("odd[1]", "u1"),
        ("odd1", "u1"),
    ]
)
NAMES = ["bid_1", "bid_2", "ask_1", "ask_2", "size", "header.time", "header.kind", "odd[1]", "odd1"]


@pytest.fixture
def rows() -> Array:
    made = np.zeros(20, RECORD)
    random = np.random.default_rng(0)
    for name in ("bid_1", "bid_2", "ask_1", "ask_2"):
        made[name] = random.uniform(0, 100, 20)
    made["size"] = random.integers(-9, 9, (20, 2))
    made["header"]["time"] = np.arange(20)
    made["header"]["kind"] = b"k"
    made["odd[1]"], made["odd1"] = 1, 2
    return made


def native(rows: Array, name: str) -> Array:
    values = rows
    for part in name.split(".") if name.startswith("header.") else [name]:
        values = values[part]
    return values.astype(values.dtype.newbyteorder("="))


def read(rows: Array, features: Any) -> Any:
    with bf.open(rows, RECORD, features) as reader:
        return reader[:]


def test_a_star_is_every_field(rows: Array) -> None:
    plain = read(rows, None)
    assert list(plain) == NAMES
    for features in (["*"], [bf.field("*")], bf.fields("*"), bf.fields("bid*", "ask*", "size", "header.*", "odd*")):
        found = read(rows, features)
        assert_identical(found, plain)
        assert list(found) == NAMES


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["bid*"], ["bid_1", "bid_2"]),
        (["*_1"], ["bid_1", "ask_1"]),
        (["???_2"], ["bid_2", "ask_2"]),
        (["ask*", "bid*"], ["ask_1", "ask_2", "bid_1", "bid_2"]),
        (["header.*"], ["header.time", "header.kind"]),
        (["*.time"], ["header.time"]),
        (["si?e"], ["size"]),
        (["odd[1]"], ["odd[1]"]),  # brackets have no meaning
        (["odd[*"], ["odd[1]"]),
        (["odd?"], ["odd1"]),
        (["size", "header.time"], ["size", "header.time"]),
    ],
)
def test_patterns_stand_for_the_fields_that_match(rows: Array, patterns: list[str], names: list[str]) -> None:
    expected = {name: native(rows, name) for name in names}
    for features in (patterns, bf.fields(*patterns), [bf.field(pattern) for pattern in patterns]):
        found = read(rows, features)
        assert list(found) == names
        assert_identical(found, expected)


def test_what_is_done_to_a_pattern_is_done_to_every_field(rows: Array) -> None:
    found = read(rows, [bf.field("bid*").scale(2).lag(1), "header.time", bf.field("s*")[::-1]])
    assert list(found) == ["bid_1", "bid_2", "header.time", "size"]
    assert_identical(found["bid_2"], native(rows, "bid_2")[:-1] * 2)
    assert_identical(found["size"], native(rows, "size")[1:, ::-1])


def test_patterns_side_by_side(rows: Array) -> None:
    columns = [native(rows, name) for name in ("bid_1", "bid_2", "ask_1", "ask_2")]
    expected = np.column_stack(columns)
    for block in (
        bf.concat(*bf.fields("bid*", "ask*")),
        bf.concat("bid*", "ask*"),
        bf.concat(bf.field("bid*"), "ask_1", "ask_2"),
        bf.concat("???_?"),
        bf.concat(bf.concat("bid*"), "ask*"),
    ):
        assert_identical(read(rows, block), expected)
        assert_identical(read(rows, {"block": block}), {"block": expected})
        assert_identical(read(rows, [block.alias("block")]), {"block": expected})
    # A field may come several times: it is a list of columns.
    assert_identical(read(rows, bf.concat("bid*", "bid_1")), np.column_stack([columns[0], columns[1], columns[0]]))
    spreads = (bf.concat("ask*") - bf.concat("bid*")) / 2
    expected = ((expected[:, 2:] - expected[:, :2]) / np.float32(2)).astype(np.float32)
    assert_identical(read(rows, spreads), expected)


def test_an_alias_names_a_feature_of_a_list(rows: Array) -> None:
    bid, ask = bf.field("bid_1"), bf.field("ask_1")
    spread = (ask - bid).alias("spread")
    assert repr(spread) == "(field('ask_1') - field('bid_1')).alias('spread')"
    found = read(rows, [spread, "size", bid.alias("bid"), bid, (bid * 2).alias("twice"), ask.lag(0)])
    assert list(found) == ["spread", "size", "bid", "bid_1", "twice", "ask_1"]
    assert_identical(found["spread"], native(rows, "ask_1") - native(rows, "bid_1"))
    assert_identical(found["bid"], found["bid_1"])
    # The last name holds. Operations keep it, combinations have none.
    assert list(read(rows, [spread.alias("other")])) == ["other"]
    assert list(read(rows, [bid.alias("bid").scale(2)])) == ["bid"]
    # Elsewhere a name is no more than a label.
    assert list(read(rows, {"key": spread})) == ["key"]
    assert_identical(read(rows, spread), found["spread"])
    # The name of a feature of one field that a pattern finds.
    assert list(read(rows, [bf.field("*time").alias("time")])) == ["time"]


def test_a_list_is_the_same_as_a_dict_with_these_names(rows: Array, tmp_path: Path) -> None:
    rows.tofile(tmp_path / "rows.bin")
    listed: list[Any] = ["bid*", (bf.field("ask_1") * 2).alias("twice")]
    named = {"bid_1": "bid_1", "bid_2": "bid_2", "twice": bf.field("ask_1") * 2}
    with bf.open(tmp_path / "rows.bin", RECORD, listed) as one, bf.open(tmp_path / "rows.bin", RECORD, named) as other:
        assert one.spec == other.spec
        assert_identical(one[:], other[:])
        state = one.batches(5).skip(2).state()
        assert_identical(list(other.batches(5, state=state)), list(one.batches(5).skip(2)))
        dataset = one.to_tf_dataset(20, label="twice")
        features, label = next(dataset.as_numpy_iterator())
        assert set(features) == {"bid_1", "bid_2"}
        assert_identical(label, one[:]["twice"])


def test_patterns_in_tensorflow(rows: Array) -> None:
    import tensorflow as tf  # noqa: PLC0415
    from binfeed import tensorflow as bft  # noqa: PLC0415

    strings = tf.constant([bytes(row) for row in rows.view((np.uint8, RECORD.itemsize))])
    features: list[Any] = ["bid*", bf.concat("ask*").alias("asks"), bf.field("header.time").time("s").hour()]
    decoded = bft.decode(strings, RECORD, features)
    assert_identical({name: tensor.numpy() for name, tensor in decoded.items()}, read(rows, features))


def test_the_names_of_patterns_are_those_of_the_layout() -> None:
    layout = bf.Layout({"a*": "u1", "ab": "u1", "what?": "u1"})
    with bf.open(b"\1\2\3", layout, ["a*", "what?"]) as reader:  # names that fields have are no patterns
        assert reader[0] == {"a*": 1, "what?": 3}
    with bf.open(b"\1\2\3", layout, ["*"]) as reader:
        assert reader[0] == {"a*": 1, "ab": 2, "what?": 3}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "features is an empty list"),
        (["bid*", "bid_1"], "two features have the name 'bid_1': give one another name with .alias()"),
        (["size", "size"], "two features have the name 'size'"),
        (["*", "*"], "two features have the name 'bid_1'"),
        ([bf.field("bid_1"), bf.field("bid_1").scale(2)], "two features have the name 'bid_1'"),
        ([bf.field("bid*").alias("bid")], "two features have the name 'bid'"),
        ([bf.field("size").alias("bid_1"), "bid_1"], "two features have the name 'bid_1'"),
        ([bf.field("bid_1") + 1], "(field('bid_1') + 1) needs a name in a list of features: give it one with .alias()"),
        ([bf.concat("bid*")], "needs a name in a list of features"),
        ([(bf.field("bid_1") + 1).alias("x") * 2], "needs a name in a list of features"),
        (["nothing*"], "no field matches 'nothing*'; the fields are bid_1, bid_2"),
        ([bf.field("bid_3")], "the layout has no field 'bid_3'; did you mean"),
        ({"x": "bid*"}, "feature 'x': field('bid*') stands for 2 fields: put them side by side with bf.concat"),
        ("bid*", "the feature: field('bid*') stands for 2 fields"),
        (bf.field("bid*") - bf.field("ask*"), "field('bid*') stands for 2 fields"),
        (bf.where(bf.field("bid_1") > 1, bf.field("bid*"), 0), "field('bid*') stands for 2 fields"),
        (bf.cross("s*", "header*", bins=3), "field('header*') stands for 2 fields"),
        ([3], "a list of features has features, or names of fields, not 3"),
        ([["bid_1"]], "a list of features has features, or names of fields, not ['bid_1']"),
        (("bid_1",), "features must be a dict of features by name, a list of them, or one feature"),
    ],
)
def test_what_does_not_name_features_is_refused(rows: Array, features: Any, message: str) -> None:
    with pytest.raises(bf.FeatureError, match=re.escape(message)):
        bf.open(rows, RECORD, features)


def test_names_and_patterns_are_text() -> None:
    for name in ("", None, 5, b"bytes"):
        with pytest.raises(bf.FeatureError, match="the name of a feature must be text of at least one character"):
            bf.field("x").alias(name)  # type: ignore[arg-type]
    for pattern in (5, None, b"bid*"):
        with pytest.raises(bf.FeatureError, match="takes the name of a field, not"):
            bf.fields("bid*", pattern)  # type: ignore[arg-type]
    assert bf.fields() == []
