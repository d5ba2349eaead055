"""Each experiment measures one claim and returns its numbers; ways that are compared take turns."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from binfeed import _core
from binfeed.bench.harness import drop_from_memory
from binfeed.machine import status_bytes

from benchmarks.workloads.ticks import FEATURES, RECORD

Results = dict[str, Any]

WINDOW = 64
BATCH_SIZE = 4096
TF_BATCH_SIZE = 256


def in_turns(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each way returns, after one turn to warm up."""
    turns = [{name: way() for name, way in ways.items()} for _ in range(rounds + 1)]
    return {name: statistics.median(turn[name] for turn in turns[1:]) for name in ways}


def per_second(batches: Iterable[Any], limit: float = np.inf) -> float:
    """Samples per second, for up to ``limit`` seconds after the first batch."""
    iterator = iter(batches)
    next(iterator)
    begin = time.perf_counter()
    samples = 0
    now = begin
    for batch in iterator:
        samples += len(batch)
        now = time.perf_counter()
        if now - begin > limit:
            break
    return samples / (now - begin)


def shuffles(path: Path, rounds: int) -> Results:
    """Millions of 48-byte ticks per second to a float32 block, warm: our shuffles and that of tf.data."""
    reader = bf.open(path, RECORD, FEATURES)
    values: npt.NDArray[Any] = np.concatenate([np.asarray(batch) for batch in reader.batches(1 << 16)])
    slices = tf.data.Dataset.from_tensor_slices(values).shuffle(10_000, seed=1).batch(TF_BATCH_SIZE)

    def ours(batch_size: int, shuffle: Any) -> Callable[[], float]:
        return lambda: per_second(reader.batches(batch_size, shuffle=shuffle)) / 1e6

    ways = {
        f"sequential, batch {BATCH_SIZE}": ours(BATCH_SIZE, shuffle=False),
        f"global shuffle, batch {BATCH_SIZE}": ours(BATCH_SIZE, shuffle=True),
        f"global shuffle, batch {TF_BATCH_SIZE}": ours(TF_BATCH_SIZE, shuffle=True),
        f"block shuffle, batch {BATCH_SIZE}": ours(BATCH_SIZE, shuffle="block"),
        f"Dataset.shuffle(10000).batch({TF_BATCH_SIZE})": lambda: per_second(slices, limit=1.0) / 1e6,
    }
    return {"million records per second": in_turns(ways, rounds)}


