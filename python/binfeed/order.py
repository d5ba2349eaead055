"""Which samples, when: the order of an epoch, and how it is cut into batches."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from binfeed import _core


def make_order(starts: Sequence[int], cycle_length: int, block_length: int) -> _core.Order:
    """The order of one epoch over files whose samples begin at ``starts`` (and end at its last item)."""
    cycle_length = positive("cycle_length", cycle_length)
    block_length = positive("block_length", block_length)
    return _core.Order.interleaved(starts, cycle_length, block_length)


def batch_count(samples: int, batch_size: int, drop_remainder: bool) -> int:
    """How many batches an epoch has: all full, but for the last one unless it is dropped."""
    return samples // batch_size if drop_remainder else -(-samples // batch_size)


def positive(name: str, value: int) -> int:
    """``value`` as an int of at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1, not {number}")
    return number
