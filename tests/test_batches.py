"""What ``.batches()`` gives: epochs, shuffles, shards, and where an iterator is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed import _core, reference
from binfeed.records import RecordSamples
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import assert_identical, ids, ids_by_batch

COUNTS = [40, 1, 0, 59, 100, 3]
SIZE = sum(COUNTS)
RECORD = np.dtype([("id", "<u4"), ("value", "<f8")])
LAYOUT = bf.Layout(RECORD, header_bytes=4)
FEATURES = "id"


def numbers(count: int) -> bf.Reader:
    """A reader whose sample i is i."""
    return bf.open(np.arange(count, dtype="<u4"), "<u4")


def test_a_shuffle_gives_the_references_order(reader: bf.Reader) -> None:
    for shuffle in (True, "global"):
        found = ids(reader.batches(32, shuffle=shuffle, seed=7, epochs=2))
        assert found == [*reference.shuffled(SIZE, 7, 0), *reference.shuffled(SIZE, 7, 1)]


def test_a_block_shuffle_gives_the_references_order(reader: bf.Reader) -> None:
    found = ids(reader.batches(32, shuffle=bf.BlockShuffle(10, 4), seed=7, epochs=2))
    assert found == [*reference.block_shuffled(SIZE, 10, 4, 7, 0), *reference.block_shuffled(SIZE, 10, 4, 7, 1)]
    # By default a block is about a mebibyte of the files: here all there is.
    assert ids(reader.batches(50, shuffle="block", seed=7)) == reference.block_shuffled(SIZE, 2**20, 64, 7, 0).tolist()


def test_the_default_block_is_a_mebibyte_of_the_files() -> None:
    with bf.open(np.zeros(10 << 20, np.uint8), np.dtype("V512"), bf.field("value")) as reader:
        state = reader.batches(5, shuffle="block", seed=0).state()
    assert state["order"] == "shuffle in blocks of 2048, 64 per group"


def test_without_a_seed_every_iterator_draws_one_and_reports_it(reader: bf.Reader) -> None:
    first, second = (reader.batches(50, shuffle=True) for _ in range(2))
    seed = first.state()["seed"]
    assert seed != second.state()["seed"]
    assert ids(first) == ids(reader.batches(50, shuffle=True, seed=seed)) != ids(second)


@pytest.mark.parametrize("drop_remainder", [False, True])
@pytest.mark.parametrize("shuffle", [False, True, "block"])
def test_no_batch_reaches_over_the_end_of_an_epoch(
    reader: bf.Reader, shuffle: bool | str, drop_remainder: bool
) -> None:
    batches = reader.batches(50, shuffle=shuffle, epochs=3, drop_remainder=drop_remainder)
    sizes = [50] * 4 + ([] if drop_remainder else [3])
    assert len(batches) == 3 * len(sizes)
    found = ids_by_batch(batches)
    assert [len(batch) for batch in found] == sizes * 3
    for epoch in range(3):
        of_epoch = ids(found[epoch * len(sizes) : (epoch + 1) * len(sizes)])
        assert len(set(of_epoch)) == len(of_epoch) == sum(sizes)


def test_epochs_without_end(reader: bf.Reader) -> None:
    batches = reader.batches(100, shuffle=True, seed=3, epochs=None)
    with pytest.raises(TypeError, match="without end"):
        len(batches)
    found = [next(batches) for _ in range(10)]
    assert ids(found[6:9]) == reference.shuffled(SIZE, 3, 2).tolist()
    assert batches.state()["epoch"] == 3
    assert list(reader.batches(SIZE + 1, drop_remainder=True, epochs=None)) == []


@pytest.mark.parametrize("shuffle", [False, True, bf.BlockShuffle(7, 3)])
@pytest.mark.parametrize(("shards", "batch_size"), [(2, 10), (3, 16), (7, 1), (5, 100), (203, 1), (204, 4)])
def test_shards_are_disjoint_and_together_everything(
    reader: bf.Reader, shuffle: bool, shards: int, batch_size: int
) -> None:
    seed = 2 if shuffle else None

    def found(**options: Any) -> list[list[list[int]]]:
        return [
            ids_by_batch(reader.batches(batch_size, shuffle=shuffle, seed=seed, shard=(shard, shards), **options))
            for shard in range(shards)
        ]

    def flat(parts: list[list[list[int]]]) -> list[int]:
        return [sample for part in parts for batch in part for sample in batch]

    dropped = found()
    assert len({len(part) for part in dropped}) == 1
    assert all([len(batch) for batch in part] == [len(batch) for batch in dropped[0]] for part in dropped)
    assert len(set(flat(dropped))) == len(flat(dropped)) == SIZE - SIZE % shards

    padded = found(shard_remainder="pad")
    assert len({len(part) for part in padded}) == 1
    assert set(flat(padded)) == set(range(SIZE))
    assert len(flat(padded)) == -(-SIZE // shards) * shards

    full = found(drop_remainder=True)
    assert all(len(batch) == batch_size for part in full for batch in part)
    assert len(flat(full)) == SIZE // (shards * batch_size) * shards * batch_size


def test_a_shard_of_a_tensorflow_strategy(reader: bf.Reader) -> None:
    import tensorflow as tf  # noqa: PLC0415

    context = tf.distribute.InputContext(num_input_pipelines=3, input_pipeline_id=1)
    assert ids_by_batch(reader.batches(8, shard=context)) == ids_by_batch(reader.batches(8, shard=(1, 3)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shard": (3, 3)}, ValueError, "no shard 3 of 3: they are numbered from 0 to 2"),
        ({"shard": (-1, 3)}, ValueError, "the number of a shard must be at least 0, not -1"),
        ({"shard": (0, 0)}, ValueError, "the number of shards must be at least 1"),
        ({"shard": 3}, TypeError, r"shard must be \(number, count\)"),
        ({"shard": (1, 2, 3)}, TypeError, r"shard must be \(number, count\)"),
        ({"shard": (0, 2), "shuffle": True}, ValueError, "give one with seed="),
        ({"shard_remainder": "pads"}, ValueError, "no shard_remainder 'pads'; did you mean 'pad'"),
        ({"shuffle": "globl"}, ValueError, "no shuffle 'globl'; did you mean 'global'"),
        ({"shuffle": 1}, TypeError, "shuffle must be True, False"),
        ({"shuffle": 1000}, TypeError, "it is not the size of a buffer: True shuffles all samples"),
        ({"shuffle": 10**5000}, TypeError, "shuffle must be True, False"),
        ({"shuffle": [["x" * 100] * 9] * 9}, TypeError, "shuffle must be True, False"),
        ({"shuffle": "x" * 10_000}, ValueError, "there is no shuffle 'xxx"),
        ({"shuffle": True, "cycle_length": 2}, ValueError, "already mixes the files"),
        ({"shuffle": True, "seed": -1}, ValueError, "seed must be from 0"),
        ({"shuffle": True, "seed": 2**64}, ValueError, "seed must be from 0"),
        ({"shuffle": True, "seed": 1.5}, TypeError, "seed must be a whole number"),
        ({"shuffle": True, "seed": 10**5000}, ValueError, "seed must be from 0"),
        ({"shuffle": True, "seed": "a"}, TypeError, "seed must be a whole number, not 'a'"),
        ({"shuffle": True, "seed": True}, TypeError, "seed must be a whole number, not True"),
        ({"seed": 5}, ValueError, "seed=5 has no effect without a shuffle"),
        ({"seed": 0, "shuffle": False}, ValueError, "seed=0 has no effect without a shuffle"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"epochs": 2**64}, ValueError, r"epochs must be at most 2\^62, not 18446744073709551616"),
        ({"epochs": 2**62}, ValueError, r"4611686018427387904 epochs of 21 batches are more than 2\^62"),
        ({"epochs": True}, TypeError, "epochs must be a whole number, not True"),
        ({"batch_size": 2**63}, ValueError, r"batch_size must be at most 2\^62"),
        ({"batch_size": 10**5000}, ValueError, r"batch_size must be at most 2\^62"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number, not True"),
        ({"cycle_length": 2**63}, ValueError, r"cycle_length must be at most 2\^62"),
        ({"block_length": 2**63}, ValueError, r"block_length must be at most 2\^62"),
        ({"shard": (0, 2**63)}, ValueError, r"the number of shards must be at most 2\^62"),
        ({"shard": ("0", 2)}, TypeError, "the number of a shard must be a whole number, not '0'"),
        ({"shard": (True, 2)}, TypeError, "the number of a shard must be a whole number, not True"),
        ({"shard": "x" * 10_000}, TypeError, r"shard must be \(number, count\)"),
        ({"shard_remainder": None}, ValueError, "no shard_remainder None; there are 'drop', 'pad'"),
        ({"shard_remainder": np.arange(10_000)}, ValueError, "no shard_remainder array"),
        ({"drop_remainder": "no"}, TypeError, "drop_remainder must be True or False, not 'no'"),
        ({"drop_remainder": 0}, TypeError, "drop_remainder must be True or False, not 0"),
        ({"epoch": 2}, TypeError, "did you mean 'epochs'"),
    ],
)
def test_what_makes_no_order_is_refused(
    reader: bf.Reader, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        reader.batches(**{"batch_size": 10} | options)
    assert len(str(caught.value)) < 300


def test_flags_and_numbers_of_numpy_are_taken(reader: bf.Reader) -> None:
    options: dict[str, Any] = {"shuffle": np.True_, "seed": np.uint64(3), "drop_remainder": np.True_}
    found = ids(reader.batches(np.int64(10), shard=(np.int8(1), np.int8(2)), **options))  # type: ignore[arg-type]
    assert found == ids(reader.batches(10, shuffle=True, seed=3, drop_remainder=True, shard=(1, 2)))
    assert ids(reader.batches(10, shuffle=np.False_)) == list(range(SIZE))  # type: ignore[arg-type]


def test_block_shuffles_are_equal_whoever_counted(reader: bf.Reader) -> None:
    one, other = bf.BlockShuffle(np.int64(4), np.int8(2)), bf.BlockShuffle(4, 2)  # type: ignore[arg-type]
    assert (one, hash(one), repr(one)) == (other, hash(other), "BlockShuffle(block_samples=4, group_blocks=2)")
    state = reader.batches(10, shuffle=one).state()
    assert reader.batches(10, shuffle=other, state=state).state() == state


def test_numbers_as_large_as_may_be(reader: bf.Reader) -> None:
    most = 2**62
    assert ids(reader.batches(most)) == list(range(SIZE))
    assert ids(reader.batches(most, drop_remainder=True)) == []
    assert ids(reader.batches(10, block_length=most, cycle_length=most)) == list(range(SIZE))
    assert len(reader.batches(SIZE, epochs=most)) == most
    assert ids(reader.batches(most, shard=(most - 1, most), shard_remainder="pad")) == [(most - 1) % SIZE]
    assert len(ids(reader.batches(10, shuffle=bf.BlockShuffle(most, most)))) == SIZE


def test_no_epoch_lies_beyond_all_numbers(reader: bf.Reader) -> None:
    batches = reader.batches(SIZE, epochs=None).skip(2**62)
    assert batches.state()["epoch"] == 2**62
    state = batches.state()
    with pytest.raises(ValueError, match=r"there are 2\^62 batches: 2 cannot be skipped after 4611686018427387904"):
        batches.skip(2)
    assert batches.state() == state
    with pytest.raises(ValueError, match=r"batches must be at most 2\^62"):
        batches.skip(2**80)


def test_the_seed_of_a_state_is_not_one_that_was_given(reader: bf.Reader) -> None:
    state = reader.batches(10).skip(2).state()
    assert ids(reader.batches(10, state=state)) == list(range(20, SIZE))
    with pytest.raises(ValueError, match="seed=0 has no effect"):
        reader.batches(10, state=state, seed=0)


@pytest.mark.parametrize("arguments", [{"block_samples": 0}, {"group_blocks": 0}])
def test_a_block_shuffle_has_blocks(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        bf.BlockShuffle(**arguments)
    with pytest.raises(TypeError, match="did you mean 'group_blocks'"):
        bf.BlockShuffle(group_block=3)  # type: ignore[call-arg]


ORDERS = st.sampled_from([
    {},
    {"cycle_length": 3, "block_length": 2},
    {"shuffle": True, "seed": 5},
    {"shuffle": bf.BlockShuffle(9, 2), "seed": 6},
])  # fmt: skip


@settings(max_examples=60)
@given(order=ORDERS, batch_size=st.integers(1, 90), epochs=st.integers(1, 3), drop=st.booleans(), data=st.data())
def test_a_state_goes_on_with_exactly_the_next_sample(
    order: dict[str, Any], batch_size: int, epochs: int, drop: bool, data: st.DataObject
) -> None:
    reader = numbers(200)
    options = order | {"epochs": epochs, "drop_remainder": drop}
    batches = reader.batches(batch_size, **options)
    expected = ids_by_batch(reader.batches(batch_size, **options))
    assert len(batches) == len(expected)
    given_before = data.draw(st.integers(0, len(expected)))
    assert [next(batches).tolist() for _ in range(given_before)] == expected[:given_before]

    state = json.loads(json.dumps(batches.state()))
    resumed = numbers(200).batches(batch_size, **options, state=state)
    assert len(resumed) == len(expected) - given_before
    assert ids_by_batch(resumed) == expected[given_before:]
    assert resumed.state() == reader.batches(batch_size, **options).skip(len(expected)).state()


@given(order=ORDERS, first=st.integers(1, 60), second=st.integers(1, 60), taken=st.integers(0, 10))
def test_a_state_goes_on_with_another_batch_size(order: dict[str, Any], first: int, second: int, taken: int) -> None:
    reader = numbers(200)
    batches = reader.batches(first, **order, epochs=2)
    before = ids([next(batches) for _ in range(min(taken, len(batches)))])
    after = ids(reader.batches(second, **order, epochs=2, state=batches.state()))
    assert before + after == ids(reader.batches(200, **order, epochs=2))


@given(
    first=st.integers(1, 5), second=st.integers(1, 5), batch_size=st.integers(1, 30), taken=st.integers(0, 6),
    other_batch_size=st.integers(1, 30),
)  # fmt: skip
def test_a_state_goes_on_with_another_number_of_shards(
    first: int, second: int, batch_size: int, taken: int, other_batch_size: int
) -> None:
    reader = numbers(200)
    order: dict[str, Any] = {"shuffle": True, "seed": 11}
    before: list[int] = []
    states = []
    for shard in range(first):
        batches = reader.batches(batch_size, **order, shard=(shard, first))
        count = min(taken, len(batches))
        before += ids([next(batches) for _ in range(count)])
        states.append(batches.state())
    assert all(state == states[0] for state in states)
    if states[0]["epoch"] == 1:
        return  # nothing is left
    after: list[int] = []
    for shard in range(second):
        options: dict[str, Any] = {"shard": (shard, second), "state": states[-1]}
        after += ids(reader.batches(other_batch_size, **order, **options))
    assert len(set(before + after)) == len(before + after) > 200 - second
    assert sorted(before) == sorted(reference.shuffled(200, 11, 0)[: len(before)])


def test_skipping_is_as_reading(reader: bf.Reader) -> None:
    options: dict[str, Any] = {"shuffle": True, "seed": 1, "epochs": 3}
    expected = ids_by_batch(reader.batches(50, **options))
    for count in (0, 1, 5, 7, 14, 15):
        assert ids_by_batch(reader.batches(50, **options).skip(count)) == expected[count:]
    batches = reader.batches(50, **options)
    next(batches)
    assert ids_by_batch(batches.skip(2)) == expected[3:]
    assert ids_by_batch(reader.batches(50, **options).skip(1000)) == []
    with pytest.raises(ValueError, match="batches must be at least 0"):
        batches.skip(-1)


def test_skipping_far_takes_no_reading(tmp_path: Path) -> None:
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(10**12)
    with bf.open(tmp_path / "large.bin", np.dtype([("x", "<u4"), ("rest", "V96")]), "x") as large:
        batches = large.batches(100, shuffle=True, seed=1).skip(10**7)
        assert batches.state()["position"] == 10**9
        assert np.array_equal(next(batches), np.zeros(100, np.uint32))


def test_a_state_is_small_for_any_number_of_files(tmp_path: Path) -> None:
    files = [np.full(4, number % 251, np.uint8) for number in range(10_000)]
    state = bf.open(files, "<u4").batches(2, shuffle="block", seed=2**64 - 1).skip(17).state()
    assert len(json.dumps(state)) < 1000
    assert state["position"] == 34


def test_the_state_is_of_what_was_given_not_of_what_was_read_ahead(reader: bf.Reader) -> None:
    batches = reader.batches(10)
    assert (batches.state()["epoch"], batches.state()["position"]) == (0, 0)
    next(batches)
    assert (batches.state()["epoch"], batches.state()["position"]) == (0, 10)
    list(batches)
    assert (batches.state()["epoch"], batches.state()["position"]) == (1, 0)


def test_a_dropped_remainder_belongs_to_the_epoch_that_is_over(reader: bf.Reader) -> None:
    batches = reader.batches(100, drop_remainder=True, epochs=2)
    next(batches), next(batches)
    assert (batches.state()["epoch"], batches.state()["position"]) == (1, 0)


def test_an_iterator_that_has_given_all_its_epochs_gives_no_more(reader: bf.Reader) -> None:
    state = reader.batches(50, epochs=2).skip(100).state()
    assert state["epoch"] == 2
    assert list(reader.batches(50, epochs=2, state=state)) == []
    assert ids(reader.batches(50, epochs=3, state=state)) == list(range(SIZE))


def test_files_may_move_but_not_change(paths: list[Path], tmp_path: Path) -> None:
    state = bf.open(paths, LAYOUT, "id").batches(10).skip(3).state()
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in paths:
        shutil.copy(path, moved / path.name)
    there = sorted(moved.iterdir())
    assert ids(bf.open(there, LAYOUT, "id").batches(10, state=state)) == list(range(30, SIZE))

    def refused(files: list[Path], message: str) -> None:
        with pytest.raises(bf.StateError, match=message):
            bf.open(files, LAYOUT, "id").batches(10, state=state)

    refused(there[:-1], "the state belongs to 6 files, but there are 5 now")
    refused(there[1:], f"there are 5 now; the first that differs is '{there[1]}'")
    refused([there[1], there[0], *there[2:]], f"'{there[1]}', '{there[0]}' changed since then")

    content = there[3].read_bytes()
    there[3].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # the last byte
    refused(there, f"other files: '{there[3]}' changed since then")
    there[3].write_bytes(content[:4] + bytes([content[4] ^ 1]) + content[5:])  # the first record
    refused(there, f"other files: '{there[3]}' changed since then")
    there[3].write_bytes(content + content[-12:])  # one record more
    refused(there, f"other files: '{there[3]}' changed since then")
    there[3].write_bytes(content)
    there[3].rename(moved / "part-900.bin")
    refused([*there[:3], moved / "part-900.bin", *there[4:]], "part-900.bin' changed since then")


def test_one_of_very_many_files_changes() -> None:
    files = [np.full(4, number % 251, np.uint8) for number in range(1000)]
    state = bf.open(files, "<u4").batches(2).state()
    files[777] = np.full(4, 255, np.uint8)
    with pytest.raises(bf.StateError, match=r"one of the 31 files from '<memory 750>' to '<memory 780>' changed since"):
        bf.open(files, "<u4").batches(2, state=state)


def test_a_state_of_other_samples_is_refused(paths: list[Path]) -> None:
    def state_of(reader: bf.Reader, **options: Any) -> Any:
        return reader.batches(10, **options).skip(2).state()

    reader = bf.open(paths, LAYOUT, "id")
    other_layout = bf.Layout([("id", "<u4"), ("value", "<u8")], header_bytes=4)
    others = {
        "layout": bf.open(paths, other_layout, "id"),
        "features": bf.open(paths, LAYOUT, bf.field("id").scale(2)),
        "window": bf.open(paths, LAYOUT, "id", window=bf.Window(3)),
    }
    for what, other in others.items():
        with pytest.raises(bf.StateError, match=f"the state belongs to another {what}"):
            reader.batches(10, state=state_of(other))
    long = np.linspace(1, 2, 2000)
    changed = long.copy()
    changed[1000] += 1e-9
    files, wide = np.zeros(16000, np.uint8), np.dtype(("<f8", 2000))
    state = bf.open(files, wide, bf.field("value").div(long)).batches(1).state()
    bf.open(files, wide, bf.field("value").div(long.copy())).batches(1, state=state)
    with pytest.raises(bf.StateError, match="another features"):
        bf.open(files, wide, bf.field("value").div(changed)).batches(1, state=state)

    shuffled = state_of(reader, shuffle=True, seed=4)
    with pytest.raises(bf.StateError, match="the order 'global shuffle', but 'sequential' is asked for"):
        reader.batches(10, state=shuffled)
    with pytest.raises(bf.StateError, match="the seed 4, but 5 is asked for"):
        reader.batches(10, state=shuffled, shuffle=True, seed=5)
    expected = ids(reader.batches(10, shuffle=True, seed=4))[20:]
    assert ids(reader.batches(10, state=shuffled, shuffle=True)) == expected  # the seed is in the state


def test_readers_side_by_side_share_an_order_and_a_state(paths: list[Path]) -> None:
    values = bf.open(paths, LAYOUT, "value")
    pair = bf.zip(bf.open(paths, LAYOUT, "id"), values)
    batches = pair.batches(30, shuffle=True, seed=8)
    next(batches)
    state = batches.state()
    for number, value in (batch for batch in pair.batches(30, shuffle=True, state=state)):
        assert_identical(value, values.take(number))
    with pytest.raises(bf.StateError, match="another layout"):
        values.batches(30, shuffle=True, state=state)


@given(st.integers(1, 40), st.integers(1, 3000), st.integers(0, 500), st.sampled_from(list(_core.AccessPattern)))
def test_reading_ahead_asks_for_what_comes_next(
    batch_size: int, size: int, begin: int, pattern: _core.AccessPattern
) -> None:
    window = 100
    ahead = _core.ReadAhead(sample_bytes=(64 << 20) // window, pattern=pattern, batch_size=batch_size)
    end = begin = min(begin, size)  # of what was asked for
    steps = 0
    for position in range(begin, size, batch_size):
        count = min(batch_size, size - position)
        first, asked = ahead.next(3, position, count, size)
        if asked > 0:
            assert first == end  # without gaps, and nothing twice
            end += asked
            steps += 1
        assert position + count <= end <= min(position + window, size)
    assert steps <= (size - begin) // (window // 2) + 2
    # Another epoch, and a place that was not asked for, begin anew.
    assert ahead.next(4, 0, 1, 50) == (0, 50)
    assert ahead.next(4, 0, 1, 50) == (50, 0)
    assert ahead.next(4, 5, 1, 50)[1] == 0  # threads need not come in sequence
    assert ahead.next(5, 20, 1, 50) == (20, 30)
    assert ahead.next(5, 19, 1, 50) == (19, 31)


def test_a_scattered_sample_counts_as_a_page() -> None:
    asked = {
        pattern: _core.ReadAhead(sample_bytes=48, pattern=pattern, batch_size=1).next(0, 0, 1, 1 << 40)[1]
        for pattern in _core.AccessPattern
    }
    assert asked[_core.AccessPattern.RANDOM] == (64 << 20) // 4096
    assert asked[_core.AccessPattern.SEQUENTIAL] == (64 << 20) // 48


def test_batches_are_asked_for_ahead(reader: bf.Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(RecordSamples, "read_ahead", lambda _, order, position, count: asked.append((position, count)))
    list(reader.batches(10, shuffle=True, seed=0, epochs=2))
    assert asked == [(0, SIZE), (0, SIZE)]


def test_asking_the_system_for_bytes_is_harmless(paths: list[Path], reader: bf.Reader) -> None:
    samples = reader._samples
    for pattern in _core.AccessPattern:
        samples.advise(pattern)
        for order in (
            _core.Order.sequential(SIZE),
            _core.Order.shuffled(SIZE, seed=0, epoch=0, instruction_set=_core.default_instruction_set()),
        ):
            samples.read_ahead(order, 0, SIZE)
            samples.read_ahead(order, SIZE, 0)
            assert samples.read(order, 0, SIZE)[0].tolist() == order.samples(0, SIZE).tolist()
    with pytest.raises(IndexError):
        samples.read_ahead(_core.Order.sequential(SIZE), 0, SIZE + 1)


@pytest.mark.parametrize(("window", "distance"), [(None, 4), (bf.Window(64), 4), (bf.Window(8, stride=16), 64)])
def test_a_block_is_a_mebibyte_of_the_files(window: bf.Window | None, distance: int) -> None:
    reader = bf.open(np.zeros(1000, "<u4"), "<u4", window=window)
    assert f"blocks of {2**20 // distance}," in reader.batches(10, shuffle="block").state()["order"]
    both = bf.zip(reader, reader)
    assert f"blocks of {2**20 // (2 * distance)}," in both.batches(10, shuffle="block").state()["order"]


@pytest.mark.parametrize("skipped", [0, 2])
def test_the_system_is_told_once_how_files_are_read(skipped: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = bf.open(np.arange(100, dtype="<u4"), "<u4")
    told: list[Any] = []
    monkeypatch.setattr(reader._samples, "advise", told.append)
    assert len(list(reader.batches(10, shuffle=True, seed=1).skip(skipped))) == 10 - skipped
    assert len(told) == 1
