"""The process of a peer: it answers calls, and measures itself."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from binfeed.bench.in_numpy import as_rows
from binfeed.bench.peers import NO_READER
from binfeed.bench.workload import NotApplicable, Workload
from binfeed.machine import status_bytes


@dataclass(frozen=True)
class Turn:
    """The measurements of one turn of a peer.

    Attributes:
        first_batch_seconds: seconds from asking for an iterator to its first batch.
        samples: the number of samples that were read after the first batch.
        seconds: the seconds that reading them took.
        cpu_seconds: the CPU time that it took, on all processors, of the peer and the processes it started.
        peak_bytes: the peak of memory during the turn, with the pages of mapped files.
        sample_bytes: the size of a sample as it comes out.
        gives: ``"arrays"`` if the batches are NumPy arrays, ``"tensors"`` if they are TensorFlow tensors.
    """

    first_batch_seconds: float
    samples: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    sample_bytes: float
    gives: str


@dataclass(frozen=True)
class Conversion:
    """The conversion of the files into a peer's own format.

    Attributes:
        seconds: the seconds that it took.
        bytes: the size of the files that the peer wrote.
        samples: the number of samples in them.
    """

    seconds: float
    bytes: int
    samples: int

    def per_sample(self) -> str:
        """Return the time and the bytes per sample, as text."""
        return f"{self.seconds / self.samples * 1e6:,.1f} us, {self.bytes / self.samples:,.0f} B each"


class Skipped(Exception):
    """A peer was not measured; the text says why."""


class WrongValues(RuntimeError):
    """The values of a peer differ from those of the definition in NumPy."""


def serve(connection: Connection, peer: str, output: str) -> None:
    """Answer the calls of :class:`~binfeed.bench.harness.Peer` until the other end is closed.

    What the peer and its libraries print goes to the end of the file ``output``.
    """
    with Path(output).open("a") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    server = _Server(peer)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            method, arguments = connection.recv()
            connection.send(_answer(getattr(server, method), arguments))


def _answer(method: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return method(*arguments)
    except ModuleNotFoundError as error:
        return Skipped(f"needs the package {error.name}")
    except NotApplicable as error:
        return Skipped(str(error))
    except AssertionError as error:
        return WrongValues(f"AssertionError: {error}")
    except Exception as error:  # any error of a peer is reported, and the other peers go on
        text = str(error).strip() or repr(error)
        return RuntimeError(f"{type(error).__name__}: {text}\n{traceback.format_exc()}")


class _Server:
    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._opened: tuple[Workload, Iterable[Any]] | None = None

    @property
    def _module(self) -> Any:
        return importlib.import_module(self._peer)

    def title(self) -> str:
        """Return what the peer does, in a few words."""
        return str(self._module.title)

    def prepare(self, workload: Workload, folder: Path) -> Conversion | None:
        """Convert the files into ``folder`` if the peer has a format of its own; else return None."""
        prepare = getattr(self._module, "prepare", None)
        if prepare is None:
            return None
        folder.mkdir(parents=True)
        begin = time.perf_counter()
        samples = prepare(workload, folder)
        seconds = time.perf_counter() - begin
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return Conversion(seconds, size, samples)

    def check(self, workload: Workload, threads: int, folder: Path) -> None:
        """Check that one epoch has every sample once, bit for bit; peers may cut and order the batches as they like.

        Raises:
            AssertionError: if the samples differ from the definition in NumPy.
        """
        if self._peer == NO_READER:
            return
        expected = np.sort(as_rows(workload.expected()))
        rows: list[Any] = []
        missing = len(expected)
        for batch in self._batches(workload, threads, folder):
            rows.append(as_rows([np.asarray(array) for array in _arrays(batch)])[:missing])
            missing -= len(rows[-1])
            if missing == 0:
                break
        self._opened = None
        if rows[0].dtype != expected.dtype:
            raise AssertionError(f"samples of {rows[0].dtype.itemsize} bytes, not {expected.dtype.itemsize}")
        found = np.sort(np.concatenate(rows))
        wrong = int((found != expected).sum()) if len(found) == len(expected) else abs(len(found) - len(expected))
        if wrong:
            raise AssertionError(f"{wrong} of {len(expected)} samples differ from the definition in NumPy")

    def turn(self, workload: Workload, threads: int, folder: Path, seconds: float, most: float) -> Turn:
        """Read for ``seconds`` after the first batch, or until there are ``most`` samples if that is sooner."""
        batches = self._batches(workload, threads, folder)
        _reset_peak()
        asked = time.perf_counter()
        iterator = iter(batches)
        first = next(iterator)
        begin = now = time.perf_counter()
        cpu = _cpu_seconds()
        samples = 0
        while now - begin < seconds and samples < most:
            samples += _arrays(next(iterator))[0].shape[0]
            now = time.perf_counter()
        cpu = _cpu_seconds() - cpu
        peak = _peak_bytes()
        arrays = _arrays(first)
        sample_bytes = sum(np.asarray(array).nbytes for array in arrays) / len(arrays[0])
        gives = "arrays" if isinstance(arrays[0], np.ndarray) else "tensors"
        return Turn(begin - asked, samples, now - begin, cpu, peak, sample_bytes, gives)

    def use(
        self, workload: Workload, threads: int, folder: Path, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Any:
        """Call ``function`` with the batches, as lists of arrays, and ``arguments``, and return its result."""
        return function(map(_arrays, self._batches(workload, threads, folder)), *arguments)

    def close(self) -> None:
        """Close the files."""
        self._opened = None
        gc.collect()

    def _batches(self, workload: Workload, threads: int, folder: Path) -> Iterable[Any]:
        if self._opened is None or self._opened[0] != workload:
            self._opened = None  # before the next are opened
            self._opened = workload, self._module.batches(workload, threads, folder)
        return self._opened[1]


def _arrays(batch: Any) -> list[Any]:
    """Return the arrays of a batch in the order of the outputs."""
    return list(_flat(batch))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _flat(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _family() -> list[psutil.Process]:
    process = psutil.Process()
    return [process, *process.children(recursive=True)]


def _cpu_seconds() -> float:
    process, *children = _family()
    own = process.cpu_times()
    # The times of a child that has ended are among those of its parent.
    total = own.user + own.system + getattr(own, "children_user", 0.0) + getattr(own, "children_system", 0.0)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return float(total)


def _reset_peak() -> None:
    # Systems that cannot reset the peak report that of the whole life of the process.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    process, *children = _family()
    peak = status_bytes("VmHWM") or int(process.memory_info().rss)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            peak += child.memory_info().rss
    return peak
