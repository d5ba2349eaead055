"""Measuring: every peer is checked against NumPy, then all of them are timed in turns, round after round."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.progress import Progress

from benchmarks.machine import available_threads
from benchmarks.peers import OURS, PEERS
from benchmarks.workload import Workload


@dataclass
class Measurement:
    """One peer on one workload.

    Attributes:
        peer: its name, the file in ``benchmarks/peers``.
        title: what it does.
        first_batch_ms: from asking for an iterator to its first batch, the median of the rounds.
        records_per_second: after that, per round.
        megabytes_per_second: of the files, for the median round.
    """

    peer: str
    title: str
    first_batch_ms: float = 0.0
    records_per_second: list[float] = field(default_factory=list)
    megabytes_per_second: float = 0.0

    @property
    def median(self) -> float:
        """Records per second of the median round."""
        return statistics.median(self.records_per_second)


def check(workload: Workload, peer: str) -> None:
    """Raise AssertionError unless a pass over the files through ``peer`` gives every record once, bit by bit.

    Peers may cut and order batches as they like, so rows are compared as a sorted whole.
    """
    expected = np.sort(_rows(workload.from_numpy(workload.records())))
    rows: list[np.ndarray[Any, Any]] = []
    missing = len(expected)
    for batch in PEERS[peer].dataset(workload, available_threads()):
        parts = batch if isinstance(batch, tuple) else (batch,)
        rows.append(_rows(tuple(part.numpy() for part in parts))[:missing])
        missing -= len(rows[-1])
        if missing == 0:
            break
    found = np.sort(np.concatenate(rows))
    if not np.array_equal(found, expected):
        raise AssertionError(f"{peer} and NumPy disagree on {workload.name}")


def _rows(arrays: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """One opaque value per record, made of the bytes of all its arrays."""
    columns = [np.ascontiguousarray(array).reshape(len(array), -1) for array in arrays]
    joined = np.concatenate([column.view(np.uint8) for column in columns], axis=1)
    return np.ascontiguousarray(joined).view(f"S{joined.shape[1]}").ravel()


def measure(workload: Workload, peers: Sequence[str], rounds: int, seconds: float) -> list[Measurement]:
    """Time ``peers`` in turns: ``rounds`` times, each for ``seconds`` of steady reading after the first batch."""
    measurements = [Measurement(peer, PEERS[peer].title) for peer in peers]
    datasets = [PEERS[peer].dataset(workload, available_threads()) for peer in peers]
    first_batches: list[list[float]] = [[] for _ in peers]
    with Progress(transient=True) as progress:
        task = progress.add_task(workload.name, total=rounds * len(peers))
        for _ in range(rounds):
            for measurement, dataset, first in zip(measurements, datasets, first_batches, strict=True):
                first_ms, rate = _time(dataset, seconds)
                first.append(first_ms)
                measurement.records_per_second.append(rate)
                progress.advance(task)
    for measurement, first in zip(measurements, first_batches, strict=True):
        measurement.first_batch_ms = statistics.median(first)
        measurement.megabytes_per_second = measurement.median * workload.record.itemsize / 1e6
    return measurements


def _time(dataset: tf.data.Dataset, seconds: float) -> tuple[float, float]:
    """Milliseconds to the first batch, and records per second from then on."""
    asked = time.perf_counter()
    batches = iter(dataset)
    next(batches)
    begin = time.perf_counter()
    records = 0
    for batch in batches:
        records += (batch[0] if isinstance(batch, tuple) else batch).shape[0]
        now = time.perf_counter()
        if now - begin >= seconds:
            break
    return (begin - asked) * 1e3, records / (now - begin)


def ratio_to_ours(measurements: Sequence[Measurement], measurement: Measurement) -> float | None:
    """How many times faster binfeed is, if it was measured."""
    ours = next((each for each in measurements if each.peer == OURS), None)
    return ours.median / measurement.median if ours else None


@contextlib.contextmanager
def workload_of(kind: type[Workload], folder: Path, files: int, records_per_file: int) -> Iterator[Workload]:
    """A workload whose files are deleted afterwards."""
    workload = kind(folder, files, records_per_file)
    try:
        yield workload
    finally:
        for path in folder.glob(f"{workload.name}-*.bin"):
            path.unlink()
