"""Measuring: peers are checked against the definition in NumPy, and then timed in turns, round after round."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binfeed.bench.peers import name_of
from binfeed.bench.server import Conversion, Skipped, Turn, WrongValues, serve
from binfeed.bench.workload import Source, Workload

CHECK_FILES = 3
CHECK_RECORDS = 300
CHECK_BATCH_SIZE = 64

#: The most seconds that a peer may take to answer a call.
PATIENCE = 900

#: Lines that are shown of what a peer's process wrote before it failed.
TAIL = 20

#: Part of a turn that warms up.
WARM_UP = 0.25

#: A peer that takes more seconds than this to warm up gets no other turns: the warm-up is its measurement.
SLOW = 5.0

_LOG = logging.getLogger(__name__)

#: TensorFlow on the processor, and quiet.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


@dataclass
class Measurement:
    """One peer on one workload: the medians of its turns, and how far they are apart.

    Attributes:
        peer: its name, that of its module.
        title: what it does.
        skipped: why there are no turns, if there are none.
        conversion: what it took to write files of its own format, if it has one.
        turns: how many were measured.
        rate: samples per second of the median turn.
        slowest: samples per second of the slowest turn.
        fastest: samples per second of the fastest turn.
        mb_in: megabytes of the files per second.
        mb_out: megabytes of arrays per second.
        first_batch_ms: from asking for an iterator to its first batch.
        cpu_us_per_sample: microseconds of all processors.
        peak_mb: the most memory of all turns, with the pages of files that are mapped.
        gives: ``"arrays"`` of NumPy or ``"tensors"`` of TensorFlow.
    """

    peer: str
    title: str
    skipped: str = ""
    conversion: Conversion | None = None
    turns: int = 0
    rate: float = 0.0
    slowest: float = 0.0
    fastest: float = 0.0
    mb_in: float = 0.0
    mb_out: float = 0.0
    first_batch_ms: float = 0.0
    cpu_us_per_sample: float = 0.0
    peak_mb: float = 0.0
    gives: str = ""

    def summarize(self, turns: Sequence[Turn], record_bytes: int) -> None:
        """Take over what the turns were, of a workload whose files have so many bytes per sample."""
        rates = [turn.samples / turn.seconds for turn in turns]
        self.turns = len(turns)
        self.rate, self.slowest, self.fastest = statistics.median(rates), min(rates), max(rates)
        self.mb_in = self.rate * record_bytes / 1e6
        self.mb_out = self.rate * turns[0].sample_bytes / 1e6
        self.first_batch_ms = statistics.median(turn.first_batch_seconds * 1e3 for turn in turns)
        self.cpu_us_per_sample = statistics.median(turn.cpu_seconds / turn.samples * 1e6 for turn in turns)
        self.peak_mb = max(turn.peak_bytes for turn in turns) / 1e6
        self.gives = turns[0].gives


class Peer:
    """A peer in a process of its own, which starts with the first call, and again after it has died."""

    def __init__(self, module: str, threads: int) -> None:
        self.name = name_of(module)
        self._module = module
        self._threads = threads
        self._process: Any = None
        self._connection: Any = None
        self._output: Any = None

    def title(self) -> str:
        """Return what the peer does, in a few words."""
        try:
            return str(self._call(PATIENCE, "title"))
        except (Skipped, RuntimeError):  # it raises the same again when it has to read
            return self.name

    def prepare(self, workload: Workload, folder: Path) -> Conversion | None:
        """Convert the files into ``folder`` if the peer has a format of its own; else return None."""
        conversion: Conversion | None = self._call(PATIENCE, "prepare", workload, folder)
        return conversion

    def check(self, workload: Workload, folder: Path) -> None:
        """Compare the samples of an epoch with the definition in NumPy.

        Raises:
            WrongValues: if a sample differs.
            Skipped: if the peer cannot do what the workload asks for.
        """
        self._call(PATIENCE, "check", workload, self._threads, folder)

    def turn(self, workload: Workload, folder: Path, seconds: float, most: float = math.inf) -> Turn:
        """Read for ``seconds``, or until there are ``most`` samples if that is sooner."""
        turn: Turn = self._call(PATIENCE, "turn", workload, self._threads, folder, seconds, most)
        return turn

    def use(self, workload: Workload, folder: Path, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function(batches, *arguments)`` in the process of the peer, and return its result."""
        return self._call(PATIENCE, "use", workload, self._threads, folder, function, arguments)

    def let_go(self) -> None:
        """Let the peer close its files."""
        if self._process is not None:
            self._call(PATIENCE, "close")

    def close(self) -> None:
        """End the process of the peer."""
        if self._process is not None:
            self._connection.close()
            self._process.join(5)
            self._process.kill()
            self._process = None
            self._output.close()

    def _call(self, patience: float, method: str, *arguments: Any) -> Any:
        self._start()
        try:
            self._connection.send((method, arguments))
            answer = self._connection.recv() if self._connection.poll(patience) else TimeoutError
        except (EOFError, ConnectionError):
            raise self._failure(f"died in {method}") from None
        if answer is TimeoutError:
            raise self._failure(f"took too long in {method}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _failure(self, what: str) -> RuntimeError:
        """An error that ends with what the process wrote last; there is no process any more."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").splitlines()[-TAIL:]
        self.close()
        return RuntimeError("\n".join([f"{self.name} {what}", *lines]))

    def _start(self) -> None:
        if self._process is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._output = tempfile.NamedTemporaryFile(prefix="binfeed-")  # noqa: SIM115  (as long as the process)
        arguments = (other_end, self._module, self._output.name)
        with _environment():
            self._process = context.Process(target=serve, args=arguments, daemon=False)
            self._process.start()
        other_end.close()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def peers_of(modules: Sequence[str], threads: int) -> Iterator[list[Peer]]:
    """Give peers whose processes end with the context."""
    peers = [Peer(module, threads) for module in modules]
    try:
        yield peers
    finally:
        for peer in peers:
            peer.close()


def cut(workload: Workload, folder: Path) -> Workload:
    """Return a workload of the first records of the first files, in small batches, to check peers with."""
    sources = [_cut(source, folder / str(number)) for number, source in enumerate(workload.sources)]
    return dataclasses.replace(workload, sources=sources, batch_size=min(workload.batch_size, CHECK_BATCH_SIZE))


def _cut(source: Source, folder: Path) -> Source:
    folder.mkdir(parents=True)
    layout = source.layout
    files: list[str] = []
    for file, count in zip(source.files[:CHECK_FILES], source.counts(), strict=False):
        # The files have different lengths, and their records are not a whole number of batches.
        records = min(count, CHECK_RECORDS - len(files))
        with Path(file).open("rb") as content:
            head = content.read(layout.header_bytes + records * layout.record_bytes)
            content.seek(-layout.footer_bytes, os.SEEK_END)
            foot = content.read(layout.footer_bytes)
        path = folder / Path(file).name
        path.write_bytes(head + foot)
        files.append(str(path))
    return dataclasses.replace(source, files=files)


def check(workload: Workload, peer: Peer, folder: Path) -> None:
    """Compare the values of a peer on the first records with the definition in NumPy.

    Raises:
        WrongValues: if a sample differs.
        RuntimeError: if the peer fails.
        Skipped: if it cannot do what the workload asks for.
    """
    converted = folder / f"{peer.name}-check"
    peer.prepare(workload, converted)
    peer.check(workload, converted)


@dataclass(frozen=True)
class Settings:
    """How long to measure.

    Attributes:
        rounds: the number of turns of each peer.
        seconds: seconds of steady reading per turn.
        cold: whether files are dropped from memory before each turn, which then ends after one epoch at the latest.
    """

    rounds: int = 3
    seconds: float = 1.0
    cold: bool = False


def measure(
    workload: Workload, peers: Sequence[Peer], folder: Path, settings: Settings, advance: Callable[[str], None]
) -> list[Measurement]:
    """Check every peer on the first records, and then time all of them in turns.

    Args:
        workload: what to read.
        peers: the readers to measure.
        folder: a folder for converted files and the ones to check with; it must be empty.
        settings: how long to measure.
        advance: a function that is called with the name of a peer after each of its ``rounds + 1`` steps.

    Raises:
        WrongValues: if the values of a peer are wrong. A peer that fails in another way is skipped.
    """
    small = cut(workload, folder / "check")
    measurements = [Measurement(peer.name, peer.title()) for peer in peers]
    turns: list[list[Turn]] = [[] for _ in peers]
    slow: set[str] = set()
    for peer, measurement, taken in zip(peers, measurements, turns, strict=True):
        with _skipping(measurement):
            check(small, peer, folder)
            measurement.conversion = peer.prepare(workload, folder / peer.name)
            turn = peer.turn(workload, folder / peer.name, settings.seconds * WARM_UP)
            if turn.first_batch_seconds + turn.seconds > SLOW:
                slow.add(peer.name)
                taken.append(turn)
        advance(peer.name)
    for _ in range(settings.rounds):
        for peer, measurement, taken in zip(peers, measurements, turns, strict=True):
            if not measurement.skipped and peer.name not in slow:
                with _skipping(measurement):
                    taken.append(_take_turn(workload, peer, measurement, folder / peer.name, settings))
            advance(peer.name)
    for peer, measurement, taken in zip(peers, measurements, turns, strict=True):
        if taken:
            measurement.summarize(taken, workload.record_bytes)
        peer.let_go()
    return measurements


@contextlib.contextmanager
def _skipping(measurement: Measurement) -> Iterator[None]:
    """Skip the peer if it fails, and log its error in full."""
    try:
        yield
    except Skipped as reason:
        measurement.skipped = str(reason)
    except WrongValues:
        raise
    except RuntimeError as error:
        measurement.skipped = "failed: " + str(error).splitlines()[0]
        _LOG.error("%s failed: %s", measurement.peer, error)


def _take_turn(workload: Workload, peer: Peer, measurement: Measurement, folder: Path, settings: Settings) -> Turn:
    most = math.inf
    if settings.cold:
        most = measurement.conversion.samples if measurement.conversion else workload.records()
        peer.close()  # or its mappings would keep the files in memory
        for path in [*(Path(file) for source in workload.sources for file in source.files), *folder.rglob("*")]:
            drop_from_memory(path)
    return peer.turn(workload, folder, settings.seconds, most)


def drop_from_memory(path: Path) -> None:
    """Drop a file from the page cache, so that the next read is from the disk; no process may have it mapped."""
    if not path.is_file():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def ratio(measurements: Sequence[Measurement], measurement: Measurement, ours: str) -> float | None:
    """Return how many times as fast as ``measurement`` the peer ``ours`` is; None unless both were measured."""
    reference = next((each for each in measurements if each.peer == ours and not each.skipped), None)
    return None if reference is None or measurement.skipped else reference.rate / measurement.rate
