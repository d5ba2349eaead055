"""``np.memmap`` in ``from_generator``, a batch at a time, a lane per thread: the strongest form in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from binfeed.bench.in_numpy import Array, batch_of, record_dtype
from binfeed.bench.peers._tensorflow import endless, from_generators
from binfeed.bench.workload import NotApplicable, Workload
from binfeed.window import Window, core_window

title = "np.memmap batches in from_generator"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    counts = workload.sources[0].counts()
    if workload.window is None and not workload.shuffled:
        return endless([from_generators(workload, lambda lane: _in_sequence(workload, lane), len(counts), threads)])
    if len(counts) > 1:
        raise NotApplicable("random access over several files")
    return endless([from_generators(workload, lambda lane: _scattered(workload, lane, threads), threads, threads)])


def _open(workload: Workload, file: int) -> list[Array]:
    return [
        np.memmap(
            source.files[file], record_dtype(source.layout), "r", source.layout.header_bytes, (source.count_of(file),)
        )
        for source in workload.sources
    ]


def _in_sequence(workload: Workload, file: int) -> Iterator[list[Any]]:
    maps = _open(workload, file)
    for begin in range(0, len(maps[0]), workload.batch_size):
        yield _batch(workload, maps, slice(begin, begin + workload.batch_size))


def _scattered(workload: Workload, lane: int, lanes: int) -> Iterator[list[Any]]:
    """Every lane takes its share of the batches."""
    maps = _open(workload, 0)
    window = workload.window or Window(1)
    starts = np.arange(0, len(maps[0]) - core_window(window).span() + 1, window.stride)
    if workload.shuffled:
        np.random.default_rng(0).shuffle(starts)
    for begin in range(lane * workload.batch_size, len(starts), lanes * workload.batch_size):
        records = starts[begin : begin + workload.batch_size]
        if workload.window is not None:
            records = records[:, np.newaxis] + np.arange(window.size) * window.dilation
        yield _batch(workload, maps, records)


def _batch(workload: Workload, maps: list[Array], records: Any) -> list[Any]:
    batch: list[Any] = []
    for source, mapped in zip(workload.sources, maps, strict=True):
        chosen = mapped[records]
        shape = chosen.shape
        batch += [array.reshape(*shape, *array.shape[1:]) for array in batch_of(source, chosen.ravel())]
    return batch
