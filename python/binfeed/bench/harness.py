"""Measuring: peers are checked against the definition in NumPy, and then timed in turns, round after round."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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

#: The length of the warm-up turn, as a fraction of a turn.
WARM_UP = 0.25

#: A peer that takes more seconds than this to warm up gets no other turns: the warm-up is its measurement.
SLOW = 5.0

#: TensorFlow runs on the CPU, and prints no messages.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


@dataclass
class Measurement:
    """The measurement of one peer on one workload.

    Attributes:
        peer: the name of the peer, which is that of its module.
        title: what the peer does, in a few words.
        record_bytes: bytes of the files per sample.
        skipped: why there are no turns; empty if there are any.
        conversion: what it took to write files in the peer's own format, if it has one.
        turns: the turns, one per round.
    """

    peer: str
    title: str
    record_bytes: int
    skipped: str = ""
    conversion: Conversion | None = None
    turns: list[Turn] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Samples per second of each turn."""
        return [turn.samples / turn.seconds for turn in self.turns]

    @property
    def rate(self) -> float:
        """Samples per second of the median turn."""
        return statistics.median(self.rates)

    def median(self, quantity: Callable[[Turn], float]) -> float:
        """Return the median of ``quantity`` over all turns."""
        return statistics.median(map(quantity, self.turns))

    @property
    def first_batch_ms(self) -> float:
        """Milliseconds from asking for an iterator to its first batch, as the median of the turns."""
        return self.median(lambda turn: turn.first_batch_seconds * 1e3)

    @property
    def cpu_us_per_sample(self) -> float:
        """Microseconds of CPU time per sample, on all processors, as the median of the turns."""
        return self.median(lambda turn: turn.cpu_seconds / turn.samples * 1e6)

    @property
    def peak_mb(self) -> float:
        """The peak of memory in any turn, in MB, with the pages of mapped files."""
        return max(turn.peak_bytes for turn in self.turns) / 1e6

    @property
    def mb_in(self) -> float:
        """MB of the files read per second."""
        return self.rate * self.record_bytes / 1e6

    @property
    def mb_out(self) -> float:
        """MB of arrays made per second."""
        return self.rate * self.turns[0].sample_bytes / 1e6


class Peer:
    """A peer in a process of its own, which starts with the first call, and again after it has died."""

    def __init__(self, module: str, threads: int) -> None:
        self.name = name_of(module)
        self._module = module
        self._threads = threads
        self._process: Any = None
        self._connection: Any = None

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

    def _call(self, patience: float, method: str, *arguments: Any) -> Any:
        self._start()
        try:
            self._connection.send((method, arguments))
            answer = self._connection.recv() if self._connection.poll(patience) else TimeoutError
        except (EOFError, ConnectionError):
            self.close()
            raise RuntimeError(f"{self.name} died in {method}") from None
        if answer is TimeoutError:
            self.close()
            raise RuntimeError(f"{self.name} took too long in {method}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _start(self) -> None:
        if self._process is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        with _environment():
            self._process = context.Process(target=serve, args=(other_end, self._module), daemon=False)
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
    measurements = []
    for peer in peers:
        measurement = Measurement(peer.name, peer.title(), workload.record_bytes)
        measurements.append(measurement)
        try:
            check(small, peer, folder)
            measurement.conversion = peer.prepare(workload, folder / peer.name)
            turn = peer.turn(workload, folder / peer.name, settings.seconds * WARM_UP)
            if turn.first_batch_seconds + turn.seconds > SLOW:
                measurement.turns.append(turn)
        except Skipped as reason:
            measurement.skipped = str(reason)
        except WrongValues:
            raise
        except RuntimeError as error:
            measurement.skipped = "failed: " + str(error).splitlines()[0]
        advance(peer.name)
    slow = [peer for peer, measurement in zip(peers, measurements, strict=True) if measurement.turns]
    for _ in range(settings.rounds):
        for peer, measurement in zip(peers, measurements, strict=True):
            if not measurement.skipped and peer not in slow:
                _take_turn(workload, peer, measurement, folder / peer.name, settings)
            advance(peer.name)
    for peer in peers:
        peer.let_go()
    return measurements


def _take_turn(workload: Workload, peer: Peer, measurement: Measurement, folder: Path, settings: Settings) -> None:
    most = math.inf
    if settings.cold:
        most = measurement.conversion.samples if measurement.conversion else workload.records()
        peer.close()  # or its mappings would keep the files in memory
        for path in [*(Path(file) for source in workload.sources for file in source.files), *folder.rglob("*")]:
            drop_from_memory(path)
    try:
        measurement.turns.append(peer.turn(workload, folder, settings.seconds, most))
    except RuntimeError as error:
        measurement.skipped = "failed: " + str(error).splitlines()[0]


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
