"""The exceptions of binfeed, and the parts of messages that show values and suggest names."""

from __future__ import annotations

import difflib
import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Error(Exception):
    """The base class of all exceptions that binfeed defines."""

    # Rather than that of ValueError: AutoGraph, which makes the errors of a tf.function anew, knows this one.
    __init__ = Exception.__init__


class LayoutError(Error, ValueError):
    """A layout is wrong, or describes bytes that cannot be decoded."""


class FeatureError(Error, ValueError):
    """A feature reads a field that the layout lacks, or has an operation that does not fit the field."""


class DataError(Error, ValueError):
    """A file does not have the layout that was given for it, or a table holds what cannot be read.

    Attributes:
        file: the path of the file, ``"<memory N>"`` for bytes in memory, or the URI of a database.
        offset: the byte of the file, or the row of the query or partition, where the error shows.
    """

    def __init__(self, message: str, file: str, offset: int) -> None:
        super().__init__(message)
        self.file = file
        self.offset = offset

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, int]]:
        return type(self), (str(self), self.file, self.offset)


class StateError(Error, ValueError):
    """A state is damaged, or belongs to another version, other files, other features or another order."""


class DatabaseError(Error, OSError):
    """A database cannot be reached, or refuses a query. The message has what the database said."""


class _Repr(reprlib.Repr):
    """:func:`repr` of a few dozen characters, whatever the value is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxtuple = self.maxlist = self.maxdict = 8
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out an int of more than some thousand digits.
        return repr(x) if x.bit_length() <= 128 else f"<int of {x.bit_length()} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring // 2]!r}... of {len(x)} bytes"

    repr_bytearray = repr_bytes


_REPR = _Repr()
#: The most names that a message lists.
_MAX_NAMES = 16


def shown(value: Any) -> str:
    """Return a value as messages show it: its :func:`repr`, shortened."""
    return shortened(_REPR.repr(value), 200)


def shortened(text: str, size: int) -> str:
    """Return ``text``, cut to ``size`` characters, of which the last three are then dots."""
    return text if len(text) <= size else text[: size - 3] + "..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'price'?``, or a list of the known names if none is close to ``name``."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {shown(near[0])}?"
    listed = ", ".join(map(shown, names[:_MAX_NAMES]))
    return shortened(f"; there are {listed}{', ...' if len(names) > _MAX_NAMES else ''}", 400) if names else ""


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``known``.

    Raises:
        ValueError: suggesting another value, if it is not.
    """
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"there is no {name} {shown(value)}{suggestion(shown(value), known)}")


def options_of(function: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare that ``**options`` of the decorated function are the keyword-only arguments of ``function``.

    Then ``help()`` shows them with their defaults, and :func:`checked_keywords` knows their names.
    """
    options = [each for each in inspect.signature(function).parameters.values() if each.kind is each.KEYWORD_ONLY]

    def decorate(decorated: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(decorated)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        decorated.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return decorated

    return decorate


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make an unknown keyword argument of ``function`` an error that suggests the right name."""
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    called = function.__qualname__.removesuffix(".__init__").rsplit(".", 1)[-1]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in names:
                raise TypeError(f"{called}() got an unexpected keyword argument {shown(name)}{suggestion(name, names)}")
        return function(*args, **kwargs)

    return checked


def checked_constructor(cls: type[T]) -> type[T]:
    """Make an unknown keyword argument of a dataclass an error that suggests the right name."""
    setattr(cls, "__init__", checked_keywords(cls.__init__))  # noqa: B010  (mypy refuses the assignment)
    return cls
