"""What gives samples: the internal interface behind :class:`binfeed.Reader`, and samples side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy.typing as npt

from binfeed._core import AccessPattern, Order
from binfeed.planning import Output
from binfeed.state import Fingerprint, Identity, fingerprint

T = TypeVar("T")
Array = npt.NDArray[Any]


class Samples(ABC):
    """Samples that are numbered, and read in any order. All methods are safe to call from many threads."""

    @property
    @abstractmethod
    def outputs(self) -> Sequence[Output]:
        """The arrays of a batch, flat."""

    @abstractmethod
    def unflatten(self, values: Iterable[T]) -> Any:
        """Put one value for each of :attr:`outputs` into the structure of an element."""

    @property
    @abstractmethod
    def starts(self) -> Sequence[int]:
        """The number of each file's first sample, followed by the number of all samples."""

    @property
    @abstractmethod
    def sample_bytes(self) -> int:
        """Bytes of the files that a sample spans."""

    @property
    @abstractmethod
    def sample_distance(self) -> int:
        """Bytes of the files from the start of one sample to the start of the next."""

    @abstractmethod
    def read(self, order: Order, position: int, count: int) -> list[Array]:
        """Read the samples at positions ``[position, position + count)`` of ``order`` into :attr:`outputs`, flat."""

    @abstractmethod
    def advise(self, pattern: AccessPattern) -> None:
        """Tell the operating system how the files will be read. A hint."""

    @abstractmethod
    def read_ahead(self, order: Order, position: int, count: int) -> None:
        """Have the operating system fetch these samples, without waiting for them. A hint."""

    @abstractmethod
    def parts(self) -> Sequence[Samples]:
        """Return the samples that are zipped to make these, or these alone if they are not zipped."""

    @abstractmethod
    def identities(self) -> Sequence[Identity]:
        """Return what determines the samples, for each of :meth:`parts`."""

    @property
    @abstractmethod
    def listing(self) -> str:
        """How records become the arrays of a batch, step by step."""

    @abstractmethod
    def close(self) -> None:
        """Unmap the files."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether they were closed."""

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Digests of what must be the same when a state is used, made when first needed, of the files as opened."""
        return fingerprint(self.identities())

    def __len__(self) -> int:
        return self.starts[-1]


class ZippedSamples(Samples):
    """Sample i is the tuple of the samples i of all parts, whose files may be cut differently."""

    def __init__(self, members: Sequence[Samples]) -> None:
        self._members = members
        self._outputs = [output for member in members for output in member.outputs]

    @property
    def outputs(self) -> Sequence[Output]:
        return self._outputs

    def unflatten(self, values: Iterable[T]) -> Any:
        flat = iter(values)
        return tuple(member.unflatten([next(flat) for _ in member.outputs]) for member in self._members)

    @property
    def starts(self) -> Sequence[int]:
        return self._members[0].starts

    @property
    def sample_bytes(self) -> int:
        return sum(member.sample_bytes for member in self._members)

    @property
    def sample_distance(self) -> int:
        return sum(member.sample_distance for member in self._members)

    def read(self, order: Order, position: int, count: int) -> list[Array]:
        return [array for member in self._members for array in member.read(order, position, count)]

    def advise(self, pattern: AccessPattern) -> None:
        for member in self._members:
            member.advise(pattern)

    def read_ahead(self, order: Order, position: int, count: int) -> None:
        for member in self._members:
            member.read_ahead(order, position, count)

    def parts(self) -> Sequence[Samples]:
        return [part for member in self._members for part in member.parts()]

    def identities(self) -> Sequence[Identity]:
        return [identity for member in self._members for identity in member.identities()]

    @property
    def listing(self) -> str:
        return "\n\n".join(member.listing for member in self._members)

    def close(self) -> None:
        for member in self._members:
            member.close()

    @property
    def closed(self) -> bool:
        return any(member.closed for member in self._members)
