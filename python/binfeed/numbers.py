"""Whole numbers as arguments."""

from __future__ import annotations

import operator

import numpy as np

from binfeed.errors import shown


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
    """``value`` as an int of at least 1."""
    return _at_least(1, name, value)


def non_negative(name: str, value: int) -> int:
    """``value`` as an int of at least 0."""
    return _at_least(0, name, value)


def _at_least(lowest: int, name: str, value: int) -> int:
    number = whole(name, value)
    if number < lowest:
        raise ValueError(f"{name} must be at least {lowest}, not {shown(number)}")
    return number
