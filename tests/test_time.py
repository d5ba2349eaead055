"""Parts of times and places on a circle, against NumPy, pandas and Python's calendar."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import binfeed as bf
import numpy as np
import pandas as pd
import pytest
from binfeed.features import Time
from binfeed.reader import open_with
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, assert_identical

PARTS: dict[str, Callable[[Time], bf.Feature]] = {
    "hour": Time.hour,
    "minute": Time.minute,
    "weekday": Time.weekday,
    "day_of_year": Time.day_of_year,
    "seconds_of_day": Time.seconds_of_day,
}
PER_DAY = {"ns": 86400 * 10**9, "us": 86400 * 10**6, "ms": 86400 * 10**3, "s": 86400, "m": 1440, "h": 24, "D": 1}
TYPES = {"int32": "<i4", "uint32": ">u4", "int64": ">i8", "uint64": "<u8"}
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def parts_of(time: bf.Feature, unit: str, **options: Any) -> dict[str, bf.Feature]:
    return {name: part(time.time(unit, **options)) for name, part in PARTS.items()}


def parts_in_pandas(times: pd.DatetimeIndex) -> dict[str, Array]:
    found = {
        "hour": times.hour,
        "minute": times.minute,
        "weekday": times.day_of_week,
        "day_of_year": times.day_of_year,
        "seconds_of_day": times.hour * 3600 + times.minute * 60 + times.second,
    }
    return {name: np.asarray(values, np.int32) for name, values in found.items()}


def parts_in_python(units: int, unit: str) -> dict[str, int]:
    """The parts of any time from 1970 on, or before: the calendar repeats every 400 years, which are whole weeks."""
    days, rest = divmod(units, PER_DAY[unit])
    seconds = rest * 86400 // PER_DAY[unit]
    day = datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + days % 146_097)
    return {
        "hour": seconds // 3600,
        "minute": seconds // 60 % 60,
        "weekday": day.weekday(),
        "day_of_year": day.timetuple().tm_yday,
        "seconds_of_day": seconds,
    }


def random_times(unit: str, dtype: str, count: int = 400) -> Array:
    """Times from 1900 to 2200, as far as the type has them, with the first and last moments of days and years."""
    limits = np.iinfo(dtype)
    first = np.datetime64("1900-01-01", unit).astype(np.int64)
    last = np.datetime64("2200-12-31", unit).astype(np.int64)
    bounds = max(int(first), limits.min), min(int(last), limits.max)
    random = np.random.default_rng(0).integers(*bounds, count, dtype=dtype, endpoint=True)
    years = np.arange(1900, 2201).astype(str).astype("M8[Y]").astype(f"M8[{unit}]").astype(np.int64)
    edges = np.concatenate([years, years - 1])
    return np.concatenate([random, edges[(edges >= bounds[0]) & (edges <= bounds[1])].astype(dtype)])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("unit", PER_DAY)
def test_parts_are_those_of_pandas_and_numpy(unit: str, dtype: str, instruction_set: str) -> None:
    times = random_times(unit, dtype)
    source = times.astype(TYPES[dtype]).view(np.uint8)
    with open_with(source, {"t": TYPES[dtype]}, parts_of(bf.field("t"), unit), instruction_set) as reader:
        found: Any = reader[:]
    exact = times.astype(np.int64).astype(f"M8[{unit}]")
    # Of units as long as days, pandas has seconds.
    assert_identical(found, parts_in_pandas(pd.DatetimeIndex(exact.astype("M8[s]") if unit in "mhD" else exact)))
    days = exact.astype("M8[D]")
    assert_identical(found["day_of_year"], (days - exact.astype("M8[Y]").astype("M8[D]")).astype(np.int32) + 1)
    in_day = (exact.astype(f"M8[{unit}]") - days).astype("m8[ns]" if unit == "ns" else "m8[s]")
    assert_identical(found["seconds_of_day"], in_day.astype("m8[s]").astype(np.int32))


EPOCHS: dict[str, Any] = {
    "unix": np.datetime64(0, "s"),
    "1980-01-06": np.datetime64("1980-01-06", "s"),
    "1900-01-01": np.datetime64("1900-01-01", "s"),
    "2000-01-01T12:00": np.datetime64("2000-01-01T12", "s"),
    "1958-01-01": np.datetime64("1958-01-01", "s"),
}


@pytest.mark.parametrize("offset", ["+00:00", "-05:00", "+05:30", "+0545", "-09:30", datetime.timedelta(hours=14)])
@pytest.mark.parametrize("epoch", EPOCHS)
def test_epochs_and_offsets_are_added(epoch: str, offset: Any) -> None:
    times = np.random.default_rng(0).integers(-(10**9), 5 * 10**9, 500)
    if isinstance(offset, str):
        sign = -1 if offset[0] == "-" else 1
        added = sign * (int(offset[1:3]) * 3600 + int(offset[-2:]) * 60)
    else:
        added = int(offset.total_seconds())
    features = parts_of(bf.field("value"), "s", epoch=epoch, offset=offset)
    with bf.open(times, "<i8", features) as reader:
        found: Any = reader[:]
    local = EPOCHS[epoch] + times.astype("m8[s]") + np.timedelta64(added, "s")
    assert_identical(found, parts_in_pandas(pd.DatetimeIndex(local)))


def test_an_epoch_may_be_an_object() -> None:
    times = np.arange(-(10**6), 10**6, 1234)
    utc_plus_2 = datetime.timezone(datetime.timedelta(hours=2))
    epochs: list[Any] = [
        "2001-02-03T04:05:06.789",
        datetime.datetime(2001, 2, 3, 4, 5, 6, 789_000),
        datetime.datetime(2001, 2, 3, 6, 5, 6, 789_000, tzinfo=utc_plus_2),
        np.datetime64("2001-02-03T04:05:06.789"),
        np.datetime64("2001-02-03T04:05:06.789", "ns"),
    ]
    expected = parts_in_pandas(pd.DatetimeIndex(np.datetime64(epochs[0], "ms") + times.astype("m8[ms]")))
    for epoch in epochs:
        with bf.open(times, "<i8", parts_of(bf.field("value"), "ms", epoch=epoch)) as reader:
            assert_identical(reader[:], expected)
    for day in ("1980-01-06", datetime.date(1980, 1, 6), np.datetime64("1980-01-06")):
        with bf.open(times, "<i8", bf.field("value").time("D", epoch=day).weekday()) as reader:
            assert reader[0] == (times[0] + 6) % 7  # it was a Sunday


@settings(max_examples=200)
@given(
    times=st.lists(st.integers(LOWEST, HIGHEST) | st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    unit=st.sampled_from(list(PER_DAY)),
    epoch=st.sampled_from(["unix", "1601-01-01", "2200-01-01"]),
    hours=st.integers(-14, 14),
)
def test_times_of_all_ages_have_parts(times: list[int], unit: str, epoch: str, hours: int) -> None:
    per_hour = PER_DAY[unit] // 24
    offset = datetime.timedelta(hours=hours if unit != "D" else 0)
    start = int(np.datetime64("1970-01-01" if epoch == "unix" else epoch, "s").astype(np.int64))
    start = start * PER_DAY[unit] // 86400 + hours * per_hour * (unit != "D")
    if not LOWEST <= start <= HIGHEST:
        with pytest.raises(bf.FeatureError, match="too long before or after 1970"):
            bf.field("value").time(unit, epoch=epoch, offset=offset)
        return
    features = parts_of(bf.field("value"), unit, epoch=epoch, offset=offset)
    with bf.open(np.array(times, np.int64), "<i8", features) as reader:
        found: Any = reader[:]
    for k, time in enumerate(times):
        # What lies beyond int64, in units from 1970 on, counts as its bound.
        expected = parts_in_python(min(max(time + start, LOWEST), HIGHEST), unit)
        assert {name: values[k] for name, values in found.items()} == expected


@pytest.mark.parametrize("unit", PER_DAY)
def test_the_extremes_of_integers(unit: str, instruction_set: str) -> None:
    signed = np.array([LOWEST, LOWEST + 1, -1, 0, 1, HIGHEST - 1, HIGHEST], np.int64)
    unsigned = np.array([0, 1, HIGHEST, HIGHEST + 1, 2**64 - 1], np.uint64)
    for times in (signed, unsigned):
        spelled = times.dtype.str
        with open_with(times, spelled, parts_of(bf.field("value"), unit), instruction_set) as reader:
            found: Any = reader[:]
        for k, time in enumerate(times.tolist()):
            expected = parts_in_python(min(time, HIGHEST), unit)
            assert {name: values[k] for name, values in found.items()} == expected


def test_parts_are_features_like_others(instruction_set: str) -> None:
    record = np.dtype([("t", ">i8", (2, 3)), ("x", "<f4")])
    rows = np.zeros(100, record)
    rows["t"] = np.random.default_rng(0).integers(0, 2**31, (100, 2, 3))
    time = bf.field("t").time("s")
    one = bf.field("t")[0, 0].time("s")
    features = {
        "hours": time.hour(),
        "hot": one.weekday().one_hot(7),
        "before": one.minute().lag(2),
        "open": one.seconds_of_day().between(34_200, 57_600),
        "circle": one.seconds_of_day().cyclic(86_400),
        "later": (bf.field("t")[0, 0] + 3600).time("s").hour(),
        "made": (bf.field("t")[0, 0] * 1.0).cast("int64").time("s").day_of_year(),
    }
    with open_with(rows, record, features, instruction_set) as reader:
        found: Any = reader[:]
    exact = rows["t"].astype("M8[s]")
    first = pd.DatetimeIndex(exact[2:, 0, 0])
    seconds = first.hour * 3600 + first.minute * 60 + first.second
    hours = (exact - exact.astype("M8[D]")).astype("m8[h]").astype(np.int32)
    assert_identical(found["hours"], hours[2:])
    assert_identical(found["hot"], np.eye(7, dtype=np.float32)[first.day_of_week])
    assert_identical(found["before"], pd.DatetimeIndex(exact[:-2, 0, 0]).minute.to_numpy().astype(np.int32))
    assert_identical(found["open"], np.asarray((seconds >= 34_200) & (seconds <= 57_600)))
    angle = seconds.to_numpy() * (2 * np.pi / 86_400)
    np.testing.assert_allclose(found["circle"], np.column_stack([np.sin(angle), np.cos(angle)]), atol=6e-8)
    assert_identical(found["later"], ((first.hour + 1) % 24).to_numpy().astype(np.int32))
    assert_identical(found["made"], first.day_of_year.to_numpy().astype(np.int32))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("unit", PER_DAY)
def test_the_time_since_the_record_before(unit: str, dtype: str, instruction_set: str) -> None:
    times = random_times(unit, dtype, 100)
    stored = times.astype(TYPES[dtype]).view(np.uint8)
    time = bf.field("t").time(unit)
    features = {"since": time.time_since_previous(first="nan"), "zero": time.time_since_previous(first=0)}
    with open_with(stored, {"t": TYPES[dtype]}, features, instruction_set) as reader:
        found: Any = reader[:]
    with open_with(stored, {"t": TYPES[dtype]}, time.time_since_previous(), instruction_set) as reader:
        assert_identical(found["since"][1:], reader[:])
    # They may be negative, also of unsigned types, and end at the bounds of int64.
    exact = np.clip(np.diff(times.astype(object)), LOWEST, HIGHEST)
    expected = np.array([float(each) * (86400 / PER_DAY[unit]) for each in exact], np.float32)
    assert np.isnan(found["since"][0])
    assert found["zero"][0] == 0
    assert_identical(found["since"][1:], expected)
    assert_identical(found["zero"][1:], expected)
    if exact.min() > LOWEST and exact.max() < HIGHEST:
        in_pandas = pd.Series(times.astype(np.int64).astype(f"M8[{unit}]")).diff().dt.total_seconds()
        np.testing.assert_allclose(found["since"], in_pandas, rtol=1e-6)


@pytest.mark.parametrize("type_", ["<i1", ">u2", "<i4", ">i8", "<u8", "<f2", ">f4", "<f8", "<bfloat16"])
@pytest.mark.parametrize("period", [1, 7, 24, 365.2425, 86_400, 1e-3])
def test_a_circle_is_that_of_numpy(type_: str, period: float, instruction_set: str) -> None:
    random = np.random.default_rng(0).integers(-100 if type_[1] in "if" else 0, 100, (50, 3))
    values = random.astype(np.float32) if type_ == "<bfloat16" else random.astype(type_)
    raw = (values.view(np.uint32) >> 16).astype("<u2") if type_ == "<bfloat16" else values
    features = {"x": bf.field("x").cyclic(period), "first": bf.field("x")[0].cyclic(period)}
    with open_with(raw.tobytes(), {"x": f"(3){type_}"}, features, instruction_set) as reader:
        found: Any = reader[:]
        assert (found["x"].shape, found["first"].shape) == ((50, 3, 2), (50, 2))
        assert_identical(found["first"], found["x"][:, 0])
    angle = values.astype(np.float64) * (2 * np.pi / period)
    np.testing.assert_allclose(found["x"], np.stack([np.sin(angle), np.cos(angle)], axis=-1), rtol=1e-6, atol=6e-8)


def test_a_circle_of_several_fields() -> None:
    values = np.arange(20, dtype="<f4").reshape(10, 2)
    both = bf.concat(bf.field("x"), bf.field("y") * 2).cyclic(12)
    with bf.open(values.view(np.uint8), {"x": "<f4", "y": "<f4"}, both) as reader:
        found = np.asarray(reader[:])
    angle = values * [1, 2] * (2 * np.pi / 12)
    assert found.shape == (10, 2, 2)
    np.testing.assert_allclose(found, np.stack([np.sin(angle), np.cos(angle)], axis=-1), rtol=1e-6, atol=6e-8)


def test_times_in_every_way_of_reading(tmp_path: Any) -> None:
    import tensorflow as tf  # noqa: PLC0415
    from binfeed import tensorflow as bft  # noqa: PLC0415

    times = random_times("us", "int64").astype(">i8")
    times.tofile(tmp_path / "times.bin")
    time = bf.field("value")
    features = {**parts_of(time, "us", epoch="1980-01-06", offset="+01:00"), "circle": time.cyclic(86_400_000_000)}
    with bf.open(tmp_path / "times.bin", ">i8", features) as reader:
        everything: Any = reader[:]
        order = np.random.default_rng(0).permutation(len(reader))
        assert_identical(reader.take(order), {name: values[order] for name, values in everything.items()})
        assert_identical(reader[7], {name: values[7] for name, values in everything.items()})
        for engine in ("graph", "generator"):
            batches = list(reader.to_tf_dataset(64, engine=engine).as_numpy_iterator())  # type: ignore[arg-type]
            joined = {name: np.concatenate([batch[name] for batch in batches]) for name in features}
            assert_identical(joined, everything)
    strings = tf.constant([bytes(row) for row in times.view(np.uint8).reshape(-1, 8)])
    decoded = tf.function(lambda strings: bft.decode(strings, ">i8", features))(strings)
    assert_identical({name: tensor.numpy() for name, tensor in decoded.items()}, everything)


T = bf.field("t")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: T.time("min"), "time\\('min'\\): the units are ns, us, ms, s, m, h, D"),
        (lambda: T.time(""), "the units are ns"),
        (lambda: T.time("s", epoch="gps"), '"unix" or a date such as "1980-01-06", not \'gps\''),
        (lambda: T.time("s", epoch=""), "must be"),
        (lambda: T.time("s", epoch=None), "not None"),
        (lambda: T.time("s", epoch=5), "not 5"),
        (lambda: T.time("s", epoch="now"), "not 'now'"),
        (lambda: T.time("s", epoch="NaT"), "not 'NaT'"),
        (lambda: T.time("s", epoch=np.datetime64("NaT")), "NaT"),
        (lambda: T.time("s", epoch="1980-13-01"), "not '1980-13-01'"),
        (lambda: T.time("s", epoch="1980-01-06T00:00:00.5"), "is not a whole number of units"),
        (lambda: T.time("D", epoch="1980-01-06T12:00"), "is not a whole number of units"),
        (lambda: T.time("ns", epoch="0001-01-01"), "is too long before or after 1970 for this unit"),
        (lambda: T.time("D", offset="+01:00"), "offset='\\+01:00' is not a whole number of units"),
        (lambda: T.time("h", offset="+05:30"), "is not a whole number of units"),
        (lambda: T.time("s", offset="5:30"), 'must be such as "\\+05:30", or a timedelta'),
        (lambda: T.time("s", offset="+05:60"), "must be such as"),
        (lambda: T.time("s", offset="Z"), "must be such as"),
        (lambda: T.time("s", offset=5), "must be such as"),
        (lambda: T.time("s").time_since_previous(first="x"), "first=\\) must be a number"),
        (lambda: T.cyclic(0), "cyclic\\(period=\\) must be a positive number, not 0"),
        (lambda: T.cyclic(-1), "must be a positive number"),
        (lambda: T.cyclic(float("nan")), "must be a"),
        (lambda: T.cyclic(float("inf")), "must be a positive number"),
        (lambda: T.cyclic("day"), "must be a number"),
    ],
)
def test_what_is_no_time_is_refused(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(bf.FeatureError, match=message):
        made()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (bf.field("x").time("s").hour(), "times are integers, not float32; make them with arithmetic and .cast"),
        (bf.field("flag").time("s").hour(), "times are integers, not bool"),
        (bf.field("name").time("s").hour(), "field 'name' is bytes"),
        (bf.field("flag").cyclic(2), "does not take bools"),
        (bf.field("name").cyclic(2), "field 'name' is bytes"),
        (bf.field("t").one_hot(3).cyclic(2), r".cyclic\(2\) must come before one_hot, not after it"),
        (bf.field("three").multi_hot(3).cyclic(2), r".cyclic\(2\) must come before one_hot"),
    ],
)
def test_what_has_no_times_is_refused(feature: bf.Feature, message: str) -> None:
    layout = bf.Layout({"t": "<i8", "x": "<f4", "flag": "?", "name": "S4", "three": "(3)u1"})
    with pytest.raises(bf.FeatureError, match=message):
        bf.open(bytes(layout.record_bytes), layout, feature)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i4", ">u4", "<u8", "<i8"])
def test_epochs_and_offsets_are_of_any_size_whatever_the_dtype(dtype: str, instruction_set: str) -> None:
    times = np.array([0, 1, 100], dtype)
    feature = bf.field("value").time("s", epoch="1899-12-30", offset="-05:30").hour()
    with open_with(times, dtype, feature, instruction_set) as reader:
        found = reader[:]
    since = np.datetime64("1899-12-30", "s") + times.astype("timedelta64[s]") - np.timedelta64(330, "m")
    assert found.tolist() == [int(str(time)[11:13]) for time in since]
