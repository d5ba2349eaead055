"""What depends on the records before: against pandas and a small model, in every order, never across files."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import binfeed as bf
import ml_dtypes
import numpy as np
import pandas as pd
import pytest
from binfeed.reader import open_with
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, WriteFiles, assert_identical
from tests.test_windows import windows_of

X = bf.field("x")

#: What a feature and a pandas series become, with the same words, and how many records before it looks back.
Made = Callable[[Any], Any]


@dataclass(frozen=True)
class Case:
    """A function of history, in binfeed and in pandas."""

    name: str
    feature: Made
    series: Made
    history: int


CASES = [
    *(Case(f"lag {n}", lambda x, n=n: x.lag(n), lambda s, n=n: s.shift(n), n) for n in (0, 1, 5)),
    *(Case(f"diff {n}", lambda x, n=n: x.diff(n), lambda s, n=n: s.diff(n), n) for n in (1, 3)),
    *(Case(f"pct_change {n}", lambda x, n=n: x.pct_change(n), lambda s, n=n: s.pct_change(n), n) for n in (1, 4)),
    Case("log_return", lambda x: x.log_return(2), lambda s: np.log(s) - np.log(s.shift(2)), 2),
    *(
        Case(
            f"rolling_{name} {n}",
            lambda x, n=n, name=name: getattr(x, f"rolling_{name}")(n),
            lambda s, n=n, name=name: getattr(s.rolling(n), name)(),
            n - 1,
        )
        for name in ("sum", "mean", "min", "max")
        for n in (1, 2, 3, 8, 13)
    ),
    *(
        Case(
            f"rolling_std {n} {ddof}",
            lambda x, n=n, ddof=ddof: x.rolling_std(n, ddof=ddof),
            lambda s, n=n, ddof=ddof: s.rolling(n).std(ddof=ddof),
            n - 1,
        )
        for n, ddof in ((1, 0), (2, 1), (7, 0), (11, 1), (16, 3))
    ),
    *(
        Case(
            f"ewm_mean {span} {history}",
            lambda x, span=span, history=history: x.ewm_mean(span=span, history=history),
            lambda s, span=span, history=history: ewm_mean(s, span, history),
            history,
        )
        for span, history in ((1, 3), (5, 0), (5, 20), (2.5, 9))
    ),
]
MOST = max(case.history for case in CASES)


def ewm_mean(series: pd.Series, span: float, history: int) -> pd.Series:
    """The weighted mean of pandas, of each value and ``history`` values before it alone."""
    means = [
        np.nan if end < history else series[end - history : end + 1].ewm(span=span, adjust=True).mean().iloc[-1]
        for end in range(len(series))
    ]
    return pd.Series(means, dtype=np.float64)


NUMBERS = ["bool", "i1", "u1", "i2", "u2", "i3", "u3", "i4", "u4", "i5", "u6", "i7", "i8", "u8"]
FLOATS = ["f2", "bfloat16", "f4", "f8"]
COMPUTED = {"f2": np.float32, "bfloat16": np.float32, "f4": np.float32, "f8": np.float64}


def values_of(type_: str, count: int, seed: int = 0) -> Array:
    """Values above 0 of which float64 holds every sum exactly."""
    random = np.random.default_rng(seed)
    if type_ == "bool":
        return random.integers(0, 2, count).astype(bool)
    if type_ in FLOATS:
        dtype = np.dtype(ml_dtypes.bfloat16) if type_ == "bfloat16" else np.dtype(type_)
        return random.uniform(1, 200, count).astype(dtype)
    bits = int(type_[1:]) * 8
    highest = min(2 ** (bits - (type_[0] == "i")), 2**40)
    held = next(size for size in (1, 2, 4, 8) if 8 * size >= bits)
    return random.integers(1, highest, count).astype(f"{type_[0]}{held}")


def stored(type_: str, order: str, values: Array) -> bytes:
    """Values as records have them."""
    if type_ in ("bool", "bfloat16"):
        raw = values.view("u1" if type_ == "bool" else "u2")
        return raw.astype(f"{order}u{raw.itemsize}").tobytes()
    if type_ in FLOATS:
        return values.astype(f"{order}{type_}").tobytes()
    size = int(type_[1:])
    octets = values.astype("<i8").view("u1").reshape(-1, 8)[:, :size]
    return octets[:, :: 1 if order == "<" else -1].tobytes()


def spelled(type_: str, order: str) -> str:
    return "?" if type_ == "bool" else f"{order}{type_}"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("type_", NUMBERS + FLOATS)
def test_history_is_that_of_pandas(type_: str, order: str, instruction_set: str) -> None:
    values = values_of(type_, 60)
    series = pd.Series(values.astype(np.float64))
    layout = bf.Layout({"x": spelled(type_, order)})
    source = np.frombuffer(stored(type_, order, values), np.uint8)
    features: dict[str, Any] = {case.name: case.feature(X) for case in CASES}
    features |= {f"{case.name} of float64": case.feature(X.cast("float64")) for case in CASES}
    with open_with(source, layout, features, instruction_set) as reader, np.errstate(all="ignore"):
        found: Any = reader[:]
        assert len(reader) == len(values) - MOST
        expected = {case.name: case.series(series).to_numpy()[MOST:] for case in CASES}
    for case in CASES:
        is_taken = case.name.startswith(("lag", "rolling_min", "rolling_max"))
        precise = found[f"{case.name} of float64"]
        assert precise.dtype == np.float64
        tolerance = 1e-9 if "std" in case.name or "pct" in case.name or "log" in case.name else 1e-12
        np.testing.assert_allclose(precise, expected[case.name], rtol=tolerance, atol=tolerance, err_msg=case.name)
        if is_taken:
            assert_identical(found[case.name], expected[case.name].astype(values.dtype))
        elif type_ in NUMBERS and case.name.startswith(("diff", "rolling_sum")):
            assert_identical(found[case.name], expected[case.name].astype(np.int64))
        elif case.name.startswith("diff"):
            computed = pd.Series(values.astype(COMPUTED[type_])).diff(case.history)
            assert_identical(found[case.name], computed.to_numpy()[MOST:].astype(np.float32))
        else:
            assert_identical(found[case.name], precise.astype(np.float32))


@pytest.mark.parametrize("type_", ["i1", "u1", "i8", "u8", "f4", "f8"])
def test_extremes_are_kept_and_sums_end_at_the_bounds_of_int64(type_: str, instruction_set: str) -> None:
    limits: Any = np.finfo(type_) if type_[0] == "f" else np.iinfo(type_)
    values = np.random.default_rng(1).choice(np.array([limits.min, limits.max, 0, 1], type_), 200)
    features = {
        "lag": X.lag(3),
        "min": X.rolling_min(3),
        "max": X.rolling_max(3),
        "diff": X.diff(),
        "sum": X.rolling_sum(2),
    }
    with open_with(values.view(np.uint8), {"x": f"<{type_}"}, features, instruction_set) as reader:
        found: Any = reader[:]
    of_three = np.lib.stride_tricks.sliding_window_view(values, 3)[1:]
    expected: dict[str, Any] = {"lag": values[:-3], "min": of_three.min(axis=1), "max": of_three.max(axis=1)}
    if type_[0] != "f":
        exact = values.astype(object)
        before, now = exact[2:-1], exact[3:]
        expected["diff"] = np.clip(now - before, -(2**63), 2**63 - 1).astype(np.int64)
        in_int64 = np.clip(exact, -(2**63), 2**63 - 1)
        expected["sum"] = np.clip(in_int64[2:-1] + in_int64[3:], -(2**63), 2**63 - 1).astype(np.int64)
    else:
        with np.errstate(over="ignore"):
            expected["diff"] = np.diff(values)[2:].astype(np.float32)
            wide = values.astype(np.float64)
            expected["sum"] = (wide[3:] + wide[2:-1]).astype(np.float32)
    assert_identical(found, expected)


def test_nan_and_infinity_reach_as_far_as_they_are_looked_back_at(instruction_set: str) -> None:
    values = np.arange(40, dtype="<f8")
    values[10], values[20], values[30] = np.nan, np.inf, -np.inf
    features = {name: getattr(X.cast("float64"), f"rolling_{name}")(5) for name in ("sum", "mean", "std", "min", "max")}
    with open_with(values.view(np.uint8), {"x": "<f8"}, features, instruction_set) as reader, np.errstate(all="ignore"):
        found: Any = reader[:]
        of_five = np.lib.stride_tricks.sliding_window_view(values, 5)
        for name in ("sum", "mean", "min", "max"):
            np.testing.assert_allclose(found[name], getattr(of_five, name)(axis=1), rtol=1e-14)
        np.testing.assert_allclose(found["std"], of_five.std(axis=1, ddof=1), rtol=1e-12)


def test_a_deviation_of_values_that_lie_close_together_is_accurate() -> None:
    offsets = np.random.default_rng(0).integers(0, 1000, 500)
    values = (2**40 + offsets).astype("<i8")  # whose squares float64 rounds to multiples of 2^28
    for n in (2, 10, 100):
        with bf.open(values.view(np.uint8), {"x": "<i8"}, X.cast("float64").rolling_std(n)) as reader:
            expected = np.lib.stride_tricks.sliding_window_view(offsets, n).std(axis=1, ddof=1)
            np.testing.assert_allclose(np.asarray(reader[:]), expected, rtol=1e-6)


# In every order.

RECORD = np.dtype([("id", "<u4"), ("bid", ">f4"), ("ask", ">f4"), ("size", ">i8"), ("side", "S3"), ("depth", "<u2", 3)])
LAYOUT = bf.Layout(RECORD, header_bytes=12, footer_bytes=4)
#: Some files are shorter than what is looked back at, or have no records; one has exactly as many.
COUNTS = [40, 1, 0, 9, 10, 120, 11, 2, 64]
MID = (bf.field("bid") + bf.field("ask")) / 2
FEATURES: dict[str, Any] = {
    "id": "id",
    "side": bf.field("side").lag(2),
    "size": bf.field("size").diff(),
    "volatility": MID.log_return().rolling_std(9),
    "trend": MID.rolling_mean(4) / MID.rolling_mean(8) - 1,
    "depth": bf.field("depth").rolling_max(3).transpose(),
    "any": bf.concat(MID.ewm_mean(span=4, history=6), bf.field("depth")[::-1].lag(1), "size"),
    "chosen": bf.where(MID.lag(1) < MID, bf.field("size").lag(7), -1),
    "kept": bf.field("size").rolling_sum(5, first=-7),
    "nan": MID.rolling_mean(3, first="nan"),
    "nested": bf.field("size").lag(2, first=5).diff(3, first=1),
}
HISTORY = 9  # a return looks back by one record, a deviation of nine of them by eight more


def market(counts: Sequence[int], seed: int = 0) -> list[Array]:
    """Files of records whose values tell in which file they are."""
    random = np.random.default_rng(seed)
    files = []
    for number, count in enumerate(counts):
        rows = np.zeros(count, RECORD)
        rows["bid"] = random.uniform(1, 2, count) + 100 * number
        rows["ask"] = rows["bid"] + random.uniform(0, 0.1, count)
        rows["size"] = random.integers(-(10**12), 10**12, count) + number * 10**15
        rows["side"] = [f"{number}{row % 10}".encode() for row in range(count)]
        rows["depth"] = random.integers(0, 5000, (count, 3)) + 6000 * number
        files.append(rows)
    numbers = iter(range(sum(counts)))
    for rows in files:
        rows["id"] = [next(numbers) for _ in rows]
    return files


def expected_of(files: Sequence[Array], history: int = HISTORY) -> dict[str, Array]:
    """What pandas makes of each file alone, and NumPy of the rest: float64 where it is not exact."""
    made = [_expected_of_one(rows, history) for rows in files if len(rows) > history]
    return {name: np.concatenate([one[name] for one in made]) for name in made[0]}


def _expected_of_one(rows: Array, history: int) -> dict[str, Array]:
    native = rows.astype(RECORD.newbyteorder("="))
    mid = pd.Series((native["bid"] + native["ask"]) / np.float32(2)).astype(np.float64)
    size = pd.Series(native["size"])
    depth = pd.DataFrame(native["depth"].astype(np.int64))
    returns = np.log(mid) - np.log(mid.shift())
    kept = size.rolling(5).sum() if len(size) < 5 else pd.Series(_sums(native["size"], 5, first=-7))
    before = size.shift(2, fill_value=5)
    nested = before - before.shift(3, fill_value=0)
    nested[:3] = 1
    side = np.concatenate([np.zeros(2, "S3"), native["side"][:-2]])
    everything = {
        "id": native["id"],
        "side": side,
        "size": size.diff().fillna(0).to_numpy(),
        "volatility": returns.rolling(9).std().to_numpy(),
        "trend": (mid.rolling(4).mean() / mid.rolling(8).mean() - 1).to_numpy(),
        "depth": depth.rolling(3).max().to_numpy(),
        "any": np.column_stack([ewm_mean(mid, 4, 6), depth[[2, 1, 0]].shift(), size]),
        "chosen": np.where(mid > mid.shift(), np.concatenate([np.zeros(7, int), native["size"][:-7]]), -1),
        "kept": kept.to_numpy(),
        "nan": mid.rolling(3).mean().to_numpy(),
        "nested": nested.to_numpy(),
    }
    return {name: values[history:] for name, values in everything.items()}


def _sums(values: Array, n: int, first: int) -> Array:
    sums = np.convolve(values, np.ones(n, np.int64))[: len(values)]
    sums[: n - 1] = first
    return sums


@pytest.fixture
def paths(write_files: WriteFiles) -> list[Path]:
    return write_files(*market(COUNTS), header=b"h" * 12, footer=b"f" * 4)


@pytest.fixture
def reader(paths: list[Path]) -> Iterator[bf.Reader]:
    with bf.open(paths, LAYOUT, FEATURES) as opened:
        yield opened


ORDERS: list[dict[str, Any]] = [
    {},
    {"shuffle": True, "seed": 3},
    {"shuffle": bf.BlockShuffle(7, 3), "seed": 4},
    {"cycle_length": 3, "block_length": 4},
]


def test_history_ends_at_the_beginning_of_a_file(reader: bf.Reader) -> None:
    found: Any = reader[:]
    expected = expected_of(market(COUNTS))
    assert len(reader) == sum(max(count - HISTORY, 0) for count in COUNTS) == len(expected["id"])
    for name, values in expected.items():
        if found[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-7, err_msg=name)
        else:
            assert_identical(found[name], values.astype(found[name].dtype))


def rows_at(everything: dict[str, Any], ids: Array) -> dict[str, Any]:
    """The samples with some numbers, which their feature ``id`` has."""
    numbers = everything["id"].reshape(len(everything["id"]), -1)[:, 0]
    places = {int(number): place for place, number in enumerate(numbers)}
    chosen = [places[int(number)] for number in ids.reshape(len(ids), -1)[:, 0]]
    return {name: values[chosen] for name, values in everything.items()}


def check_every_order(reader: bf.Reader, everything: dict[str, Any], batch_sizes: Sequence[int] = (1, 7, 64)) -> None:
    """Check that the same samples come in every order, with the same bits."""
    size = len(everything["id"])
    assert len(reader) == size
    assert_identical(reader[:], everything)
    for i in (*range(min(size, 12)), -1):
        sample: Any = reader[i]
        assert_identical(sample, {name: values[i] for name, values in everything.items()})
    for i, each in enumerate(reader):
        if i % 13 == 0:
            assert_identical(each, {name: values[i] for name, values in everything.items()})
    indices = np.random.default_rng(0).integers(0, size, 2 * size)
    assert_identical(reader.take(indices), {name: values[indices] for name, values in everything.items()})
    for step in (2, 5, -1, -3):
        assert_identical(reader[::step], {name: values[::step] for name, values in everything.items()})
    for order in ORDERS:
        for batch_size in batch_sizes:
            for batch in collected(reader, batch_size, everything, **order):
                assert_identical(batch, rows_at(everything, batch["id"]))


def collected(reader: bf.Reader, batch_size: int, everything: dict[str, Any], **order: Any) -> list[Any]:
    """The batches of all shards, which have every sample once."""
    shards = [list(reader.batches(batch_size, shard=(k, 2), shard_remainder="pad", **order)) for k in range(2)]
    batches: list[Any] = list(reader.batches(batch_size, **order))
    numbers = np.concatenate([batch["id"].reshape(len(batch["id"]), -1)[:, 0] for batch in batches])
    assert sorted(numbers) == sorted(everything["id"].reshape(len(reader), -1)[:, 0])
    return batches + shards[0] + shards[1]


def test_every_order_gives_the_same_bits(paths: list[Path], reader: bf.Reader) -> None:
    everything: Any = reader[:]
    check_every_order(reader, everything)
    contents = [np.frombuffer(path.read_bytes(), np.uint8) for path in paths]
    with bf.open(contents, LAYOUT, FEATURES) as in_memory:
        check_every_order(in_memory, everything, batch_sizes=[5])


def test_a_feature_has_the_same_bits_alone(paths: list[Path], reader: bf.Reader) -> None:
    everything: Any = reader[:]
    for name, feature in FEATURES.items():
        with bf.open(paths, LAYOUT, {"id": "id", name: feature}) as alone:
            found: Any = alone[:]
            assert len(alone) >= len(reader)
        assert_identical(rows_at(found, everything["id"])[name], everything[name])


def test_every_instruction_set_gives_the_same_bits(paths: list[Path], reader: bf.Reader, instruction_set: str) -> None:
    everything: Any = reader[:]
    with open_with(paths, LAYOUT, FEATURES, instruction_set) as same:
        assert_identical(same[:], everything)
        assert_identical(same.take([70, 3, 3]), {name: values[[70, 3, 3]] for name, values in everything.items()})


WINDOWS = [
    bf.Window(1),
    bf.Window(5),
    bf.Window(4, stride=4),
    bf.Window(3, stride=7),
    bf.Window(4, stride=2, dilation=3),
    bf.Window(1, stride=3),
    bf.Window(6, stride=2, target_offset=6),
    bf.Window(3, dilation=2, target_offset=1, target_size=4),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows_are_of_the_same_records(paths: list[Path], window: bf.Window, instruction_set: str) -> None:
    features = dict(FEATURES)
    if window.target_offset is not None:
        features["next"] = FEATURES["trend"].target()
    per_file = []
    for path, count in zip(paths, COUNTS, strict=True):
        if count > HISTORY:
            with bf.open(path, LAYOUT, FEATURES) as single:
                per_file.append(single[:])
    everything = {name: np.concatenate([windows_of(one[name], window) for one in per_file]) for name in FEATURES}
    if "next" in features:
        everything["next"] = np.concatenate([windows_of(one["trend"], window, target=True) for one in per_file])
    with open_with(paths, LAYOUT, features, instruction_set, window) as reader:
        check_every_order(reader, everything, batch_sizes=[5])


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("window", [None, bf.Window(4, stride=3)], ids=str)
def test_a_state_goes_on_with_the_same_bits(paths: list[Path], order: dict[str, Any], window: bf.Window | None) -> None:
    with bf.open(paths, LAYOUT, FEATURES, window=window) as reader:
        for before in (0, 1, 5):
            batches = reader.batches(6, epochs=2, **order)
            for _ in range(before):
                next(batches)
            state = batches.state()
            with bf.open(paths, LAYOUT, FEATURES, window=window) as again:
                resumed = list(again.batches(6, epochs=2, state=state, **order))
            assert_identical(resumed, list(batches))
    with (
        bf.open(paths, LAYOUT, FEATURES | {"size": bf.field("size").diff(2)}, window=window) as other,
        pytest.raises(bf.StateError),
    ):
        other.batches(6, state=state)


@pytest.mark.parametrize("engine", ["graph", "generator"])
@pytest.mark.parametrize("window", [None, bf.Window(4, stride=3)], ids=str)
def test_tensorflow_gets_the_same_bits(paths: list[Path], engine: Any, window: bf.Window | None) -> None:
    with bf.open(paths, LAYOUT, FEATURES, window=window) as reader:
        for order in ORDERS:
            dataset = reader.to_tf_dataset(16, engine=engine, **order)
            batches = list(reader.batches(16, **order))
            assert dataset.cardinality() == len(batches) == -(-len(reader) // 16)
            found = list(dataset.as_numpy_iterator())
            for one, other in zip(found, batches, strict=True):
                text = one.pop("side")
                assert text.tolist() == other["side"].tolist()
                assert_identical(one, {name: values for name, values in other.items() if name != "side"})


def test_zipped_readers_are_matched_by_number(paths: list[Path], reader: bf.Reader) -> None:
    first: Any = reader[:]
    rows = np.concatenate([rows[HISTORY:] for rows in market(COUNTS)]).astype(RECORD)
    with bf.open(rows, RECORD, {"bid": "bid", "id": "id"}) as other, bf.zip(reader, other) as pair:
        assert np.array_equal(first["id"], rows["id"])
        for batch, plain in pair.batches(9, shuffle=True, seed=1):
            assert_identical(batch, rows_at(first, batch["id"]))
            assert np.array_equal(plain["id"], batch["id"])
    with (
        bf.open(paths, LAYOUT, {"id": "id"}) as longer,
        pytest.raises(ValueError, match="have the same length, but these have"),
    ):
        bf.zip(reader, longer)


# What a file has no records for.


def test_first_takes_the_place_of_values_without_history(instruction_set: str) -> None:
    values = np.arange(10, 22, dtype="<i4")
    files = [values[:2], values[2:3], values[3:]]
    cases: dict[str, tuple[Any, Made, Any]] = {
        "lag": (X.lag(2, first=-1), lambda s: s.shift(2, fill_value=-1), np.int32),
        "diff": (X.diff(2, first=7), lambda s: s.diff(2).fillna(7), np.int64),
        "sum": (X.rolling_sum(3, first=0), lambda s: s.rolling(3).sum().fillna(0), np.int64),
        "max": (X.rolling_max(3, first=99), lambda s: s.rolling(3).max().fillna(99), np.int32),
        "mean": (X.rolling_mean(2, first="nan"), lambda s: s.rolling(2).mean(), np.float32),
        "std": (X.rolling_std(2, first=0.5), lambda s: s.rolling(2).std().fillna(0.5), np.float32),
        "pct": (X.pct_change(first=float("inf")), lambda s: s.pct_change().fillna(np.inf), np.float32),
        "cast": (X.cast("float16").lag(1, first=0.1), lambda s: s.astype(float).shift(fill_value=0.1), np.float16),
        "bfloat16": (X.cast("bfloat16").lag(1, first="nan"), lambda s: s.shift(), ml_dtypes.bfloat16),
        "bool": ((X > 12).lag(1, first=True), lambda s: (s > 12).shift(fill_value=True), np.bool_),
        # Of what was put in, nothing is missing any more.
        "nested": (X.lag(1, first=3).rolling_sum(2, first=5), _nested, np.int64),
        "inner": (X.lag(1, first=3) * X, lambda s: s.shift(fill_value=3) * s, np.int64),
        "none": (X.lag(0, first=5), lambda s: s, np.int32),
    }
    sources = [file.view(np.uint8) for file in files]
    with open_with(sources, {"x": "<i4"}, {name: case[0] for name, case in cases.items()}, instruction_set) as reader:
        found: Any = reader[:]
        for i in range(len(values)):
            sample: Any = reader[i]
            assert_identical(sample, {name: each[i] for name, each in found.items()})
    for name, (_, made, dtype) in cases.items():
        expected = np.concatenate([made(pd.Series(file)).to_numpy() for file in files])
        assert_identical(found[name], expected.astype(np.float64).astype(dtype))


def _nested(series: pd.Series) -> pd.Series:
    return series.shift(fill_value=3).rolling(2).sum().fillna(5)


def test_first_is_for_the_whole_of_a_concat(instruction_set: str) -> None:
    values = np.arange(1, 8, dtype="<u1")
    features = {
        "all": bf.concat("x", X.lag(3)).lag(1, first=-1),
        "each": bf.concat("x", X.cast("int16").lag(3, first=-1)),
    }
    with open_with(values, {"x": "u1"}, features, instruction_set) as reader:
        found: Any = reader[:]
    assert_identical(found["all"], np.array([[-1, -1]] * 4 + [[4, 1], [5, 2], [6, 3]], np.float32))
    assert_identical(found["each"], np.array([[1, -1], [2, -1], [3, -1], [4, 1], [5, 2], [6, 3], [7, 4]], np.float32))


def test_a_sample_is_left_out_if_one_feature_lacks_history() -> None:
    values = np.arange(20, dtype="<u2")
    features = {"x": X, "short": X.lag(2), "long": X.lag(6), "filled": X.lag(15, first=0)}
    with bf.open([values[:6].view(np.uint8), values[6:].view(np.uint8)], {"x": "<u2"}, features) as reader:
        assert len(reader) == 14 - 6
        found: Any = reader[:]
    assert found["x"].tolist() == list(range(12, 20))
    assert found["short"].tolist() == list(range(10, 18))
    assert found["long"].tolist() == list(range(6, 14))
    assert found["filled"].tolist() == [0] * 8


def test_values_of_all_kinds_have_a_lag(instruction_set: str) -> None:
    record = np.dtype([("flag", "?"), ("name", "S5"), ("raw", "V3"), ("wave", ">c8"), ("grid", ">i4", (2, 3))])
    layout = bf.Layout(
        {"flag": "?", "name": "S5", "raw": "V3", "wave": ">c8", "grid": "(2,3)>i4", "bits": "(4)>uint12"}
    )
    random = np.random.default_rng(0)
    rows = np.frombuffer(
        random.bytes(50 * layout.record_bytes), [*((n, record[n]) for n in record.names), ("bits", "V6")]
    )
    source = np.frombuffer(rows.tobytes(), np.uint8)
    now = {name: bf.field(name) for name in layout.fields}
    with open_with(source, layout, now, instruction_set) as reader:
        plain: Any = reader[:]
    before = {name: feature.lag(3) for name, feature in now.items()}
    with open_with(source, layout, before, instruction_set) as reader:
        assert_identical(reader[:], {name: values[:-3] for name, values in plain.items()})
    both = {name: feature for each in now for name, feature in ((each, now[each]), (f"{each} before", before[each]))}
    with open_with(source, layout, both, instruction_set) as reader:
        found: Any = reader[:]
    for name, values in plain.items():
        assert_identical(found[name], values[3:])
        assert_identical(found[f"{name} before"], values[:-3])
    pieces = {
        "corner": now["grid"].lag(1)[1, ::-1],
        "hot": (now["grid"][0, 0] % 4).one_hot(4).lag(2),
        "hash": now["name"].lag(2).hash(100),
        "code": now["name"].codes({"never": 1}).lag(1),
    }
    with open_with(source, layout, pieces, instruction_set) as reader:
        found = reader[:]
    assert_identical(found["corner"], plain["grid"][1:-1, 1, ::-1])
    assert_identical(found["hot"], np.eye(4, dtype=np.float32)[plain["grid"][:-2, 0, 0] % 4])
    assert_identical(found["code"], np.full(48, -1, np.int32))
    with open_with(source, layout, now["name"].hash(100), instruction_set) as reader:
        assert_identical(found["hash"], np.asarray(reader[:])[:-2])


# Any shape, against a model in Python's integers.


@dataclass(frozen=True)
class Known:
    """The values of the records of a file, of which the first have no meaning: as many as are looked back at."""

    values: Array
    history: int = 0

    def lagged(self, n: int, first: int | None) -> Known:
        values = np.concatenate([np.zeros(n, int), self.values])[: len(self.values)]
        return Known(values, self.history + n).filled(first)

    def over(self, n: int, statistic: Callable[..., Array], first: int | None) -> Known:
        """A statistic of each value and the ``n - 1`` values before."""
        padded = np.concatenate([np.zeros(n - 1, int), self.values])
        values = (
            statistic(np.lib.stride_tricks.sliding_window_view(padded, n), axis=1) if len(self.values) else padded[:0]
        )
        return Known(values, self.history + n - 1).filled(first)

    def filled(self, first: int | None) -> Known:
        if first is None:
            return self
        values = self.values.copy()
        values[: self.history] = first
        return Known(values)

    def with_others(self, function: Callable[..., Any], *others: Known) -> Known:
        history = max(self.history, *(other.history for other in others))
        return Known(function(self.values, *(other.values for other in others)), history)


#: A feature, and what it is of the records of one file.
Pair = tuple[bf.Feature, Callable[[Array], Known]]

FIRSTS = st.none() | st.integers(0, 100)  # of a value that every type holds
SIZES = st.integers(1, 12) | st.sampled_from([31, 32, 33, 70])


def _of_one(pair: Pair, name: str, n: int, first: int | None) -> Pair:
    feature, of = pair
    if name == "lag":
        return feature.lag(n, first=first), lambda rows: of(rows).lagged(n, first)
    if name == "diff":
        return feature.diff(
            n, first=first
        ), lambda rows: of(rows).with_others(np.subtract, of(rows).lagged(n, None)).filled(first)
    statistics: dict[str, Callable[..., Array]] = {"sum": np.sum, "min": np.min, "max": np.max}
    made = getattr(feature, f"rolling_{name}")(n, first=first)
    return made, lambda rows: of(rows).over(n, statistics[name], first)


def _of_two(a: Pair, b: Pair, name: str) -> Pair:
    features: dict[str, Made] = {
        "+": lambda p: p[0] + p[1],
        "-": lambda p: p[0] - p[1],
        "minimum": lambda p: bf.minimum(p[0].cast("int64"), p[1].cast("int64")),
        "where": lambda p: bf.where(p[0] < p[1], p[0].cast("int64"), p[1].cast("int64")),
        "% of lag": lambda p: p[0].lag(1) % 7 + p[1],
    }
    functions: dict[str, Callable[..., Any]] = {
        "+": np.add,
        "-": np.subtract,
        "minimum": np.minimum,
        "where": np.minimum,
    }
    (one, of_one), (other, of_other) = a, b
    made = features[name]((one, other))
    if name == "% of lag":
        return made, lambda rows: of_one(rows).lagged(1, None).with_others(lambda x, y: x % 7 + y, of_other(rows))
    return made, lambda rows: of_one(rows).with_others(functions[name], of_other(rows))


SMALL = np.dtype([("id", "<u4"), ("a", ">i2"), ("b", "u1"), ("c", "<i4")])
PAIRS: st.SearchStrategy[Pair] = st.recursive(
    st.sampled_from("abc").map(lambda name: (bf.field(name), lambda rows: Known(rows[name].astype(int)))),
    lambda inner: (
        st.builds(_of_one, inner, st.sampled_from(["lag", "diff", "sum", "min", "max"]), SIZES, FIRSTS)
        | st.builds(_of_two, inner, inner, st.sampled_from(["+", "-", "minimum", "where", "% of lag"]))
    ),
    max_leaves=4,
)


@settings(max_examples=150)
@given(
    pairs=st.lists(PAIRS, min_size=1, max_size=4),
    counts=st.lists(st.integers(0, 90), min_size=1, max_size=4),
    window=st.none() | st.builds(bf.Window, st.integers(1, 6), stride=st.integers(1, 7), dilation=st.integers(1, 3)),
    order=st.sampled_from(ORDERS),
    batch_size=st.integers(1, 50),
)
def test_whatever_looks_back_is_what_the_model_says(
    pairs: list[Pair], counts: list[int], window: bf.Window | None, order: dict[str, Any], batch_size: int
) -> None:
    random = np.random.default_rng(0)
    rows = np.frombuffer(random.bytes(SMALL.itemsize * sum(counts)), SMALL).copy()
    rows["id"] = np.arange(len(rows))
    files = np.split(rows, np.cumsum(counts)[:-1])
    features: dict[str, Any] = {"id": "id", **{str(k): feature for k, (feature, _) in enumerate(pairs)}}
    layout = bf.Layout(SMALL, header_bytes=3)
    sources = [np.frombuffer(b"..." + file.tobytes(), np.uint8) for file in files]

    known = [[of(file) for _, of in pairs] for file in files]
    history = max(each.history for each in known[0])
    span = bf.Window(1) if window is None else window
    expected: dict[str, Any] = {"id": np.concatenate([windows_of(file["id"][history:], span) for file in files])}
    for k in range(len(pairs)):
        expected[str(k)] = np.concatenate([windows_of(one[k].values[history:], span) for one in known])
    if window is None:
        expected = {name: values[:, 0] for name, values in expected.items()}
    if len(expected["id"]) == 0 and history + span.size > 1:
        with pytest.raises(bf.DataError, match="no file has the"):
            bf.open(sources, layout, features, window=window)
        return
    with bf.open(sources, layout, features, window=window) as reader:
        assert len(reader) == len(expected["id"])
        found: Any = reader[:]
        for name, values in expected.items():
            assert np.array_equal(found[name], values), features[name]
        for batch in reader.batches(batch_size, **order):
            assert_identical(batch, rows_at(found, batch["id"]))


# Sums within windows.


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
@pytest.mark.parametrize(
    "window", [bf.Window(6), bf.Window(5, stride=5), bf.Window(4, dilation=3), bf.Window(1)], ids=str
)
def test_cum_sum_begins_with_each_window(dtype: str, window: bf.Window, instruction_set: str) -> None:
    values = np.random.default_rng(0).integers(-(10**9), 10**9, (200, 3)).astype(">i4")
    value = bf.field("value").cast(dtype)
    features = {"sum": value.cum_sum(), "value": value, "of lag": value.lag(2).cum_sum()}
    with open_with(values, np.dtype((">i4", 3)), features, instruction_set, window) as reader:
        found: Any = reader[:]
        plain = windows_of(values.astype(dtype)[2:], window)
        expected = {
            "sum": np.cumsum(plain, axis=1, dtype=dtype),
            "value": plain,
            "of lag": np.cumsum(windows_of(values.astype(dtype)[:-2], window), axis=1, dtype=dtype),
        }
        assert_identical(found, expected)
        picked = np.random.default_rng(1).integers(0, len(reader), 50)
        assert_identical(reader.take(picked), {name: each[picked] for name, each in expected.items()})
        for batch_size in (1, 7):
            batches = list(reader.batches(batch_size))
            joined = {name: np.concatenate([batch[name] for batch in batches]) for name in expected}
            assert_identical(joined, expected)


def test_cum_sum_of_a_target_and_of_what_is_rounded(write_files: WriteFiles) -> None:
    values = np.arange(1, 31, dtype="<u2")
    third = X / 3
    features = {
        "x": X.cum_sum(),
        "bool": (X > 10).cum_sum(),
        "third": third.cum_sum(),
        "y": third.cum_sum().target(),
        "next": X.target(),
        "both": bf.concat("x", third).cum_sum(),
    }
    window = bf.Window(4, target_offset=4, target_size=3)
    paths = write_files(values[:15], values[15:])
    with bf.open(paths, {"x": "<u2"}, features, window=window) as reader:
        found: Any = reader[:]
        assert len(reader) == 2 * (15 - 6)

    def windowed(of: Array, *, target: bool = False) -> Array:
        return np.concatenate([windows_of(part, window, target=target) for part in np.split(of, 2)])

    rounded = values.astype(np.float32) / np.float32(3)
    both = np.column_stack([values.astype(np.float32), rounded])
    expected = {
        "x": np.cumsum(windowed(values), axis=1, dtype=np.int64),
        "bool": np.cumsum(windowed(values > 10), axis=1, dtype=np.int64),
        "third": np.cumsum(windowed(rounded), axis=1, dtype=np.float32),
        "y": np.cumsum(windowed(rounded, target=True), axis=1, dtype=np.float32),
        "next": windowed(values, target=True),
        "both": np.cumsum(windowed(both), axis=1, dtype=np.float32),
    }
    assert_identical(found, expected)


@pytest.mark.parametrize("engine", ["graph", "generator"])
def test_tensorflow_gets_the_same_sums(write_files: WriteFiles, engine: Any) -> None:
    paths = write_files(*(np.arange(n, dtype="<u2") for n in (30, 3, 17)))
    features = {"x": X.cum_sum(), "y": (X / 3).cum_sum().target(), "lag": X.lag(2).cum_sum()}
    with bf.open(paths, {"x": "<u2"}, features, window=bf.Window(4, target_offset=4, target_size=3)) as reader:
        (batch,) = reader.to_tf_dataset(100, engine=engine).as_numpy_iterator()
        assert_identical(batch, reader[:])


def test_a_cum_sum_ends_at_the_bounds_of_int64(instruction_set: str) -> None:
    values = np.array([2**62, 2**62, 2**62, -(2**63), -(2**63), 5], "<i8")
    with open_with(values, "<i8", bf.field("value").cum_sum(), instruction_set, bf.Window(6)) as reader:
        high = 2**63 - 1
        assert np.asarray(reader[0]).tolist() == [2**62, high, high, -1, -(2**63), -(2**63) + 5]


# Large numbers.


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 1000, 5000])
def test_long_histories(n: int, instruction_set: str) -> None:
    values = np.random.default_rng(n).integers(-30_000, 30_000, 6000).astype("<i2")
    features = {
        "lag": X.lag(n),
        "sum": X.rolling_sum(n),
        "mean": X.cast("float64").rolling_mean(n),
        "std": X.cast("float64").rolling_std(n, ddof=0),
        "min": X.rolling_min(n),
        "max": X.rolling_max(n),
        "ewm": X.cast("float64").ewm_mean(span=n, history=n),
    }
    with open_with(values.view(np.uint8), {"x": "<i2"}, features, instruction_set) as reader:
        found: Any = reader[:]
        size = len(reader)
        assert size == 6000 - n
        picked = np.array([0, size - 1, size // 2, 0, 1])
        assert_identical(reader.take(picked), {name: each[picked] for name, each in found.items()})
        batches = list(reader.batches(997))
        joined = {name: np.concatenate([batch[name] for batch in batches]) for name in features}
        assert_identical(joined, found)
    series = pd.Series(values.astype(np.int64))
    rolling = series.rolling(n)
    assert_identical(found["lag"], values[:-n])
    for name, dtype in (("sum", np.int64), ("min", np.int16), ("max", np.int16)):
        assert_identical(found[name], getattr(rolling, name)().to_numpy()[n:].astype(dtype))
    np.testing.assert_allclose(found["mean"], rolling.mean()[n:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["std"], rolling.std(ddof=0)[n:], rtol=1e-9, atol=1e-6)
    decay = 1 - 2 / (n + 1)
    for place in (0, size - 1):
        weights = decay ** np.arange(n + 1)[::-1]
        expected = (weights * series[place : place + n + 1]).sum() / weights.sum()
        np.testing.assert_allclose(found["ewm"][place], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2, 65, 1000, 5000])
def test_long_histories_at_the_beginning_of_a_file(n: int, instruction_set: str) -> None:
    files = [np.random.default_rng(n + k).integers(-30_000, 30_000, size) for k, size in enumerate([3000, 1, 64, 2500])]
    sources = [file.astype(">i2").view(np.uint8) for file in files]
    features = {
        "lag": X.lag(n, first=-7),
        "sum": X.rolling_sum(n, first=-7),
        "min": X.rolling_min(n, first=-7),
        "mean": X.cast("float64").rolling_mean(n, first=-7),
        "std": X.cast("float64").rolling_std(n, first=-7),
        "sum of lag": X.lag(3, first=0).rolling_sum(n, first=-7),
    }
    with open_with(sources, {"x": ">i2"}, features, instruction_set) as reader:
        found: Any = reader[:]
        assert len(reader) == 5565
        picked = np.random.default_rng(0).integers(0, len(reader), 40)
        assert_identical(reader.take(picked), {name: each[picked] for name, each in found.items()})
        batches = list(reader.batches(997))
        assert_identical({name: np.concatenate([batch[name] for batch in batches]) for name in features}, found)
    series = [pd.Series(file) for file in files]
    expected = {
        "lag": [each.shift(n, fill_value=-7) for each in series],
        "sum": [each.rolling(n).sum().fillna(-7) for each in series],
        "min": [each.rolling(n).min().fillna(-7) for each in series],
        "sum of lag": [each.shift(3, fill_value=0).rolling(n).sum().fillna(-7) for each in series],
    }
    for name, values in expected.items():
        assert_identical(found[name], pd.concat(values).to_numpy().astype(found[name].dtype))
    for name, values in {
        "mean": [each.rolling(n).mean().fillna(-7) for each in series],
        "std": [each.rolling(n).std().fillna(-7) for each in series],
    }.items():
        np.testing.assert_allclose(found[name], pd.concat(values), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2**20, 2**20 - 1])
def test_the_longest_history(n: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, 2**20 + 3).astype("<u1")
    features = {"lag": X.lag(n), "sum": X.rolling_sum(n), "max": X.rolling_max(n), "mean": X.rolling_mean(n)}
    with bf.open(values, {"x": "u1"}, features) as reader:
        found: Any = reader[:]
        last: Any = reader[-1]
    size = 2**20 + 3 - n
    sums = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    expected = sums[n + 1 :] - sums[1 : size + 1]
    assert_identical(found["lag"], values[:size])
    assert_identical(found["sum"], expected)
    assert_identical(found["max"], np.full(size, 255, np.uint8))
    assert_identical(found["mean"], (expected / n).astype(np.float32))
    assert_identical(last, {name: each[-1] for name, each in found.items()})


def test_the_beginning_of_a_file_takes_memory_for_what_is_used() -> None:
    # Of whole records, those that are looked back at would be 32 GiB.
    record = np.dtype([("before", "V30000"), ("x", "<i4"), ("y", "<i2"), ("rest", "V2762")])
    rows = np.zeros(30, record)
    rows["x"], rows["y"] = np.arange(30), np.arange(30) ** 2
    features = {"lag": X.lag(2**20, first=-1), "sum": X.rolling_sum(20, first=-2), "y": bf.field("y").lag(29, first=-3)}
    with bf.open(rows, record, features) as reader:
        found: Any = reader[:]
        assert_identical(reader.take([7, 29]), {name: each[[7, 29]] for name, each in found.items()})
    sums = np.convolve(np.arange(30), np.ones(20, np.int64))[:30]
    sums[:19] = -2
    assert_identical(found["lag"], np.full(30, -1, np.int32))
    assert_identical(found["sum"], sums)
    assert_identical(found["y"], np.array([-3] * 29 + [0], np.int16))


def test_what_is_the_same_for_all_records_has_history_as_well(instruction_set: str) -> None:
    one = X**0
    features = {"one": one.lag(2, first=5), "both": (one + one.lag(1, first=0)) * 2}
    with open_with(np.arange(5, dtype="u1"), {"x": "u1"}, features, instruction_set) as reader:
        assert_identical(reader[:], {"one": np.array([5, 5, 1, 1, 1]), "both": np.array([2, 4, 4, 4, 4])})


@pytest.mark.parametrize("window", [None, bf.Window(5), bf.Window(3, stride=4, dilation=2)], ids=str)
def test_large_rows_look_back(window: bf.Window | None, instruction_set: str) -> None:
    values = np.random.default_rng(0).integers(0, 1000, (40, 4096)).astype("<f4")
    value = bf.field("value")
    features = {"id": value.lag(3), "mean": value.rolling_mean(4), "first": value.lag(2, first=-1)}
    with open_with(values, np.dtype(("<f4", 4096)), features, instruction_set, window) as reader:
        found: Any = reader[:]
    expected = {
        "id": values[:-3],
        "mean": np.lib.stride_tricks.sliding_window_view(values, 4, axis=0).mean(axis=-1, dtype=np.float64),
        "first": values[1:-2],
    }
    if window is not None:
        expected = {name: windows_of(each, window) for name, each in expected.items()}
    assert_identical(found, {name: each.astype(np.float32) for name, each in expected.items()})


# What is refused, and files that change.


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: X.lag(-1), r"lag\(n=\) must be from 0 to 2\^20 records, not -1"),
        (lambda: X.lag(2**20 + 1), r"lag\(n=\) must be from 0 to 2\^20 records, not 1048577"),
        (lambda: X.lag(1.5), r"lag\(n=\) must be a whole number, not 1.5"),
        (lambda: X.lag(True), "must be a whole number, not True"),
        (lambda: X.lag(10**5000), "within 64 bits"),
        (lambda: X.diff(0), r"diff\(n=\) must be from 1 to 2\^20"),
        (lambda: X.pct_change(0), r"pct_change\(n=\) must be from 1"),
        (lambda: X.log_return(-3), r"log_return\(n=\) must be from 1"),
        (lambda: X.rolling_mean(0), r"rolling_mean\(n=\) must be from 1"),
        (lambda: X.rolling_sum("3"), r"rolling_sum\(n=\) must be a whole number, not '3'"),
        (lambda: X.rolling_std(1), "n must be greater than ddof, but they are 1 and 1"),
        (lambda: X.rolling_std(5, ddof=-1), "n must be greater than ddof, but they are 5 and -1"),
        (lambda: X.ewm_mean(span=0.9), r"ewm_mean\(span=\) must be a number of at least 1, not 0.9"),
        (lambda: X.ewm_mean(span=float("inf")), "must be a number of at least 1, not inf"),
        (lambda: X.ewm_mean(span=3, history=-1), r"ewm_mean\(history=\) must be from 0 to 2\^20"),
        (lambda: X.lag(1, first="zero"), r"lag\(first=\) must be a number, not 'zero'"),
        (lambda: X.rolling_max(2, first=[0]), r"rolling_max\(first=\) must be a number, not \[0\]"),
        (lambda: X.diff(first=1j), r"diff\(first=\) must be a number"),
    ],
)
def test_what_is_no_history_is_refused(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(bf.FeatureError, match=message):
        made()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (bf.field("id").lag(1, first="nan"), "nan in .lag(1, first=nan) cannot be represented as uint32"),
        (bf.field("id").lag(1, first=-1), "-1 in .lag(1, first=-1) cannot be represented as uint32"),
        (bf.field("id").rolling_min(2, first=0.5), "0.5 in .rolling_min(2, first=0.5) cannot be represented as uint32"),
        (bf.field("id").diff(first=2**63), "cannot be represented as int64"),
        (bf.field("bid").lag(1, first=1e300), "cannot be represented as float32"),
        (bf.field("side").lag(1, first=0), "field 'side' is bytes (S3), which .lag(1, first=0) does not take"),
        ((bf.field("id") > 1).lag(1, first=2), "2 in .lag(1, first=2) cannot be represented as bool"),
        (bf.field("side").diff(), "field 'side' is bytes (S3), which .diff() does not take"),
        (bf.field("side").rolling_max(2), "which .rolling_max() does not take"),
        (bf.field("bid").lag(2**20).lag(1), "depends on 1048577 records before; the most are 2^20"),
        (bf.field("bid").cum_sum(), ".cum_sum() adds up the records of a window: give open() a window="),
    ],
)
def test_what_does_not_fit_the_field_is_refused(feature: bf.Feature, message: str) -> None:
    with pytest.raises(bf.FeatureError, match=re.escape(message)):
        bf.open(market([10])[0].tobytes(), RECORD, {"x": feature})


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (bf.field("bid").cum_sum() * 2, ".cum_sum() must be the last operation, not part of another feature"),
        (bf.concat("id", bf.field("bid").cum_sum()), "must be the last operation, not part of another feature"),
        (bf.field("bid").cum_sum().lag(1), ".cum_sum() must be the last operation, not before lag"),
        (bf.field("bid").cast("float16").cum_sum(), "adds int64, float32 or float64, not float16: cast first"),
        (bf.field("side").cum_sum(), "field 'side' is bytes (S3), which .cum_sum() does not take"),
    ],
)
def test_a_cum_sum_comes_last(feature: bf.Feature, message: str) -> None:
    with pytest.raises(bf.FeatureError, match=re.escape(message)):
        bf.open(market([10])[0].tobytes(), RECORD, {"x": feature}, window=bf.Window(3))


def test_a_history_that_no_file_has(write_files: WriteFiles) -> None:
    paths = write_files(np.arange(5, dtype="<u2"), np.arange(7, dtype="<u2"))
    value = bf.field("value")
    with pytest.raises(
        bf.DataError, match=r"the 8 records that a sample spans with its history: the longest, .* has 7"
    ):
        bf.open(paths, "<u2", value.lag(7))
    with pytest.raises(bf.DataError, match="no file has the 8 records"):
        bf.open(paths, "<u2", value.lag(5), window=bf.Window(3))
    with bf.open(paths, "<u2", value.lag(6)) as reader:
        assert np.asarray(reader[:]).tolist() == [0]
    with bf.open(paths, "<u2", value.lag(1000, first=9)) as reader:
        assert np.asarray(reader[:]).tolist() == [9] * 12


def test_strings_in_tensorflow_have_no_history() -> None:
    import tensorflow as tf  # noqa: PLC0415
    from binfeed import tensorflow as bft  # noqa: PLC0415

    strings = tf.constant([b"ab", b"cd"])
    value = bf.field("value")
    for feature in (
        value.lag(1),
        value.lag(1, first=0),
        value.rolling_mean(3, first="nan"),
        value + value.diff(first=0),
    ):
        for many in (False, True):
            with pytest.raises(bf.FeatureError, match="strings have no records before them"):
                bft.decode(strings, "<u2", {"x": feature}, many=many)
    with pytest.raises(bf.FeatureError, match="give open"):
        bft.decode(strings, "<u2", value.cum_sum())


def test_a_state_names_what_it_looks_back_at() -> None:
    values = np.arange(100, dtype="<u2")
    value = bf.field("value")
    state = bf.open(values, "<u2", value.lag(2)).batches(5).skip(3).state()
    json.dumps(state)
    assert np.asarray(next(bf.open(values, "<u2", value.lag(2)).batches(5, state=state))).tolist() == [
        15,
        16,
        17,
        18,
        19,
    ]
    for other in (value.lag(3), value.lag(2, first=0), value.diff(2), value):
        with pytest.raises(bf.StateError):
            bf.open(values, "<u2", other).batches(5, state=state)


def test_a_file_that_grows_is_read_as_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "growing.bin"
    np.arange(3000, dtype="<u4").tofile(path)
    with bf.open(path, "<u4", bf.field("value").rolling_sum(3, first=0)) as reader:
        before = np.asarray(reader[:])
        with path.open("ab") as file:
            file.write(b"\xff" * 40_000)
        assert len(reader) == 3000
        assert_identical(reader[:], before)
        assert_identical(reader[-1], before[-1])
    with bf.open(path, "<u4", bf.field("value").rolling_sum(3, first=0)) as again:
        assert len(again) == 13_000


def test_only_a_cache_of_a_table_has_rows_before_a_row(tmp_path: Path) -> None:
    pytest.importorskip("adbc_driver_sqlite", reason="the extra 'sql' is not installed")
    with contextlib.closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER, price REAL)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(i, None if i % 3 == 0 else i / 2) for i in range(9)])
    uri, query = f"sqlite:///{tmp_path}/t.db", "SELECT * FROM t ORDER BY id"
    number, price = bf.field("id"), bf.field("price")
    for feature in (number.lag(2), number.diff(first=0), bf.where(number > 1, number.lag(1, first=0), 5)):
        with pytest.raises(bf.FeatureError, match="feature 'x' depends on rows before, which only a cache keeps"):
            bf.from_sql(query, uri, {"x": feature})
    features = {"before": number.lag(2), "sum": price.fill(-1).rolling_sum(2, first=7), "mean": number.rolling_mean(3)}
    with bf.from_sql(query, uri, features, cache=tmp_path / "cache") as reader:
        found: Any = reader[:]
    prices = np.where(np.arange(9) % 3 == 0, -1, np.arange(9) / 2)
    assert_identical(found["before"], np.arange(7))
    assert_identical(found["sum"], (prices[1:] + prices[:-1])[1:].astype(np.float32))
    assert_identical(found["mean"], np.arange(1, 8, dtype=np.float32))
    # What NULL has gone into cannot be told any more.
    for feature in (price.diff().fill(0), price.lag(1, first="nan").is_missing(), (price.lag(1) + 1).fill(0)):
        with pytest.raises(bf.FeatureError, match="must come before what depends on rows before"):
            bf.from_sql(query, uri, {"x": feature}, cache=tmp_path / "cache")
    with pytest.raises(bf.DataError, match="column 'price' is NULL in row 0"):
        bf.from_sql(query, uri, {"x": price.lag(1, first=0)}, cache=tmp_path / "cache")


def test_targets_count_their_history_from_their_own_records(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    np.arange(100, dtype="<i4").tofile(path)
    value = bf.field("value")
    window = bf.Window(64, target_offset=95)
    with bf.open(path, "<i4", {"x": value, "y": value.diff(32).target()}, window=window) as reader:
        assert len(reader) == 5
        assert reader[:]["y"].tolist() == [32] * 5
    with bf.open(path, "<i4", {"x": value, "y": value.lag(97).target()}, window=window) as reader:
        assert reader[:]["x"][:, 0].tolist() == [2, 3, 4]
        assert reader[:]["y"].tolist() == [0, 1, 2]
