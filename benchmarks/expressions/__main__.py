"""``python -m benchmarks.expressions``: what arithmetic with features costs, on one thread."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from binfeed.bench.table import console, table_of

from benchmarks.expressions import data, ways
from benchmarks.machine import machine
from benchmarks.report import write_json
from benchmarks.roofline.__main__ import FLAGS

EXPERIMENTS = ("prices", "returns", "rolling", "shared", "lags", "window-returns")
PACKAGES = ("bottleneck", "numexpr", "pandas", "polars")
FILES = 8

#: By way: samples per second in the median, slowest and fastest turn, how many times as fast the first way is, and how
#: many times as fast it should be.
Result = dict[str, dict[str, float]]


def compile_loops(folder: Path) -> ctypes.CDLL:
    """The loops by hand, for exactly this machine."""
    library = folder / "loops.so"
    source = Path(__file__).with_name("loops.cc")
    subprocess.run(["c++", *FLAGS, "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def run(experiment: ways.Experiment, files: Sequence[data.Array], rounds: int) -> Result:
    """Check all ways, and measure them in turns, if there are any rounds."""
    checked = [way for way in experiment.ways if is_checked(experiment, way, files)]
    turns = [{way.title: rate(way.run) for way in checked} for _ in range(rounds)]
    return summary(checked, turns) if turns else {}


def is_checked(experiment: ways.Experiment, way: ways.Way, files: Sequence[data.Array]) -> bool:
    """Check that a way gives the right values; False, and a line that says so, if its package is missing."""
    try:
        check(experiment, way, files)
    except ModuleNotFoundError as missing:
        console().print(f"not measured: {experiment.title}: {way.title}: needs the package {missing.name}", style="dim")
        return False
    return True


def check(experiment: ways.Experiment, way: ways.Way, files: Sequence[data.Array]) -> None:
    """Check all values: the last bit of one that is rounded to float32 depends on how it is computed."""
    found = np.concatenate([np.concatenate(block, axis=-1) for block in way.blocks()])
    expected = data.values_of(files, way.columns, experiment.window)
    assert found.dtype == expected.dtype, way.title
    for number, name in enumerate(way.columns):
        error = data.COLUMNS[name].error
        np.testing.assert_allclose(
            found[..., number],
            expected[..., number],
            rtol=np.finfo("float32").eps if error else 0,
            atol=error,
            err_msg=f"{way.title}: {name}",
        )


def rate(compute: Callable[[], int]) -> float:
    """Samples per second of processor time, which leaves out other programs on the same processor."""
    gc.collect()
    begin = time.process_time()
    samples = compute()
    return samples / (time.process_time() - begin)


def summary(measured: Sequence[ways.Way], turns: Sequence[dict[str, float]]) -> Result:
    first = measured[0].title
    result = {}
    for way in measured:
        rates = [turn[way.title] for turn in turns]
        numbers = {"samples/s": statistics.median(rates), "slowest": min(rates), "fastest": max(rates)}
        if way.title != first:
            numbers["first is times"] = statistics.median(turn[first] / turn[way.title] for turn in turns)
        if way.goal is not None:
            numbers["goal"] = way.goal
        result[way.title] = numbers
    return result


def print_table(title: str, result: Result) -> None:
    """A row per way."""
    table = table_of(title, ("way", "million samples/s", "spread", "the first is", "goal"))
    for name, numbers in result.items():
        median = numbers["samples/s"]
        spread = f"{numbers['slowest'] / median:.2f} - {numbers['fastest'] / median:.2f}"
        times = f"{numbers['first is times']:.2f} x" if "first is times" in numbers else ""
        goal = f"{numbers['goal']:.2f} x" if "goal" in numbers else ""
        style = "bold" if name.startswith("binfeed") else None
        table.add_row(name, f"{median / 1e6:,.1f}", spread, times, goal, style=style)
    console().print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expressions", description=__doc__)
    parser.add_argument("--experiment", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--records", type=int, default=500_000, help=f"48-byte records in each of {FILES} files")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, help="folder for expressions.json")
    parser.add_argument("--folder", type=Path, help="where to write the files (default: the temporary folder)")
    parser.add_argument("--smoke", action="store_true", help="check the values of a few records, and measure nothing")
    options = parser.parse_args(arguments)
    records, rounds = (70_000, 0) if options.smoke else (options.records, options.rounds)
    use_one_thread()
    with tempfile.TemporaryDirectory(prefix="binfeed-", dir=options.folder) as folder:
        paths = data.write_ticks(Path(folder), FILES, records)
        files = data.mapped(paths)
        found = ways.experiments(paths, compile_loops(Path(folder)))
        results = {}
        for name in options.experiment:
            results[name] = run(found[name], files, rounds)
            if rounds:
                print_table(found[name].title, results[name])
    if rounds and options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        facts = {"machine": machine(PACKAGES), "files": FILES, "records": records, "rounds": rounds}
        write_json(options.output / "expressions.json", facts | results)


def use_one_thread() -> None:
    """Keep to one processor, before polars and numexpr are imported, which make threads then."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= {"POLARS_MAX_THREADS": "1", "NUMEXPR_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
