"""How rates change with batch size, record size, number of records and threads."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
from binfeed.bench import harness
from binfeed.bench.peers import name_of
from binfeed.bench.workload import Column, Output, Source, Workload
from binfeed.machine import processors

from benchmarks.workloads import images, kmers, ticks
from benchmarks.workloads._files import random_bytes, scaled, write_files

#: The strongest of each kind.
PEERS = ("fixed_length_whole", "memmap_generator", "grain_arrayrecord", "binfeed_batches", "binfeed_graph")
SETTINGS = harness.Settings(rounds=3, seconds=0.4)

#: A place on the axis, the threads, and what to read there.
Places = Iterator[tuple[int, int, Workload]]


def batch_size(folder: Path, scale: float) -> Places:
    """Ticks in batches of many sizes."""
    workload = ticks.make(folder, scale)
    for size in (32, 128, 512, 2048, 8192, 32_768, 131_072):
        yield size, processors(), dataclasses.replace(workload, batch_size=size)


def record_bytes(folder: Path, scale: float) -> Places:
    """Rows of bytes to float32, in batches of a megabyte."""
    for size in (4, 16, 64, 256, 1024, 4096, 16_384):
        total = scaled(64 << 20, scale, least=1 << 20)
        files = write_files(
            folder / str(size), 4, lambda random, n=total // size // 4, s=size: random_bytes(random, n, s)
        )
        output = Output("row", "float32", (Column("value", divide=255),))
        source = Source(files, bf.Layout(np.dtype(("u1", size))), (output,))
        yield size, processors(), Workload(f"rows{size}", "", [source], batch_size=max((1 << 18) // size, 16))


def records(folder: Path, scale: float) -> Places:
    """k-mers, up to a hundred times as many."""
    for times in (1, 10, 100):
        workload = kmers.make(folder / str(times), scale * times)
        yield workload.records(), processors(), workload


def threads(folder: Path, scale: float) -> Places:
    """Images, by one thread and more."""
    workload = images.make(folder, scale)
    counts = {1, 2, 4, 8, 16, processors()}
    for count in sorted(count for count in counts if count <= processors()):
        yield count, count, workload


CURVES: dict[str, Callable[[Path, float], Places]] = {
    "batch_size": batch_size,
    "record_bytes": record_bytes,
    "records": records,
    "threads": threads,
}


def measure(
    name: str, modules: Sequence[str], folder: Path, scale: float, advance: Callable[[str], None]
) -> dict[str, Any]:
    """A curve: its axis, and for each peer samples per second at each place, 0 where it was not measured."""
    make = CURVES[name]
    title = (make.__doc__ or "").strip().rstrip(".")
    places: list[int] = []
    rates: dict[str, list[float]] = {}
    chosen = [module for module in modules if name_of(module) in PEERS]
    with contextlib.ExitStack() as stack:
        peers: dict[int, list[harness.Peer]] = {}
        for place, count, workload in make(folder / "files", scale):
            if count not in peers:
                peers[count] = stack.enter_context(harness.peers_of(chosen, count))
            places.append(place)
            for each in harness.measure(workload, peers[count], folder / str(place), SETTINGS, advance):
                rates.setdefault(each.title, []).append(each.rate if each.turns else 0.0)
    axis = name.replace("_", " ")
    return {"title": title, "axis": axis, "unit": "samples per second", "places": places, "rates": rates}
