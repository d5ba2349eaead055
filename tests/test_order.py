"""Orders: against tf.data's own interleave, and as arithmetic that any position can start from."""

from __future__ import annotations

import numpy as np
import pytest
from binfeed import _core
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Array

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
