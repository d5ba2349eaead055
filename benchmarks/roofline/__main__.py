"""``python -m benchmarks.roofline``: loops by hand, binfeed on one thread and on all, and this machine's memcpy."""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
from binfeed import _core
from binfeed.bench.table import console, table_of
from binfeed.machine import processors
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.report import pyplot, write_json
from benchmarks.roofline.cases import Case, cases

FLAGS = ["-std=c++20", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


@dataclass
class Result:
    """Bytes per second of one case, the medians of the rounds.

    Attributes:
        name: of the case.
        title: what it is.
        bound: what it ends at.
        bytes_in: per record.
        bytes_out: per record.
        by_hand: GB/s in and out, of the loop written for this record.
        ours: of binfeed on one thread.
        ours_on_all: of binfeed on all threads.
        ratio: ours to by_hand, the median of the rounds' ratios.
        of_memcpy: ours, as a share of memcpy's bytes in and out.
    """

    name: str
    title: str
    bound: str
    bytes_in: int
    bytes_out: int
    by_hand: float
    ours: float
    ours_on_all: float
    ratio: float
    of_memcpy: float


def compile_loops(folder: Path) -> ctypes.CDLL:
    """The loops by hand, for exactly this machine."""
    library = folder / "loops.so"
    source = Path(__file__).with_name("loops.cc")
    subprocess.run(["c++", *FLAGS, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


class Runner:
    """One case, ready to be run either way over the same bytes in memory."""

    def __init__(self, case: Case, library: ctypes.CDLL, megabytes: int) -> None:
        self.case = case
        self.batches = max(1, (megabytes << 20) // case.layout.record_bytes // case.batch_size)
        self.records = self.batches * case.batch_size
        random = np.random.default_rng(0)
        # Below 124, so that no two bytes are a NaN, which has many bits.
        self.data = random.integers(0, 124, self.records * case.layout.record_bytes, np.uint8)
        self.samples = bf.open(self.data, case.layout, case.features)._samples
        self.order = random.permutation(self.records) if case.is_random else np.arange(self.records)
        self.core_order = (
            _core.Order.listed(self.order, self.records) if case.is_random else _core.Order.sequential(self.records)
        )
        self.arrays = [np.zeros((case.batch_size, *output.shape), output.dtype) for output in self.samples.outputs]
        self.loop = getattr(library, case.name)
        self.loop.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        pointers = [array.ctypes.data for array in (*self.arrays, *case.parameters)]
        self.outputs = (ctypes.c_void_p * len(pointers))(*pointers)

    @property
    def bytes_out(self) -> int:
        """Per record."""
        return sum(array[0].nbytes for array in self.arrays)

    def hand_batch(self, number: int) -> None:
        first = number * self.case.batch_size
        begin = 0 if self.case.is_random else first * self.case.layout.record_bytes
        order = self.order.ctypes.data + first * 8
        self.loop(self.data.ctypes.data + begin, order, self.case.batch_size, self.outputs)

    def our_batch(self, number: int) -> list[npt.NDArray[Any]]:
        return self.samples.read(self.core_order, number * self.case.batch_size, self.case.batch_size)

    def by_hand(self) -> None:
        for number in range(self.batches):
            self.hand_batch(number)

    def ours(self) -> None:
        for number in range(self.batches):
            self.our_batch(number)

    def ours_on_all(self) -> None:
        threads = processors()

        def work(lane: int) -> None:
            for number in range(lane, self.batches, threads):
                self.our_batch(number)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))

    def check(self) -> None:
        """Both ways give the same bits."""
        for number in {0, self.batches - 1}:
            self.hand_batch(number)
            for one, other in zip(self.arrays, self.our_batch(number), strict=True):
                assert one.tobytes() == other.tobytes(), f"{self.case.name}: the loop by hand and binfeed disagree"


def seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def measure(case: Case, library: ctypes.CDLL, megabytes: int, rounds: int, memcpy: float) -> Result:
    """Turns of each way; the first one is a warm-up."""
    runner = Runner(case, library, megabytes)
    runner.check()
    times = [(seconds(runner.by_hand), seconds(runner.ours), seconds(runner.ours_on_all)) for _ in range(rounds + 1)]
    by_hand, ours, on_all = (statistics.median(column) for column in zip(*times[1:], strict=True))
    moved = runner.records * (case.layout.record_bytes + runner.bytes_out) / 1e9
    return Result(
        name=case.name,
        title=case.title,
        bound=case.bound,
        bytes_in=case.layout.record_bytes,
        bytes_out=runner.bytes_out,
        by_hand=moved / by_hand,
        ours=moved / ours,
        ours_on_all=moved / on_all,
        ratio=statistics.median(hand / our for hand, our, _ in times[1:]),
        of_memcpy=moved / ours / memcpy,
    )


def memory_bandwidth(megabytes: int, rounds: int) -> dict[str, float]:
    """GB/s in and out: memcpy of a large area to a small one that is used again, as batches are; memset likewise."""
    source = np.ones(megabytes << 20, np.uint8)
    target = np.ones(3 << 20, np.uint8)
    parts = source[: len(source) // len(target) * len(target)].reshape(-1, len(target))

    def copy() -> None:
        for part in parts:
            np.copyto(target, part)

    def fill() -> None:
        for _ in parts:
            target.fill(7)

    copied = statistics.median(seconds(copy) for _ in range(rounds))
    filled = statistics.median(seconds(fill) for _ in range(rounds))
    return {"memcpy": 2 * parts.size / copied / 1e9, "memset": parts.size / filled / 1e9}


def print_table(bandwidth: dict[str, float], results: list[Result]) -> None:
    title = f"memcpy {bandwidth['memcpy']:.1f} GB/s in and out, memset {bandwidth['memset']:.1f} GB/s out"
    numbers = ("bytes in", "bytes out", "by hand", "binfeed", "ratio", "all threads", "of memcpy")
    table = table_of(f"GB/s; {title}", ("workload", *numbers))
    table.add_column("bound by")
    for result in results:
        speeds = f"{result.by_hand:.1f}", f"{result.ours:.1f}", f"{result.ratio:.2f}", f"{result.ours_on_all:.1f}"
        sizes = str(result.bytes_in), str(result.bytes_out)
        table.add_row(result.title, *sizes, *speeds, f"{result.of_memcpy:.0%}", result.bound)
    console().print(table)


def draw(path: Path, bandwidth: dict[str, float], results: list[Result]) -> None:
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(10, 6), layout="constrained")
    places = np.arange(len(results))
    series = {"by hand": "#868e96", "binfeed, one thread": "#d9480f", "binfeed, all threads": "#ffc078"}
    values = [[getattr(result, name) for result in results] for name in ("by_hand", "ours", "ours_on_all")]
    for i, ((label, color), speeds) in enumerate(zip(series.items(), values, strict=True)):
        bars = axes.barh(places + (i - 1) * 0.27, speeds, height=0.27, label=label, color=color)
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    axes.axvline(bandwidth["memcpy"], color="#495057", linestyle=":", label="memcpy, one thread")
    axes.set_yticks(places, [result.title for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("GB/s in and out")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline", description=__doc__)
    parser.add_argument("--case", nargs="+", help="only these")
    parser.add_argument("--megabytes", type=int, default=256, help="of records per workload")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, help="folder for roofline.json and roofline.png")
    options = parser.parse_args()
    chosen = [case for case in cases() if not options.case or case.name in options.case]
    bandwidth = memory_bandwidth(options.megabytes, options.rounds)
    with tempfile.TemporaryDirectory(prefix="binfeed-") as folder:
        library = compile_loops(Path(folder))
        results = [
            measure(case, library, options.megabytes, options.rounds, bandwidth["memcpy"])
            for case in track(chosen, transient=True)
        ]
    print_table(bandwidth, results)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "bandwidth": bandwidth, "results": [asdict(result) for result in results]}
        write_json(options.output / "roofline.json", content)
        draw(options.output / "roofline.png", bandwidth, results)


if __name__ == "__main__":
    main()