def scaling(folder: Path, sizes: list[int], rounds: int) -> Results:
    """Nanoseconds per record and bytes of memory added to the process, for files of any number of records, warm."""
    rows = []
    memory_before = status_bytes("RssAnon")
    for size in sizes:
        with sparse_file(folder, size) as path, bf.open(path, "u1", bf.field("value").cast("float32")) as reader:
            for _ in reader.batches(1 << 20):  # into memory
                pass
            order = _core.Order.shuffled(size, seed=1, epoch=0, instruction_set=_core.default_instruction_set())
            batches = min(size // BATCH_SIZE, 500)

            def order_alone(order: _core.Order = order, batches: int = batches) -> float:
                begin = time.perf_counter()
                for number in range(batches):
                    order.samples(number * BATCH_SIZE, BATCH_SIZE)
                return (time.perf_counter() - begin) / (batches * BATCH_SIZE) * 1e9

            def reading(reader: bf.Reader = reader, batches: int = batches) -> float:
                shuffled = itertools.islice(reader.batches(BATCH_SIZE, shuffle=True, seed=1), batches)
                return 1e9 / per_second(shuffled)

            measured = in_turns({"order": order_alone, "read": reading}, rounds)
            rows.append({"records": size, "memory": status_bytes("RssAnon") - memory_before, **measured})
    return {"sizes": rows}


def windows(path: Path, rounds: int) -> Results:
    """GB/s that come out: windows of 64 ticks at stride 1, memcpy, and Keras."""
    value = bf.field("average").cast("float32")
    single = bf.open(path, RECORD, value)
    rows = np.concatenate([np.asarray(batch) for batch in single.batches(1 << 16)])[:1_000_000]
    theirs = tf.keras.utils.timeseries_dataset_from_array(rows, None, WINDOW, batch_size=TF_BATCH_SIZE)
    source, target = np.ones(24 << 20, np.uint8), np.ones(24 << 20, np.uint8)

    def ours(features: bf.Feature, row_bytes: int, shuffle: bool) -> Callable[[], float]:
        reader = bf.open(path, RECORD, features, window=bf.Window(WINDOW))

        def measure() -> float:
            batches = itertools.islice(reader.batches(TF_BATCH_SIZE, shuffle=shuffle), 2000)
            return per_second(batches) * WINDOW * row_bytes / 1e9

        return measure

    def memcpy() -> float:
        begin = time.perf_counter()
        np.copyto(target, source)
        return len(source) / (time.perf_counter() - begin) / 1e9

    ways = {
        "one float32, in sequence": ours(value, 4, shuffle=False),
        "six fields, in sequence": ours(FEATURES, 24, shuffle=False),
        "six fields, shuffled": ours(FEATURES, 24, shuffle=True),
        "memcpy": memcpy,
        "timeseries_dataset_from_array, one float32": lambda: per_second(theirs, limit=1.0) * WINDOW * 4 / 1e9,
    }
    return {"GB per second": in_turns(ways, rounds)}


def cold(path: Path, rounds: int) -> Results:
    """Millions of records per second from files that are not in memory, with read-ahead and without it."""

    def way(shuffle: Any, batches: int, *, ahead: bool) -> Callable[[], float]:
        def measure() -> float:
            drop_from_memory(path)
            with bf.open(path, RECORD, FEATURES) as reader:
                if not ahead:
                    reader._samples.read_ahead = lambda *_: None  # type: ignore[method-assign]
                return per_second(itertools.islice(reader.batches(BATCH_SIZE, shuffle=shuffle), batches)) / 1e6

        return measure

    ways = {}
    for name, shuffle, batches in (("sequential", False, 5000), ("block", "block", 1000), ("global", True, 12)):
        for ahead in (True, False):
            ways[f"{name}, {'with' if ahead else 'without'} read-ahead"] = way(shuffle, batches, ahead=ahead)
    return {"million records per second": in_turns(ways, rounds)}


def blocks(records: int, files: int, batch_size: int) -> Results:
    """How well block shuffles mix, and how scattered they read: 48-byte records of files of equal size."""
    starts = [records * number // files for number in range(files + 1)]
    block = (1 << 20) // RECORD.itemsize
    instruction_set = _core.default_instruction_set()
    orders = {"sequential": _core.Order.sequential(records)}
    for group in (16, 64, 256):
        orders[f"block shuffle, {group} blocks of {block:,}"] = _core.Order.block_shuffled(
            records, block_samples=block, group_blocks=group, seed=1, epoch=0, instruction_set=instruction_set
        )
    orders["global shuffle"] = _core.Order.shuffled(records, seed=1, epoch=0, instruction_set=instruction_set)

    rows = {}
    for name, order in orders.items():
        count = min(records // batch_size, 2000)
        batches = np.stack([order.samples(first, batch_size) for first in spread(records, batch_size, count)])
        rows[name] = {
            "files per batch": mean_distinct(np.searchsorted(starts, batches, side="right")),
            "blocks per batch": mean_distinct(batches // block),
            # A model sees how far the mean of a batch is from that of all: 1 for a random choice.
            "spread of batch means": float(batches.mean(axis=1).std() / (records / np.sqrt(12 * batch_size))),
        }
    return {"orders": rows}


def spread(records: int, batch_size: int, count: int) -> list[int]:
    """First positions of ``count`` batches all over an epoch."""
    return [(records - batch_size) * number // max(count - 1, 1) for number in range(count)]


def mean_distinct(batches: npt.NDArray[Any]) -> float:
    """Distinct values per row."""
    return float(np.mean([len(np.unique(batch)) for batch in batches]))


@contextmanager
def sparse_file(folder: Path, size: int) -> Iterator[Path]:
    """A file of zeros that takes no room on the disk."""
    path = folder / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(size)
    try:
        yield path
    finally:
        path.unlink()
