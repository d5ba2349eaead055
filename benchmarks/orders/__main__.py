"""``python -m benchmarks.orders``: what shuffles and windows cost, warm and cold, on one processor."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from binfeed.bench.quiet import quiet_import
from binfeed.bench.table import console, table_of

from benchmarks.machine import machine
from benchmarks.report import OURS_COLOR, PEER_COLOR, pyplot, write_json
from benchmarks.workloads.ticks import tick_files

with quiet_import():
    from benchmarks.orders import experiments

EXPERIMENTS = ("shuffles", "scaling", "windows", "cold", "blocks")


def run(name: str, folder: Path, records: int, rounds: int) -> experiments.Results:
    """One experiment on files in ``folder``."""
    if name == "scaling":
        return experiments.scaling(
            folder, [10**exponent for exponent in range(5, 10) if 10**exponent <= records * 250], rounds
        )
    if name == "blocks":
        return experiments.blocks(records * 25, files=100, batch_size=1024)
    path = Path(tick_files(folder, 1, records * (5 if name == "cold" else 1)).files[0])
    try:
        return getattr(experiments, name)(path, rounds)  # type: ignore[no-any-return]
    finally:
        path.unlink()


def print_tables(results: dict[str, experiments.Results]) -> None:
    """A table per experiment."""
    for name, result in results.items():
        rows = rows_of(result)
        table = table_of((getattr(experiments, name).__doc__ or "").splitlines()[0], tuple(rows[0]))
        for row in rows:
            table.add_row(*map(_shown, row.values()))
        console().print(table)


def rows_of(result: experiments.Results) -> list[dict[str, Any]]:
    """The rows of a table: numbers by column, or by name and column, or by name alone."""
    ((unit, values),) = result.items()
    if isinstance(values, list):
        return values
    return [{"": name} | (value if isinstance(value, dict) else {unit: value}) for name, value in values.items()]


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 1e4 else f"{value:,.3g}"


def draw_scaling(path: Path, rows: list[dict[str, float]]) -> None:
    """Cost per record and memory against the number of records."""
    plt = pyplot()
    figure, (cost, memory) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    sizes = np.array([row["records"] for row in rows])
    cost.plot(sizes, [row["read"] for row in rows], "o-", color=OURS_COLOR, label="shuffled and decoded")
    cost.plot(sizes, [row["order"] for row in rows], "o-", color="#ffa94d", label="the order alone")
    cost.set_ylabel("ns per record")
    cost.set_ylim(bottom=0)
    memory.plot(sizes, [max(row["memory"], 1e5) / 1e6 for row in rows], "o-", color=OURS_COLOR, label="binfeed")
    memory.plot(sizes, sizes * 8 / 1e6, "--", color=PEER_COLOR, label="a shuffled list of indices")
    memory.set_yscale("log")
    memory.set_ylabel("MB added to the process")
    for axes in (cost, memory):
        axes.set_xscale("log")
        axes.set_xlabel("records in the file")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orders", description=__doc__)
    parser.add_argument("--experiment", nargs="+", choices=EXPERIMENTS, default=EXPERIMENTS)
    parser.add_argument("--records", type=int, default=4_000_000, help="48-byte records in the file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="folder for orders.json and orders.png")
    parser.add_argument("--folder", type=Path, help="where to write the files (default: the temporary folder)")
    options = parser.parse_args()
    # Before TensorFlow makes a thread for each.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="binfeed-", dir=options.folder) as folder:
        results = {name: run(name, Path(folder), options.records, options.rounds) for name in options.experiment}
    print_tables(results)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        write_json(options.output / "orders.json", {"machine": machine(), **results})
        if "scaling" in results:
            draw_scaling(options.output / "orders.png", results["scaling"]["sizes"])


if __name__ == "__main__":
    main()
