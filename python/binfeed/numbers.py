"""Checks of arguments that are whole numbers or flags."""

from __future__ import annotations

import operator

import numpy as np

from binfeed.errors import shown

#: No size, number or position is larger, as in the core, so that the sum of two always fits 64 bits.
MAX_SIZE = 2**62


def whole(name: str, value: int) -> int:
    """Return ``value`` as an int; ``name`` is what errors call it.

    Raises:
        TypeError: if it is not a whole number; a bool is not one.
    """
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {shown(value)}") from None


def positive(name: str, value: int) -> int:
    """Return ``value`` as an int from 1 to ``MAX_SIZE``.

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it is out of range.
    """
    return _at_least(1, name, value)


def non_negative(name: str, value: int) -> int:
    """Return ``value`` as an int from 0 to ``MAX_SIZE``.

    Raises:
        TypeError: if it is not a whole number.
        ValueError: if it is out of range.
    """
    return _at_least(0, name, value)


def flag(name: str, value: bool) -> bool:
    """Return ``value`` as a bool.

    Raises:
        TypeError: if it is not a bool; the numbers 0 and 1 are not.
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
