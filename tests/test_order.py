"""Orders: against tf.data's own interleave, and as arithmetic that any position can start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from binfeed import _core, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array

COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=7)


def starts_of(counts: list[int]) -> list[int]:
    return [0, *np.cumsum(counts).tolist()]


def interleaved_by_tensorflow(counts: list[int], cycle_length: int, block_length: int) -> list[int]:
    import tensorflow as tf  # noqa: PLC0415

    starts = np.array(starts_of(counts))
    files = tf.data.Dataset.from_tensor_slices((starts[:-1], starts[1:]))
    samples = files.interleave(tf.data.Dataset.range, cycle_length=cycle_length, block_length=block_length)
    return [int(sample) for sample in samples.as_numpy_iterator()]


@settings(max_examples=150)
@given(counts=COUNTS, cycle_length=st.integers(1, 9), block_length=st.integers(1, 5))
def test_the_interleaved_order_is_tf_datas(counts: list[int], cycle_length: int, block_length: int) -> None:
    order = _core.Order.interleaved(starts_of(counts), cycle_length, block_length)
    assert order.samples(0, len(order)).tolist() == interleaved_by_tensorflow(counts, cycle_length, block_length)


@given(
    counts=st.lists(st.integers(0, 200), min_size=1, max_size=12),
    cycle_length=st.integers(1, 15),
    block_length=st.sampled_from([1, 2, 3, 7, 50, 10**6, 2**62]),
    data=st.data(),
)
def test_any_stretch_of_an_interleaved_order_is_the_same_as_in_the_whole(
    counts: list[int], cycle_length: int, block_length: int, data: st.DataObject
) -> None:
    order = _core.Order.interleaved(starts_of(counts), cycle_length, block_length)
    whole = order.samples(0, len(order))
    assert sorted(whole) == list(range(sum(counts)))
    position = data.draw(st.integers(0, len(whole)))
    count = data.draw(st.integers(0, len(whole) - position))
    assert np.array_equal(order.samples(position, count), whole[position : position + count])


def test_one_file_at_a_time_is_file_after_file() -> None:
    order = _core.Order.interleaved([0, 3, 3, 8], 1, 2)
    assert order.samples(0, 8).tolist() == list(range(8))


def test_starting_late_in_many_files_takes_no_walk() -> None:
    starts = np.arange(0, 10_001) * 10**9
    order = _core.Order.interleaved(starts.tolist(), 100, 7)
    # 100 files give blocks of 7 in turn: the last round of the last hundred files.
    last = order.samples(len(order) - 3, 3)
    assert last.tolist() == [len(order) - 3, len(order) - 2, len(order) - 1]


@pytest.mark.parametrize(("position", "count"), [(-1, 2), (0, 6), (5, 1), (6, 0), (0, -1), (2**62, 2**62)])
def test_positions_that_do_not_exist_are_refused(position: int, count: int) -> None:
    with pytest.raises(IndexError, match="not all within the 5 samples"):
        _core.Order.sequential(5).samples(position, count)


def test_listed_samples_must_exist() -> None:
    listed: Array = np.array([0, 4, 5])
    with pytest.raises(IndexError, match="no sample 5: the reader has 5"):
        _core.Order.listed(listed, 5)


SETS = _core.supported_instruction_sets()


def shuffled(size: int, seed: int = 1, epoch: int = 0, instruction_set: str = SETS[-1]) -> _core.Order:
    return _core.Order.shuffled(size, seed=seed, epoch=epoch, instruction_set=instruction_set)


def whole(order: _core.Order) -> Array:
    return order.samples(0, len(order))


def test_a_shuffle_is_a_permutation_for_every_small_size() -> None:
    for size in range(1, 2100):
        assert np.array_equal(np.sort(whole(shuffled(size))), np.arange(size)), size


def test_a_shuffle_is_the_references(instruction_set: str) -> None:
    for size in (1, 2, 3, 255, 256, 257, 1023, 1024, 1025, 70_000, 2**17 + 1):
        for seed, epoch in ((0, 0), (1, 0), (2**64 - 1, 3), (5, 2**40)):
            expected = reference.shuffled(size, seed, epoch)
            assert np.array_equal(whole(shuffled(size, seed, epoch, instruction_set)), expected)


@pytest.mark.parametrize("size", [2**62, 2**62 - 1, 2**61 + 1, 10**15, 2**32, 2**32 + 1, 2**31 - 1])
def test_a_shuffle_of_any_size_starts_anywhere(size: int, instruction_set: str) -> None:
    positions = np.array([0, 1, size // 3, size - 2, size - 1])
    found = [int(shuffled(size, 9, 4, instruction_set).samples(int(position), 1)[0]) for position in positions]
    assert found == reference.permuted(positions, size, 9, 4, stream=0).tolist()
    assert all(0 <= sample < size for sample in found)
    assert len(set(found)) == len(positions)


def test_no_more_than_2_to_the_62_samples_are_shuffled() -> None:
    with pytest.raises(ValueError, match=r"up to 2\^62 samples can be shuffled"):
        shuffled(2**62 + 1)


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_any_stretch_of_a_shuffle_is_the_same_as_in_the_whole(size: int, seed: int, data: st.DataObject) -> None:
    order = shuffled(size, seed)
    position = data.draw(st.integers(0, size))
    count = data.draw(st.integers(0, size - position))
    assert np.array_equal(order.samples(position, count), whole(order)[position : position + count])


def standard_score(counts: Array, expected: float, freedom: int) -> float:
    """How far a chi-square statistic is from its mean, in its standard deviations."""
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


# Scores of a random order are between -4 and 4 but for one in about 16,000 (with few degrees of freedom the upper tail
# is heavier: 5.5 for 1 in 2,000 at 4 degrees); the seeds are fixed, so the results are as well. A Feistel network with
# too few rounds or too small a domain scores in the tens and hundreds here.
MAX_SCORE = 4.5


@pytest.mark.parametrize("size", [3, 4, 5, 6, 7, 8, 12, 16, 17, 31, 33, 64, 100])
@pytest.mark.parametrize("varied", ["seed", "epoch"])
def test_every_sample_comes_to_every_position_and_beside_every_other(size: int, varied: str) -> None:
    trials = 20_000
    orders = np.array([whole(shuffled(size, **{varied: number})) for number in range(trials)])
    positions = np.array([np.bincount(column, minlength=size) for column in orders.T])
    assert standard_score(positions, trials / size, (size - 1) ** 2) < MAX_SCORE

    pairs = np.bincount((orders[:, :-1] * size + orders[:, 1:]).ravel(), minlength=size**2).reshape(size, size)
    assert not pairs.diagonal().any()
    distinct = pairs[~np.eye(size, dtype=bool)]
    assert standard_score(distinct, trials / size, len(distinct) - 1) < MAX_SCORE


@pytest.mark.parametrize("size", [10_000, 65_536, 1_000_000])
def test_a_large_shuffle_has_no_pattern(size: int) -> None:
    order = whole(shuffled(size))
    cells = 64
    of_position, of_sample = np.arange(size) * cells // size, order * cells // size
    table = np.bincount(of_position * cells + of_sample, minlength=cells**2)
    assert abs(standard_score(table, size / cells**2, (cells - 1) ** 2)) < MAX_SCORE

    # The distance from each sample to the next one, around the circle, is as good as any.
    steps = np.diff(order) % size
    table = np.bincount(steps * cells // size, minlength=cells)
    assert abs(standard_score(table, (size - 1) / cells, cells - 1)) < MAX_SCORE
    # In a random order, two neighbours are expected to stay neighbours; 12 are 5 standard deviations from that.
    assert np.count_nonzero(np.abs(np.diff(order)) == 1) <= 12


def test_seeds_and_epochs_give_different_orders() -> None:
    size = 1000
    orders = {(seed, epoch): whole(shuffled(size, seed, epoch)) for seed in range(30) for epoch in range(30)}
    orders |= {(2**63, 0): whole(shuffled(size, 2**63)), (0, 2**63): whole(shuffled(size, 0, 2**63))}
    assert len({order.tobytes() for order in orders.values()}) == len(orders)
    # Two random orders agree in one position on average; the most of 900 orders against the first stays below 8.
    agreements = [np.count_nonzero(order == orders[0, 0]) for key, order in orders.items() if key != (0, 0)]
    assert max(agreements) < 8
    assert 0.8 < np.mean(agreements) < 1.2


@settings(max_examples=25)
@given(
    size=st.integers(1, 400),
    block_samples=st.one_of(st.integers(1, 50), st.just(2**62)),
    group_blocks=st.one_of(st.integers(2, 9), st.just(2**62)),
    seed=st.integers(0, 2**64 - 1),
    data=st.data(),
)
def test_a_block_shuffle_is_the_references_from_any_position(
    size: int, block_samples: int, group_blocks: int, seed: int, data: st.DataObject
) -> None:
    instruction_set = data.draw(st.sampled_from(SETS))
    order = _core.Order.block_shuffled(
        size, block_samples=block_samples, group_blocks=group_blocks, seed=seed, epoch=2,
        instruction_set=instruction_set,
    )  # fmt: skip
    expected = reference.block_shuffled(size, block_samples, group_blocks, seed, 2)
    assert sorted(expected) == list(range(size))
    position = data.draw(st.integers(0, size))
    count = data.draw(st.integers(0, size - position))
    assert np.array_equal(order.samples(position, count), expected[position : position + count])


def test_a_block_shuffle_of_the_largest_size() -> None:
    size = 2**62
    for block_samples in (1, 1000, 2**40, 2**61):
        order = _core.Order.block_shuffled(
            size, block_samples=block_samples, group_blocks=64, seed=1, epoch=0, instruction_set=SETS[0]
        )
        found = [int(order.samples(position, 1)[0]) for position in (0, 1, size // 2, size - 1)]
        assert all(0 <= sample < size for sample in found)
        assert len(set(found)) == 4


def test_a_stretch_of_a_block_shuffle_reads_from_few_blocks_and_mixes_them() -> None:
    size, block, window = 100_000, 1000, 8
    order = _core.Order.block_shuffled(
        size, block_samples=block, group_blocks=window, seed=3, epoch=0, instruction_set=SETS[-1]
    )
    for first in range(0, size, block * window):
        samples = order.samples(first, min(block * window, size - first))
        counts = np.bincount(samples // block, minlength=size // block)
        assert set(counts) <= {0, block}  # whole blocks, nothing of any other
        head = np.bincount(samples[:256] // block, minlength=size // block)
        assert np.count_nonzero(head) == np.count_nonzero(counts)  # all of them among the first 256 samples


def test_the_blocks_and_windows_must_have_a_size() -> None:
    for block_samples, group_blocks in ((0, 1), (1, 0), (-1, 1)):
        with pytest.raises(ValueError, match="must be at least 1"):
            _core.Order.block_shuffled(
                5, block_samples=block_samples, group_blocks=group_blocks, seed=0, epoch=0, instruction_set=SETS[0]
            )


def sharded(order: _core.Order, shard: int, shards: int, **changed: object) -> _core.Order:
    options = {"first": 0, "batch_size": 1, "drops_remainder": False, "pads": False} | changed
    return _core.Order.sharded(order, shard=shard, shards=shards, **options)  # type: ignore[arg-type]


@given(
    size=st.integers(0, 300),
    shards=st.integers(1, 9),
    batch_size=st.integers(1, 40),
    drops_remainder=st.booleans(),
    pads=st.booleans(),
    data=st.data(),
)
def test_shards_take_turns(
    size: int, shards: int, batch_size: int, drops_remainder: bool, pads: bool, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, size))
    order = shuffled(size, seed=5) if size else _core.Order.sequential(0)
    samples = whole(order)
    parts = [
        whole(sharded(order, shard, shards, first=first, batch_size=batch_size, drops_remainder=drops_remainder,
                      pads=pads))
        for shard in range(shards)
    ]  # fmt: skip

    assert len({len(part) for part in parts}) == 1
    full = (size - first) // (shards * batch_size)
    expected = samples[first : first + full * shards * batch_size].reshape(full, shards, batch_size)
    for shard, part in enumerate(parts):
        assert np.array_equal(part[: full * batch_size].reshape(full, batch_size), expected[:, shard])

    rest = samples[first + full * shards * batch_size :]
    last = np.concatenate([part[full * batch_size :] for part in parts])
    if drops_remainder:
        assert len(rest) < shards * batch_size
        assert len(last) == 0
    elif pads:
        assert np.array_equal(last[: len(rest)], rest)
        assert len(last) - len(rest) < shards
        padding = np.resize(samples, len(last) - len(rest)) if size else samples
        assert np.array_equal(last[len(rest) :], padding)
    else:
        assert len(rest) - len(last) < shards
        assert np.array_equal(last, rest[: len(last)])

    part = sharded(order, shards - 1, shards, first=first, batch_size=batch_size, drops_remainder=drops_remainder,
                   pads=pads)  # fmt: skip
    position = data.draw(st.integers(0, len(part)))
    count = data.draw(st.integers(0, len(part) - position))
    assert np.array_equal(part.samples(position, count), parts[-1][position : position + count])


@pytest.mark.parametrize(("shard", "shards"), [(-1, 2), (2, 2), (0, 0)])
def test_a_shard_that_there_is_not(shard: int, shards: int) -> None:
    with pytest.raises(ValueError, match=f"no shard {shard} of {shards}"):
        sharded(_core.Order.sequential(5), shard, shards)


@st.composite
def schedule_specs(draw: st.DrawFn) -> tuple[_core.ScheduleSpec, dict[str, Any]]:
    """A schedule of few samples, and what was asked for."""
    size, shards = draw(st.integers(1, 100)), draw(st.integers(1, 3))
    asked: dict[str, Any] = {
        "starts": [0, size],
        "batch_size": draw(st.integers(1, 30)),
        "drops_remainder": draw(st.booleans()),
        "shard": draw(st.integers(0, shards - 1)),
        "shards": shards,
        "pads": draw(st.booleans()),
        "first_epoch": draw(st.integers(0, 3)),
        "first_position": draw(st.integers(0, size)),
        "epochs": draw(st.integers(0, 6)),
    }
    order = {"shuffle": _core.Shuffle.GLOBAL, "seed": 3, "block_samples": 1, "group_blocks": 1}
    return _core.ScheduleSpec(**asked, **order, cycle_length=1, block_length=1), asked


def batches_of(schedule: _core.Schedule, asked: dict[str, Any], epochs: int) -> list[tuple[int, int, int]]:
    """Epoch, position and size of each batch of that many epochs."""
    found = []
    for epoch in range(asked["first_epoch"], asked["first_epoch"] + epochs):
        samples = len(schedule.order(epoch))
        for position in range(0, samples, asked["batch_size"]):
            found.append((epoch, position, min(asked["batch_size"], samples - position)))
    return found


@given(schedule_specs())
def test_batches_are_numbered_through_all_epochs(made: tuple[_core.ScheduleSpec, dict[str, Any]]) -> None:
    spec, asked = made
    schedule = _core.Schedule(spec)
    expected = batches_of(schedule, asked, 3)
    assert [schedule.locate(number) for number in range(len(expected))] == expected
    with pytest.raises(IndexError, match="no batch -1"):
        schedule.locate(-1)


@given(schedule_specs())
def test_all_batches_are_counted(made: tuple[_core.ScheduleSpec, dict[str, Any]]) -> None:
    spec, asked = made
    schedule = _core.Schedule(spec)
    is_endless = asked["epochs"] == 0 and len(schedule.order(asked["first_epoch"] + 1)) > 0
    left = 1 if asked["epochs"] == 0 else max(asked["epochs"] - asked["first_epoch"], 0)
    batches = batches_of(schedule, asked, left)
    assert schedule.batches() == (None if is_endless else len(batches))
    if not is_endless and left > 0:
        assert schedule.has_full_batches_only() == all(count == asked["batch_size"] for _, _, count in batches)


def test_there_are_2_to_the_62_batches() -> None:
    asked = {"starts": [0, 6], "batch_size": 2, "drops_remainder": False, "shard": 0, "shards": 1, "pads": False}
    order = {"shuffle": _core.Shuffle.NONE, "seed": 0, "block_samples": 1, "group_blocks": 1}
    spec = _core.ScheduleSpec(
        **asked, **order, cycle_length=1, block_length=1, first_epoch=0, first_position=0, epochs=2**61
    )
    with pytest.raises(ValueError, match="2305843009213693952 epochs of 3 batches are more than 2"):
        _core.Schedule(spec).batches()


@given(schedule_specs(), st.integers(0, 20), st.integers(1, 4), st.integers(0, 40), st.integers(1, 9))
def test_chunks_are_all_batches_in_sequence(
    made: tuple[_core.ScheduleSpec, dict[str, Any]], first: int, step: int, count: int, size: int
) -> None:
    spec, asked = made
    schedule = _core.Schedule(spec)
    numbered = batches_of(
        schedule, asked, 4 if asked["epochs"] == 0 else max(asked["epochs"] - asked["first_epoch"], 0)
    )
    numbers = range(len(numbered))[first::step][:count]
    chunks = _core.Chunks(schedule, first=numbers.start, step=step, batches=len(numbers), size=size)
    found = [(first, batches) for first, batches in map(chunks.at, range(chunks.count()))]
    assert [begin + i * step for begin, batches in found for i in range(batches)] == list(numbers)
    assert all(1 <= batches <= chunks.size() <= size for _, batches in found)
    for begin, batches in found:
        of_chunk = [numbered[begin + i * step] for i in range(batches)]
        assert len({samples for _, _, samples in of_chunk}) == 1
        if step == 1:
            assert len({epoch for epoch, _, _ in of_chunk}) == 1
    for number in (-1, chunks.count()):
        with pytest.raises(IndexError, match="no chunk"):
            chunks.at(number)
    if step == 1:  # as few as there can be: all but the first and last of an epoch are whole
        crossed = len({numbered[number][0] for number in numbers})
        assert len(found) <= len(numbers) // size + 2 * crossed + 1
