"""Whole numbers and flags as arguments."""

from __future__ import annotations

import operator

import numpy as np

from binfeed.errors import shown

#: No size, number or position is larger, as in the core, so that sums of two always fit into 64 bits.
MAX_SIZE = 2**62


def whole(name: str, value: int) -> int:
    """``value`` as an int.

    Raises:
        TypeError: if it is none; a bool is not.
    """
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {shown(value)}") from None


def positive(name: str, value: int) -> int:
    """``value`` as an int from 1 to ``MAX_SIZE``."""
    return _at_least(1, name, value)


def non_negative(name: str, value: int) -> int:
    """``value`` as an int from 0 to ``MAX_SIZE``."""
    return _at_least(0, name, value)


def flag(name: str, value: bool) -> bool:
    """``value`` as a bool.

    Raises:
        TypeError: if it is none; 0 and 1 are numbers.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)


def _at_least(lowest: int, name: str, value: int) -> int:
    number = whole(name, value)
    if number < lowest:
        raise ValueError(f"{name} must be at least {lowest}, not {shown(number)}")
    if number > MAX_SIZE:
        raise ValueError(f"{name} must be at most 2^62, not {shown(number)}")
    return number
