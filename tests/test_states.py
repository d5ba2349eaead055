"""States: what they are of, and that none that was damaged goes on anywhere."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed import state as states
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import WriteFiles

PAGE = 4096
SIZE = 200
VALUES = np.arange(SIZE, dtype="<f8")

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, 2**70, -(2**63), 10**4000])
    | st.floats()
    | st.text()
    | st.just("x" * 100_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def state_of(reader: bf.Reader, **options: Any) -> dict[str, Any]:
    return reader.batches(10, **options).skip(3).state()


def is_accepted(reader: bf.Reader, state: dict[str, Any]) -> bool:
    try:
        reader.batches(10, state=state)
    except bf.StateError:
        return False
    return True


def of_features(features: Any, window: bf.Window | None = None) -> bf.Reader:
    return bf.open(VALUES, "<f8", features, window=window)


def signed(state: dict[str, Any]) -> dict[str, Any]:
    """As somebody would forge it."""
    return state | {"checksum": states.checksum(state)}


def replace_file(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def write_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff")
    os.utime(path, ns=(0, 0))  # the clock of the file system may not have moved on since it was opened


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 8)


@pytest.mark.parametrize("is_mapped", [False, True])
@pytest.mark.parametrize("change", [replace_file, write_in_place, cut])
def test_a_state_is_of_the_files_that_were_opened(
    write_files: WriteFiles, change: Callable[[Path], None], is_mapped: bool
) -> None:
    paths = write_files(VALUES, VALUES + 1)
    reader = bf.zip(bf.open(VALUES, "<f8"), bf.open(paths[:1], "<f8"))
    pair = bf.open(paths, "<f8")
    if is_mapped:
        assert pair[0] == 0
    change(paths[1])
    with pytest.raises(bf.DataError, match=r"part-001.bin' (was|had) .*; open it again") as caught:
        pair.batches(10).state()
    assert caught.value.file == str(paths[1])
    state_of(reader)  # of the files that nobody touched


def test_a_state_of_a_file_that_is_gone(write_files: WriteFiles) -> None:
    paths = write_files(VALUES)
    batches = bf.open(paths, "<f8").batches(10)
    paths[0].unlink()
    with pytest.raises(FileNotFoundError, match=r"part-000.bin"):
        batches.state()


def test_a_state_is_asked_for_after_the_end(write_files: WriteFiles) -> None:
    paths = write_files(VALUES)
    with bf.open(paths, "<f8") as reader:
        batches = reader.batches(10)
        next(batches)
    assert batches.state()["position"] == 10


@pytest.mark.parametrize(("pages", "known"), [(1, range(1)), (16, range(16)), (100, np.arange(16) * 99 // 15)])
def test_a_state_knows_pages_of_all_of_a_file(tmp_path: Path, pages: int, known: Any) -> None:
    content = np.random.default_rng(0).integers(0, 255, pages * PAGE - 7, np.uint8)
    path = tmp_path / "pages.bin"
    content.tofile(path)
    state = state_of(bf.open(path, "u1"))
    for page in known:
        for at in (page * PAGE, min((page + 1) * PAGE, content.size) - 1):
            changed = content.copy()
            changed[at] += 1
            changed.tofile(path)
            assert not is_accepted(bf.open(path, "u1"), state)
            memory = bf.open(changed, "u1")
            assert not is_accepted(memory, state_of(bf.open(content, "u1")))
    content.tofile(path)
    assert is_accepted(bf.open(path, "u1"), state)


def test_of_many_files_the_first_and_the_last_page_are_read(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = bf.open(write_files(*[np.zeros(3 * PAGE, np.uint8)] * 600), "u1")
    places: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        places.append(offset)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    reader.batches(10).state()
    assert places == [0, 2 * PAGE] * 600


def test_nothing_of_the_files_is_read_before_a_state_is_asked_for(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pread")
    batches = bf.open(write_files(VALUES), "<f8").batches(10)
    with pytest.raises(AttributeError, match="pread"):
        batches.state()


def test_the_largest_state_is_small() -> None:
    shuffle = bf.BlockShuffle(2**62, 2**62)
    reader = bf.open([bytes(4)] * 100_000, "<u4")
    state = reader.batches(1, shuffle=shuffle, seed=2**64 - 1, epochs=None).skip(2**62).state()
    assert len(json.dumps(state)) < 1000
    assert state["epoch"] == 2**62 // 100_000
    assert all(len(state[name]) * 4 >= 64 for name in ("layout", "features", "window", "checksum"))


x: Any = bf.field("value")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (x.clip(0, 1), x.clip(0.0, 1.0)),
        (x.clip(0, 1), x.clip(np.int64(0), np.float32(1))),
        (x.clip(None, 2**60), x.clip(None, float(2**60))),
        (x.fill(5), x.fill(5.0)),
        (x.fill(math.nan), x.fill(np.float32("nan"))),
        (x.is_missing(-1), x.is_missing(np.float64(-1))),
        (x.scale(2), x.scale(2.0)),
        (x.reshape(1).scale([2]), x.reshape(1).scale(np.array([2.0], "<f4"))),
        (x.cast("int32"), x.cast(np.dtype(">i4"))),
        (x.cast("uint8").codes({1: 2}), x.cast("uint8").codes({np.int64(1): np.int8(2)})),
        (x.cast("int32").bits(0, 3), x.cast("int32").bits(np.int8(0), np.int16(3))),
    ],
)
def test_equal_features_have_equal_states(one: Any, other: Any) -> None:
    assert is_accepted(of_features(other), state_of(of_features(one)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (x.fill(0.0), x.fill(-0.0)),
        (x.fill(2**53), x.fill(2**53 - 1)),
        (x.clip(0, 1), x.clip(0, None)),
        (x.clip(0, 1), x.clip(0, 1.5)),
        (x.scale(1), x.div(1)),
        (x.scale(2).cast("int32"), x.cast("int32").scale(2)),
        (x, {"value": x}),
        ({"a": x}, {"b": x}),
        ({"a": x, "b": x.scale(2)}, {"b": x.scale(2), "a": x}),
        (x.scale(2), x.scale(2, 1)),
        (bf.concat(x, x.scale(2)), bf.concat(x.scale(2), x)),
    ],
)
def test_other_features_have_other_states(one: Any, other: Any) -> None:
    assert not is_accepted(of_features(other), state_of(of_features(one)))


NUMBERS = (
    st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float)
)


@given(NUMBERS, NUMBERS)
def test_numbers_are_compared_as_numbers(one: float, other: float) -> None:
    is_equal = one == other and math.copysign(1, one) == math.copysign(1, other)
    state = state_of(of_features(x.clip(one)))
    assert is_accepted(of_features(x.clip(other)), state) == is_equal
    assert is_accepted(of_features(x.clip(one)), state)


def test_who_counted_makes_no_other_sample() -> None:
    def reader(number: Any) -> bf.Reader:
        layout = bf.Layout({"x": ("(4)<u2", number(0))}, header_bytes=number(8))
        return bf.open(VALUES.tobytes(), layout, bf.field("x")[number(1) : number(3)], window=bf.Window(number(2)))

    assert is_accepted(reader(np.int64), state_of(reader(int)))


def test_a_state_outlives_a_release() -> None:
    layout = bf.Layout({"id": "<u4", "wide": "(3)>u6"}, header_bytes=2)
    features = {"x": bf.field("wide")[::2].scale(0.5, [1, 2]).clip(0, 1).cast("float64"), "id": bf.concat("id", "wide")}
    content = bytes(range(256)) * 11
    reader = bf.open(content[: 2 + 22 * 100], layout, features, window=bf.Window(3, stride=2))
    written = {
        "version": 2,
        "layout": "5fb74e446d3660f8",
        "features": "24b39682988a7714",
        "window": "c42766e9c2e11a74",
        "file_count": 1,
        "files": "932cf7e052fdfe88",
        "order": "global shuffle",
        "seed": 5,
        "epoch": 0,
        "position": 20,
        "checksum": "4f1946392d547860",
    }
    assert reader.batches(10, shuffle=True, seed=5).skip(2).state() == written


def is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


@given(st.data())
def test_whatever_is_damaged_is_noticed(data: st.DataObject) -> None:
    reader = of_features("value")
    state = state_of(reader, shuffle=True, seed=data.draw(st.sampled_from([0, 1, 2**64 - 1])))
    name = data.draw(st.sampled_from([*state, "other"]))
    if name in state and data.draw(st.booleans()):
        damaged = {key: value for key, value in state.items() if key != name}
    else:
        damaged = state | {name: data.draw(JSON.filter(lambda value: not is_same(value, state.get(name, VALUES))))}
    with pytest.raises(bf.StateError) as caught:
        reader.batches(10, shuffle=True, state=damaged)
    assert len(str(caught.value)) < 300


@given(st.data())
def test_no_bit_may_flip(data: st.DataObject) -> None:
    reader = of_features("value")
    state = state_of(reader, shuffle=True, seed=7)
    text = bytearray(json.dumps(state).encode())
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    text[bit // 8] ^= 1 << bit % 8
    try:
        read = json.loads(text)
    except ValueError:
        return  # no JSON any more
    if read != state:
        with pytest.raises(bf.StateError):
            reader.batches(10, shuffle=True, state=read)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": SIZE + 1}, f"damaged: there is no position {SIZE + 1} of {SIZE} samples in epoch 0"),
        ({"epoch": 2**62 + 1}, f"damaged: there is no position 30 of {SIZE} samples in epoch {2**62 + 1}"),
        ({"position": -1}, "damaged: 'position' is -1"),
        ({"position": 2**64}, "damaged: 'position' is 18446744073709551616"),
        ({"epoch": None}, "damaged: 'epoch' is None"),
        ({"files": 5}, "damaged: 'files' is 5"),
        ({"files": "0123"}, "damaged: 'files' is '0123'"),
        ({"seed": True}, "damaged: 'seed' is True"),
        ({"extra": 1}, "damaged: 'extra' is 1"),
        ({"file_count": 2}, "damaged: 'files' is"),
        ({"version": 1}, "version 1, but this binfeed reads version 2: start anew, or use the release that wrote it"),
        ({"version": 10**5000}, "version <int of"),
        ({"version": [["x" * 100] * 9] * 9}, r"version \[\["),
    ],
)
def test_a_state_that_cannot_be_is_refused_whatever_its_checksum(change: dict[str, Any], message: str) -> None:
    reader = of_features("value")
    state = state_of(reader) | change
    state = state if type(change.get("version")) in (int, list) else signed(state)
    with pytest.raises(bf.StateError, match=message) as caught:
        reader.batches(10, state=state)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("state", [{}, [], 5, "state" * 1000, {"epoch": 3}, {str(i): i for i in range(1000)}])
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(bf.StateError, match="not a state of binfeed") as caught:
        of_features("value").batches(10, state=state)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy])
def test_readers_and_batches_stay_where_they_are(send: Callable[[Any], Any]) -> None:
    reader = of_features("value")
    for each in (reader, bf.zip(reader, reader)):
        with pytest.raises(TypeError, match=r"a reader cannot be copied or pickled: open\(\) the same files"):
            send(each)
    with pytest.raises(TypeError, match=r"batches cannot be copied or pickled: pass their state\(\) on"):
        send(reader.batches(10))


def test_who_gave_nothing_has_passed_no_epoch() -> None:
    reader = bf.open(VALUES, "<f8")
    whole = len(reader)
    state = reader.batches(whole + 1, drop_remainder=True).state()
    assert (state["epoch"], state["position"]) == (0, 0)
    state = reader.batches(1).skip(whole - 2).state()
    again = reader.batches(4, drop_remainder=True, state=state).state()
    assert again == state
    assert sum(len(batch) for batch in reader.batches(1, state=again)) == 2


@pytest.mark.parametrize("skipped", [11, 19, 20])
def test_the_epochs_of_a_state_are_counted(skipped: int) -> None:
    reader = bf.open(np.arange(100, dtype="u1"), "u1")
    state = reader.batches(10, epochs=3).skip(skipped).state()
    with pytest.raises(ValueError, match=f"the state is in epoch {skipped // 10}, counted from 0, but epochs=1 ends"):
        reader.batches(10, state=state)
    assert len(reader.batches(10, state=state, epochs=3)) == 30 - skipped


def test_a_state_at_the_end_gives_nothing_more() -> None:
    reader = bf.open(np.arange(100, dtype="u1"), "u1")
    assert list(reader.batches(10, state=reader.batches(10).skip(10).state())) == []
