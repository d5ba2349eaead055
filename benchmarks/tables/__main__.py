"""``python -m benchmarks.tables``: what it costs to read the rows of a database."""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from binfeed.bench.quiet import quiet_import
from binfeed.bench.table import console, table_of

from benchmarks.machine import machine
from benchmarks.postgres import Postgres, find_programs
from benchmarks.report import NO_READER_COLOR, OURS_COLOR, PEER_COLOR, pyplot, write_json
from benchmarks.tables import data

with quiet_import():
    from benchmarks.tables import ways

PACKAGES = (
    *("adbc-driver-postgresql", "adbc-driver-sqlite", "connectorx", "datasets", "duckdb", "pandas", "psycopg"),
    *("pyarrow", "sqlalchemy"),
)

#: By way: rows per second in the median, slowest and fastest turn, and how many times as fast binfeed is.
Result = dict[str, dict[str, float]]


@contextmanager
def filled_postgres(folder: Path, columns: dict[str, data.Array]) -> Iterator[list[ways.Way]]:
    with Postgres() as server:
        data.fill_postgres(server.url, columns)
        yield ways.postgres_ways(server.url, folder)


@contextmanager
def filled_sqlite(folder: Path, columns: dict[str, data.Array]) -> Iterator[list[ways.Way]]:
    yield ways.sqlite_ways(data.fill_sqlite(folder / "ticks.sqlite", columns), folder)


@contextmanager
def filled_duckdb(folder: Path, columns: dict[str, data.Array]) -> Iterator[list[ways.Way]]:
    yield ways.duckdb_ways(data.fill_duckdb(folder / "ticks.duckdb", columns), folder)


DATABASES = {"PostgreSQL": filled_postgres, "SQLite": filled_sqlite, "DuckDB": filled_duckdb}


def run(name: str, folder: Path, columns: dict[str, data.Array], rounds: int) -> Result:
    """Fill a database, check all ways to read it, and measure them in turns, if there are any rounds."""
    with DATABASES[name](folder, columns) as found:
        checked = [way for way in found if is_checked(name, way, columns)]
        turns = [{way.title: rate(way.run) for way in checked} for _ in range(rounds)]
    return summary(checked, turns) if turns else {}


def is_checked(database: str, way: ways.Way, columns: dict[str, data.Array]) -> bool:
    """Check that a way gives all rows; False, and a line that says so, if its package is missing."""
    try:
        check(way, columns)
    except ModuleNotFoundError as missing:
        console().print(f"not measured: {database}: {way.title}: needs the package {missing.name}", style="dim")
        return False
    return True


def check(way: ways.Way, columns: dict[str, data.Array]) -> None:
    """Check that each row comes once, and that all values are the same bits."""
    if way.batches is None:
        assert way.run() == len(columns["key"]), way.title
        return
    batches = [(np.array(keys), np.array(values)) for keys, values in way.batches()]
    assert {len(keys) for keys, _ in batches[:-1]} <= {ways.BATCH_SIZE}, way.title
    keys, values = map(np.concatenate, zip(*batches, strict=True))
    order = np.argsort(keys)
    np.testing.assert_array_equal(keys[order], columns["key"], way.title)
    np.testing.assert_array_equal(values[order].view("u4"), data.values_of(columns).view("u4"), way.title)


def rate(read: Callable[[], int]) -> float:
    """Rows per second, from the question to the last row."""
    gc.collect()
    begin = time.perf_counter()
    rows = read()
    return rows / (time.perf_counter() - begin)


def summary(measured: Sequence[ways.Way], turns: Sequence[dict[str, float]]) -> Result:
    medians = {way.title: statistics.median(turn[way.title] for turn in turns) for way in measured}
    result = {}
    for way in measured:
        rates = [turn[way.title] for turn in turns]
        result[way.title] = {"rows/s": medians[way.title], "slowest": min(rates), "fastest": max(rates)}
        if way.against is not None:
            result[way.title]["binfeed is times"] = medians[way.against] / medians[way.title]
    return result


def print_tables(results: dict[str, Result]) -> None:
    """A table per database."""
    for name, result in results.items():
        table = table_of(name, ("reader", "thousand rows/s", "spread", "binfeed is"))
        for title, numbers in sorted(result.items(), key=lambda item: item[1]["rows/s"]):
            median = numbers["rows/s"]
            spread = f"{numbers['slowest'] / median:.2f} - {numbers['fastest'] / median:.2f}"
            times = f"{numbers['binfeed is times']:.1f} x" if "binfeed is times" in numbers else ""
            table.add_row(
                title, f"{median / 1e3:,.0f}", spread, times, style="bold" if title.startswith("binfeed") else None
            )
        console().print(table)


def draw(path: Path, results: dict[str, Result]) -> None:
    """A bar per way to read each database."""
    plt = pyplot()
    counts = [len(result) for result in results.values()]
    figure, parts = plt.subplots(
        len(results), figsize=(10, 0.36 * sum(counts) + 0.9 * len(counts)), height_ratios=counts, sharex=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axes, (name, result) in zip(parts[:, 0], results.items(), strict=True):
        draw_bars(axes, name, sorted(result.items(), key=lambda item: item[1]["rows/s"]))
    rates = [numbers["rows/s"] for result in results.values() for numbers in result.values()]
    parts[-1, 0].set_xlim(min(rates) / 2, max(rates) * 6)
    parts[-1, 0].set_xlabel("rows per second, logarithmic; x: binfeed is so many times as fast at the same")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_bars(axes: Any, name: str, bars: Sequence[tuple[str, dict[str, float]]]) -> None:
    titles = [title for title, _ in bars]
    drawn = axes.barh(titles, [numbers["rows/s"] for _, numbers in bars], color=list(map(color, titles)))
    times = [numbers.get("binfeed is times") for _, numbers in bars]
    labels = [f"{numbers['rows/s']:,.0f}" for _, numbers in bars]
    axes.bar_label(
        drawn,
        [label + (f"   {each:.1f} x" if each else "") for label, each in zip(labels, times, strict=True)],
        padding=4,
    )
    axes.set_xscale("log")
    axes.set_title(name, loc="left")
    axes.margins(y=0.02)
    axes.spines[["top", "right"]].set_visible(False)


def color(title: str) -> str:
    if title == "the server alone":
        return NO_READER_COLOR
    return OURS_COLOR if title.startswith("binfeed") else PEER_COLOR


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of 20 numbers in the table")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="folder for tables.json and tables.png")
    parser.add_argument("--folder", type=Path, help="where to write the files (default: the temporary folder)")
    parser.add_argument("--smoke", action="store_true", help="check the values of a few rows, and measure nothing")
    options = parser.parse_args(arguments)
    rows, rounds = (20_000, 0) if options.smoke else (options.rows, options.rounds)
    columns = data.columns_of(rows)
    results = {}
    for name in options.database:
        if name == "PostgreSQL" and (missing := missing_postgres()):
            console().print(f"not measured: {missing}", style="dim")
            continue
        with tempfile.TemporaryDirectory(prefix="binfeed-", dir=options.folder) as folder:
            results[name] = run(name, Path(folder), columns, rounds)
    if rounds == 0:
        return
    print_tables(results)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        facts = {"machine": machine(PACKAGES), "rows": rows, "batch size": ways.BATCH_SIZE, "rounds": rounds}
        write_json(options.output / "tables.json", facts | results)
        draw(options.output / "tables.png", results)


def missing_postgres() -> str:
    """Why PostgreSQL cannot be measured; empty if it can."""
    try:
        find_programs()
    except FileNotFoundError as missing:
        return str(missing)
    return ""


if __name__ == "__main__":
    main()
