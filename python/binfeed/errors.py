"""The exceptions of binfeed, and how messages suggest what was meant."""

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
    """The base of all exceptions that binfeed defines."""

    # Not that of ValueError: AutoGraph, which makes the errors of a tf.function anew, knows this one.
    __init__ = Exception.__init__


class LayoutError(Error, ValueError):
    """The bytes are described in a way that cannot be decoded."""


class FeatureError(Error, ValueError):
    """A feature asks for a field that is not there, or for an operation that does not fit it."""


class DataError(Error, ValueError):
    """A file is not what its layout says.

    Attributes:
        file: its path.
        offset: the byte of the file where that shows.
    """

    def __init__(self, message: str, file: str, offset: int) -> None:
        super().__init__(message)
        self.file = file
        self.offset = offset

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, int]]:
        return type(self), (str(self), self.file, self.offset)


class StateError(Error, ValueError):
    """A state is not one of this reader: of another version, other files, other features or another order."""


class _Repr(reprlib.Repr):
    """:func:`repr` of a few dozen characters, whatever the value is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxtuple = self.maxlist = self.maxdict = 8
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out an int of some thousand digits.
        return repr(x) if x.bit_length() <= 128 else f"<int of {x.bit_length()} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring // 2]!r}... of {len(x)} bytes"

    repr_bytearray = repr_bytes


_REPR = _Repr()
#: Names that a message lists.
_MAX_NAMES = 16


def shown(value: Any) -> str:
    """How messages show a value that somebody gave: its :func:`repr`, shortened."""
    return shortened(_REPR.repr(value), 200)


def shortened(text: str, size: int) -> str:
    """The first ``size`` characters of a text."""
    return text if len(text) <= size else text[: size - 3] + "..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'price'?``, or the names there are when none is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {shown(near[0])}?"
    listed = ", ".join(map(shown, names[:_MAX_NAMES]))
    return shortened(f"; there are {listed}{', ...' if len(names) > _MAX_NAMES else ''}", 400) if names else ""


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """``value`` if it is one of ``known``.

    Raises:
        ValueError: if it is not, with a suggestion.
    """
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"there is no {name} {shown(value)}{suggestion(shown(value), known)}")


def options_of(function: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Say that ``**options`` of the decorated function are the keyword-only arguments of ``function``.

    So ``help()`` shows them with their defaults, and :func:`checked_keywords` knows their names.
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
    """The same for the arguments of a dataclass."""
    setattr(cls, "__init__", checked_keywords(cls.__init__))  # noqa: B010  (mypy refuses the assignment)
    return cls
