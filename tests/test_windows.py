"""Windows: samples of several records, against Keras and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.reader import open_with
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, WriteFiles, assert_identical, random_records

RECORD = np.dtype([("id", "<u4"), ("price", ">i8"), ("bids", "<f4", (2, 3))])
FEATURES = {"id": bf.field("id"), "bids": bf.field("bids").div(3).transpose(1, 0), "price": bf.field("price").scale(2)}


def windows_of(rows: Array, window: bf.Window, target: bool = False) -> Array:
    """The windows of one file in NumPy, or their targets."""
    span = (window.size - 1) * window.dilation
    target_size = window.target_size or 1
    if window.target_offset is not None:
        span = max(span, window.target_offset + (target_size - 1) * window.dilation)
    firsts = np.arange(0, len(rows) - span, window.stride)
    steps = np.arange(window.size) * window.dilation
    if target:
        steps = (window.target_offset or 0) + np.arange(target_size) * window.dilation
    values = rows[firsts[:, np.newaxis] + steps]
    return values[:, 0] if target and window.target_size is None else values


def windows(**changed: st.SearchStrategy[Any]) -> st.SearchStrategy[bf.Window]:
    small = {"size": st.integers(1, 9), "stride": st.integers(1, 9), "dilation": st.integers(1, 4)}
    return st.builds(bf.Window, **small | changed)


@settings(max_examples=150)
@given(
    window=st.one_of(
        windows(),
        windows(target_offset=st.integers(0, 20)),
        windows(target_offset=st.integers(0, 20), target_size=st.integers(1, 5)),
        windows(size=st.integers(20, 70), stride=st.integers(1, 3), dilation=st.integers(1, 3)),
    ),
    counts=st.lists(st.integers(0, 120), min_size=1, max_size=4),
    batch_size=st.integers(1, 50),
    data=st.data(),
)
def test_windows_are_those_of_numpy(window: bf.Window, counts: list[int], batch_size: int, data: st.DataObject) -> None:
    # A header keeps files of no records from being empty.
    files = [random_records(RECORD, count, seed=number) for number, count in enumerate(counts)]
    sources = [np.frombuffer(b"head" + file.tobytes(), np.uint8) for file in files]
    features = dict(FEATURES)
    if window.target_offset is not None:
        features["next"] = FEATURES["price"].target()
    with bf.open(sources, bf.Layout(RECORD, header_bytes=4), features=FEATURES) as single:
        rows: Any = single[:]
    rows = {name: np.split(values, np.cumsum(counts)[:-1]) for name, values in rows.items()}
    expected = {name: np.concatenate([windows_of(part, window) for part in rows[name]]) for name in FEATURES}
    if "next" in features:
        expected["next"] = np.concatenate([windows_of(part, window, target=True) for part in rows["price"]])
    size = len(expected["id"])

    is_single_record = window.size == 1 and not window.target_offset and (window.target_size or 1) == 1
    if size == 0 and not is_single_record:
        with pytest.raises(bf.DataError, match="no file has the"):
            bf.open(sources, bf.Layout(RECORD, header_bytes=4), features, window=window)
        return
    with bf.open(sources, bf.Layout(RECORD, header_bytes=4), features, window=window) as reader:
        assert len(reader) == size
        order: dict[str, Any] = data.draw(st.sampled_from([{}, {"shuffle": True, "seed": 1}, {"cycle_length": 2}]))
        ids = [batch["id"] for batch in reader.batches(batch_size, **order)]
        assert sum(map(len, ids)) == size
        if not order:
            for number, batch in enumerate(reader.batches(batch_size)):
                part = slice(number * batch_size, (number + 1) * batch_size)
                assert_identical(batch, {name: values[part] for name, values in expected.items()})
        indices = data.draw(st.lists(st.integers(0, max(size - 1, 0)), max_size=9 if size else 0))
        assert_identical(reader.take(indices), {name: values[indices] for name, values in expected.items()})


@settings(max_examples=25)
@given(
    count=st.integers(30, 90),
    window=windows(size=st.integers(2, 12), target_offset=st.one_of(st.none(), st.integers(0, 15))),
    batch_size=st.integers(1, 20),
)
def test_windows_are_those_of_tensorflow(count: int, window: bf.Window, batch_size: int) -> None:
    import keras  # noqa: PLC0415

    rows = random_records(">i2", count).astype(np.float32)
    targets = None if window.target_offset is None else rows[window.target_offset :]
    span = (window.size - 1) * window.dilation
    if count <= max(span, window.target_offset or 0):
        return
    theirs = keras.utils.timeseries_dataset_from_array(
        rows,
        targets,
        sequence_length=window.size,
        sequence_stride=window.stride,
        sampling_rate=window.dilation,
        batch_size=batch_size,
    )
    value = bf.field("value").cast("float32")
    features = {"x": value} if targets is None else {"x": value, "y": value.target()}
    with bf.open(random_records(">i2", count), ">i2", features, window=window) as reader:
        ours = list(reader.batches(batch_size))
        from_dataset = list(reader.to_tf_dataset(batch_size, label=None if targets is None else "y"))
    found = tuple(theirs.as_numpy_iterator())
    if targets is None:
        assert_identical(tuple(batch["x"] for batch in ours), found)
        return
    assert_identical(tuple((batch["x"], batch["y"]) for batch in ours), found)
    assert_identical(tuple((x.numpy(), y.numpy()) for x, y in from_dataset), found)


def test_windows_are_the_same_on_every_instruction_set(instruction_set: str) -> None:
    records = random_records(RECORD, 500)
    window = bf.Window(40, stride=3, dilation=2, target_offset=90, target_size=2)
    features = {**FEATURES, "next": FEATURES["bids"].target()}
    with (
        open_with(records, RECORD, features, instruction_set, window) as reader,
        open_with(records, RECORD, FEATURES, "baseline") as single,
    ):
        rows: Any = single[:]
        expected = {name: windows_of(values, window) for name, values in rows.items()}
        expected["next"] = windows_of(rows["bids"], window, target=True)
        assert_identical(reader[:], expected)


def test_overlapping_windows_of_large_rows_are_decoded_in_pieces(instruction_set: str) -> None:
    # A row of 16 KB: the rows of a few windows are more than what is kept at a time.
    values = np.arange(300 * 4096, dtype=np.float32).reshape(300, 4096)
    with open_with(
        values, np.dtype(("<f4", 4096)), {"value": bf.field("value")}, instruction_set, bf.Window(8)
    ) as reader:
        found: Any = reader[:]
    assert_identical(found["value"], np.lib.stride_tricks.sliding_window_view(values, 8, axis=0).transpose(0, 2, 1))


def test_no_window_reaches_over_the_end_of_a_file(write_files: WriteFiles) -> None:
    parts = [np.arange(10, dtype="<u4"), np.arange(100, 103, dtype="<u4"), np.arange(200, 205, dtype="<u4")]
    with bf.open(write_files(*parts), "<u4", window=bf.Window(4)) as reader:
        found = np.asarray(reader[:])
    assert found.tolist() == [
        *([first + i for i in range(4)] for first in range(7)),
        [200, 201, 202, 203],
        [201, 202, 203, 204],
    ]


def test_the_spec_has_the_axis_of_the_window() -> None:
    window = bf.Window(5, target_offset=5)
    features = {"x": bf.field("bids"), "y": bf.field("id").target()}
    with bf.open(
        np.zeros(400, np.uint8), np.dtype([("id", "<u4"), ("bids", "<f4", 4)]), features, window=window
    ) as reader:
        assert (reader.spec["x"].shape, reader.spec["y"].shape) == ((5, 4), ())
        assert len(reader) == 20 - 5
        sample: Any = reader[3]
        assert (sample["x"].shape, sample["y"].shape) == ((5, 4), ())
        dataset = reader.to_tf_dataset(5, label="y")
    assert [tuple(spec.shape) for spec in dataset.element_spec] == [(5, 5, 4), (5,)]


def test_windows_can_be_shuffled_shared_out_and_resumed() -> None:
    with bf.open(np.arange(1000, dtype="<u2"), "<u2", window=bf.Window(10, stride=3)) as reader:
        expected = {tuple(range(first, first + 10)) for first in range(0, 991, 3)}
        options: dict[str, Any] = {"shuffle": True, "seed": 5}
        found = []
        for shard in range(3):
            batches = reader.batches(20, **options, shard=(shard, 3), shard_remainder="pad")
            found += [tuple(row) for batch in (next(batches), next(batches)) for row in np.asarray(batch).tolist()]
            resumed = reader.batches(7, **options, shard=(shard, 3), shard_remainder="pad", state=batches.state())
            found += [tuple(row) for batch in resumed for row in np.asarray(batch).tolist()]
        assert set(found) == expected
        assert len(found) - len(expected) < 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 0}, ValueError, "size must be at least 1, not 0"),
        ({"size": 4, "stride": 0}, ValueError, "stride must be at least 1"),
        ({"size": 4, "dilation": -1}, ValueError, "dilation must be at least 1"),
        ({"size": 4, "target_offset": -1}, ValueError, "target_offset must be at least 0"),
        ({"size": 4, "target_size": 2}, ValueError, "give target_offset as well"),
        ({"size": 4, "target_offset": 1, "target_size": 0}, ValueError, "target_size must be at least 1"),
        ({"size": 4.5}, TypeError, "size must be a whole number"),
        ({"size": 4, "strid": 2}, TypeError, "did you mean 'stride'"),
    ],
)
def test_what_is_no_window_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bf.Window(**arguments)


def test_windows_that_fit_nowhere_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.bin"
    path.write_bytes(bytes(10))
    (tmp_path / "shorter.bin").write_bytes(bytes(9))
    with pytest.raises(
        bf.DataError, match=r"no file has the 11 records .* the longest, '.*/short.bin', has 10"
    ) as caught:
        bf.open([tmp_path / "shorter.bin", path], "u1", window=bf.Window(6, dilation=2))
    assert caught.value.file == str(path)
    for huge in (bf.Window(2**30, dilation=2**30), bf.Window(2, target_offset=2**30)):
        with pytest.raises((bf.DataError, bf.FeatureError)):
            bf.open(path, "u1", window=huge)
    with pytest.raises(ValueError, match=r"size must be at most 2\^30, not 1073741825"):
        bf.Window(2**30 + 1)


def test_targets_and_windows_belong_together() -> None:
    data = np.zeros(100, np.uint8)
    value = bf.field("value")
    with pytest.raises(bf.FeatureError, match=r"feature 'y' is a target: give open\(\) a window=Window"):
        bf.open(data, "u1", {"y": value.target()})
    with pytest.raises(bf.FeatureError, match=r"feature 'y' is a target"):
        bf.open(data, "u1", {"y": value.target()}, window=bf.Window(3))
    with pytest.raises(bf.FeatureError, match=r"no feature reads it: mark one with .target\(\)"):
        bf.open(data, "u1", {"x": value}, window=bf.Window(3, target_offset=3))
    with pytest.raises(bf.FeatureError, match=r"write concat\(...\).target\(\)"):
        bf.concat(value.target(), value)
    with pytest.raises(TypeError, match="window must be a Window"):
        bf.open(data, "u1", window=64)
    assert repr(value.div(2).target()) == "field('value').div(2).target()"
    with bf.open(data, "u1", value.target(), window=bf.Window(3, target_offset=10)) as reader:
        assert np.asarray(reader[:]).shape == (90,)


def test_tokens_and_those_that_follow_them_in_tf_data(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 50_000, 10_001).astype("<u2")
    tokens.tofile(tmp_path / "tokens.bin")
    token = bf.field("value").cast("int32")
    window = bf.Window(64, stride=64, target_offset=1, target_size=64)
    with bf.open(tmp_path / "tokens.bin", "<u2", {"input": token, "target": token.target()}, window=window) as reader:
        batches = list(reader.to_tf_dataset(8, label="target", drop_remainder=True))
    expected = tokens[: 64 * 8 * len(batches)].reshape(-1, 8, 64)
    following = tokens[1 : 64 * 8 * len(batches) + 1].reshape(-1, 8, 64)
    assert len(batches) == 10_000 // 64 // 8
    for (inputs, targets), x, y in zip(batches, expected, following, strict=True):
        assert_identical((inputs.numpy(), targets.numpy()), (x.astype(np.int32), y.astype(np.int32)))
