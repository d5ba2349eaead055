"""Encodings: bit fields, categories, buckets and hashes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed._core import Program, hash_of_bytes
from binfeed.chain import Chain
from binfeed.errors import FeatureError, shown
from binfeed.nodes import Elements, call
from binfeed.operations.base import Operation, shown_numbers
from binfeed.promotion import compute_type, is_integer
from binfeed.values import Value, comparable_dtype, compute_dtype, signed_if


@dataclass(frozen=True)
class Bits(Operation):
    """The number in bits ``[start, start + width)`` of an integer, the lowest bit being 0."""

    start: int
    width: int
    signed: bool
    name = "bits"

    def __repr__(self) -> str:
        return f"bits({self.start}, {self.width}{', signed=True' if self.signed else ''})"

    @property
    def dtype(self) -> str:
        """The smallest integer that holds it."""
        return self._integer(next(size for size in (8, 16, 32, 64) if self.width <= size))

    def _integer(self, size: int) -> str:
        return f"{'' if self.signed else 'u'}int{size}"

    def reference(self, value: Value) -> Value:
        field = value.array.astype(np.uint64) >> np.uint64(self.start)  # a negative number as its two's complement
        numbers = signed_if(field & np.uint64(2**self.width - 1), self.width, self.dtype)
        return value.become(numbers)

    def plan(self, chain: Chain) -> None:
        if not chain.is_integer:
            raise FeatureError(f"{chain.where}: .{self!r} takes integers, not {chain.type}")
        column = chain.columns[0]
        size = np.dtype(chain.type).itemsize * 8
        width = column.field.type.bits if isinstance(column, Elements) else size
        if self.start + self.width > width:
            raise FeatureError(f"{chain.where}: .{self!r} reaches beyond an integer of {width} bits")
        chain.become(call(Program.bits, self.start, self.width, self.signed), type_=self._integer(size))
        chain.cast(self.dtype)


@dataclass(frozen=True)
class Codes(Operation):
    """The code of a key; keys are bytes, or integers."""

    codes: tuple[tuple[bytes | int, int], ...]
    default: int
    name = "codes"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"codes({shown(dict(self.codes))}, default={self.default})"

    def reference(self, value: Value) -> Value:
        coded = np.full(value.array.shape, self.default, np.int32)
        for key, code in self.codes:
            coded[value.array == key] = code
        return value.become(coded)

    def plan(self, chain: Chain) -> None:
        require_keys(chain, "codes")
        size = np.dtype(chain.type).itemsize
        code_of = self._code_of_words(chain, size if chain.is_bytes else None)
        keys = sorted(code_of)
        words = [word for key in keys for word in key]
        codes = [code_of[key] for key in keys]
        chain.become(call(Program.codes, size, words, codes, self.default), type_="int32")

    def _code_of_words(self, chain: Chain, size: int | None) -> dict[tuple[int, ...], int]:
        """Return the codes by keys as the core has them; ``size`` is that of fixed bytes, or None for integers."""
        found: dict[tuple[int, ...], int] = {}
        written = f"{self.name}()"
        for key, code in self.codes:
            if isinstance(key, bytes) != (size is not None):
                raise FeatureError(f"{chain.where}: {shown(key)} in .{self.name}() is not a value of {chain.type}")
            if isinstance(key, bytes):
                if len(key) > (size or 0) and chain.is_nullable:
                    continue  # the text of a table may be longer elsewhere
                if len(key) > (size or 0):
                    raise FeatureError(f"{chain.where}: {shown(key)} in .{self.name}() is longer than {chain.type}")
                padded = key.ljust(-(-(size or 0) // 8) * 8, b"\0")
                words = tuple(np.frombuffer(padded, "<u8").tolist())
            else:
                words = (chain.word(written, key),)
            if found.setdefault(words, code) != code:
                raise FeatureError(f"{chain.where}: {shown(key)} has two codes in .codes(): {found[words]} and {code}")
        return found


class _Membership(Codes):
    """The codes by which :class:`IsIn` finds values."""

    name = "is_in"


@dataclass(frozen=True)
class IsIn(Operation):
    """Whether ``x`` is one of some values."""

    keys: tuple[bytes | int, ...]
    name = "is_in"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"is_in({shown(list(self.keys))})"

    def reference(self, value: Value) -> Value:
        return value.become(self._codes.reference(value).array != 0)

    def plan(self, chain: Chain) -> None:
        require_keys(chain, self.name)
        self._codes.plan(chain)
        chain.cast("bool")

    @property
    def _codes(self) -> Codes:
        return _Membership(tuple((key, 1) for key in self.keys), 0)


@dataclass(frozen=True)
class OneHot(Operation):
    """1.0 at index ``x`` of ``depth`` values, else 0.0."""

    depth: int
    name = "one_hot"

    def __repr__(self) -> str:
        return f"one_hot({self.depth})"

    def reference(self, value: Value) -> Value:
        comparable = value.array.astype(comparable_dtype(value.array.dtype))
        ones = (comparable[..., np.newaxis] == np.arange(self.depth)).astype(np.float32)
        return replace(value.become(ones), is_null=np.asarray(value.is_null)[..., np.newaxis])

    def plan(self, chain: Chain) -> None:
        if len(chain.columns) > 1:
            raise FeatureError(f"{chain.where}: .one_hot() must come before concat, not after it")
        chain.spread(call(Program.one_hot, self.depth), self.depth)


@dataclass(frozen=True)
class MultiHot(Operation):
    """1.0 at the indices that the values along the last axis are, of ``depth`` values, else 0.0."""

    depth: int
    name = "multi_hot"

    def __repr__(self) -> str:
        return f"multi_hot({self.depth})"

    def reference(self, value: Value) -> Value:
        comparable = value.array.astype(comparable_dtype(value.array.dtype))
        ones = (comparable[..., np.newaxis] == np.arange(self.depth)).any(axis=-2).astype(np.float32)
        is_null = np.broadcast_to(value.is_null, value.array.shape).any(axis=-1, keepdims=True)
        return replace(value.become(ones), is_null=np.asarray(is_null))

    def plan(self, chain: Chain) -> None:
        if not chain.shape or len(chain.columns) > 1:
            raise FeatureError(f"{chain.where}: .multi_hot() takes an array of indices, before any concat")
        group = chain.shape[-1]
        if group == 0:
            raise FeatureError(f"{chain.where}: .multi_hot() takes an array with at least one index")
        chain.spread(call(Program.multi_hot, group, self.depth), self.depth, group=group)


@dataclass(frozen=True, eq=False)
class Bucketize(Operation):
    """The number of edges at or below ``x``; all of them for NaN."""

    edges: npt.NDArray[Any]
    name = "bucketize"

    def __repr__(self) -> str:
        return f"bucketize({shown_numbers(self.edges)})"

    def reference(self, value: Value) -> Value:
        if is_integer(value.type) and self.edges.dtype.kind in "iu":
            edges, values = self.edges.astype(object), value.array.astype(object)
        else:
            dtype = compute_dtype(value.array.dtype)
            edges, values = self.edges.astype(dtype), value.array.astype(dtype)
        buckets = np.asarray((edges <= values[..., np.newaxis]).sum(axis=-1), np.int32)
        return value.become(np.where(values != values, np.int32(len(edges)), buckets))

    def plan(self, chain: Chain) -> None:
        if is_integer(chain.type) and self.edges.dtype.kind in "iu":
            type_ = "uint64" if chain.type == "uint64" else "int64"
            words = self._integer_edges(type_)
        else:
            type_ = compute_type(chain.type)
            edges = self.edges.astype(type_)
            words = edges.view(f"u{edges.itemsize}").astype(np.uint64)
        chain.cast(type_)
        chain.become(call(Program.bucketize, words), type_="int32")

    def _integer_edges(self, type_: str) -> npt.NDArray[np.uint64]:
        """Return the edges as words, as far as values of the type reach; all are at or above an edge below that."""
        limits = np.iinfo(type_)
        edges = [max(limits.min, edge) for edge in self.edges.tolist() if edge <= limits.max]
        return np.array([edge % 2**64 for edge in edges], np.uint64)


@dataclass(frozen=True)
class Hash(Operation):
    """The bin of a value among ``bins``, by a hash of its text: the one of TensorFlow."""

    bins: int
    salt: tuple[int, int] | None
    name = "hash"
    takes_numbers = False

    def __repr__(self) -> str:
        return f"hash({self.bins}{'' if self.salt is None else f', salt={list(self.salt)}'})"

    def reference(self, value: Value) -> Value:
        bins = list(map(self.bin_of, value.array.ravel().tolist()))
        return value.become(np.array(bins, np.int64).reshape(value.array.shape))

    def bin_of(self, value: bytes | int) -> int:
        """The bin of a value."""
        text = value if isinstance(value, bytes) else str(value).encode()
        return hash_of_bytes(text, self._key) % self.bins

    @property
    def _key(self) -> list[int]:
        """The salt as unsigned numbers of 64 bits; empty if there is none."""
        return [number % 2**64 for number in self.salt or ()]

    def plan(self, chain: Chain) -> None:
        require_keys(chain, "hash")
        text_bytes = np.dtype(chain.type).itemsize if chain.is_bytes else 0
        chain.become(call(Program.hash, text_bytes, self.bins, self._key), type_="int64")


def require_keys(chain: Chain, operation: str) -> None:
    """Check that values are fixed bytes or integers.

    Raises:
        FeatureError: naming the field and its type, if they are not.
    """
    if not chain.is_bytes and not chain.is_integer:
        root = chain.columns[0].root
        name = f"{shown(root.field.name)} of " if root else ""
        raise FeatureError(f"{chain.where}: .{operation}() takes fixed bytes or integers, not {name}{chain.type}")
