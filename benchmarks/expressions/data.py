"""Files of ticks whose prices are float64, the features of them that are measured, and what these are by definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt

from benchmarks.workloads._files import write_files

Array = npt.NDArray[Any]

RECORD = np.dtype(
    [
        ("time", "<u8"),
        ("instrument", "<u4"),
        ("action", "u1"),
        ("side", "u1"),
        ("padding", "V2"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("size", "<u4"),
        ("orders", "<u4"),
        ("average", "<f8"),
    ]
)
LAYOUT = bf.Layout(RECORD)

#: Records in a rolling mean.
SPAN = 64


@dataclass(frozen=True)
class Column:
    """A feature, and what it is.

    Attributes:
        feature: as binfeed takes it.
        definition: its values for the records of a file, from the bids and the asks of all of them: without the first
            ones, if it depends on as many records before.
        error: how far apart two ways may be before they round to float32; if it is 0, all bits are equal.
    """

    feature: bf.Feature
    definition: Callable[[Array, Array], Array]
    error: float = 0


def _mid(bid: Array, ask: Array) -> Array:
    return (ask + bid) / 2


def _rolling_mean(bid: Array, ask: Array) -> Array:
    means: Array = np.lib.stride_tricks.sliding_window_view(_mid(bid, ask), SPAN).mean(axis=1)
    return means


SPREAD = bf.field("ask") - bf.field("bid")
MID = (bf.field("ask") + bf.field("bid")) / 2
COLUMNS = {
    "spread": Column(SPREAD, lambda bid, ask: ask - bid),
    "mid": Column(MID, _mid),
    "relative spread": Column(SPREAD / MID, lambda bid, ask: (ask - bid) / _mid(bid, ask)),
    "mid before": Column(MID.lag(1), lambda bid, ask: _mid(bid, ask)[:-1]),
    "log mid": Column(MID.log(), lambda bid, ask: np.log(_mid(bid, ask)), error=1e-14),
    "log return": Column(MID.log_return(), lambda bid, ask: np.diff(np.log(_mid(bid, ask))), error=1e-14),
    "rolling mean": Column(MID.rolling_mean(SPAN), _rolling_mean, error=1e-9),
}


def write_ticks(folder: Path, files: int, count: int) -> list[str]:
    """Write files of so many ticks each."""
    return write_files(folder, files, lambda random: ticks(random, count))


def mapped(paths: Sequence[str]) -> list[Array]:
    """The records of each file, where they lie in its memory map."""
    return [np.asarray(np.memmap(path, RECORD, "r")) for path in paths]


def ticks(random: np.random.Generator, count: int) -> Array:
    """The records of one file, whose prices wander."""
    records = np.zeros(count, RECORD)
    records["time"] = 1_700_000_000_000_000_000 + np.cumsum(random.integers(0, 10**6, count))
    records["instrument"] = random.integers(0, 500, count)
    records["bid"] = 100 * np.exp(np.cumsum(random.normal(size=count)) * 1e-4)
    records["ask"] = records["bid"] + random.uniform(0.01, 0.05, count)
    records["size"] = random.integers(1, 10**4, count)
    records["orders"] = random.integers(1, 100, count)
    records["average"] = records["bid"] + random.normal(size=count)
    return records


def values_of(files: Sequence[Array], names: Sequence[str], window: bf.Window | None) -> Array:
    """What a model gets of the records, or of windows of them, with an axis of columns at the end."""
    return np.concatenate([_of_file(records, names, window) for records in files])


def _of_file(records: Array, names: Sequence[str], window: bf.Window | None) -> Array:
    columns = [COLUMNS[name].definition(records["bid"].copy(), records["ask"].copy()) for name in names]
    rows = min(map(len, columns))
    values = np.stack([column[len(column) - rows :] for column in columns], axis=-1).astype("float32")
    if window is None:
        return values
    return np.lib.stride_tricks.sliding_window_view(values, window.size, axis=0)[:: window.stride].swapaxes(1, 2)
