"""Measurements as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from binfeed.bench import peers
from binfeed.bench.harness import Measurement, ratio

OURS = peers.name_of(peers.OURS)
NO_READER = peers.name_of(peers.NO_READER)

COLUMNS = (
    *("reader", "samples/s", "spread", "MB/s in", "MB/s out", "first batch", "CPU us", "peak MB"),
    *("conversion", "binfeed is"),
)

#: The columns that the terminal has room for.
TERMINAL_COLUMNS = ("reader", "samples/s", "spread", "first batch", "CPU us", "peak MB", "binfeed is")
TERMINAL_WIDTH = 100


def console() -> Console:
    """The standard output, whose lines stay within :data:`TERMINAL_WIDTH`."""
    terminal = Console(highlight=False)
    # Piped output has no width of its own.
    width = min(terminal.width, TERMINAL_WIDTH) if terminal.is_terminal else TERMINAL_WIDTH
    return Console(width=width, highlight=False)


def table_of(title: str, columns: Sequence[str]) -> Table:
    """An empty table: its first column is text, which wraps, the others are numbers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for number, column in enumerate(columns):
        heading = column.replace(" ", "\n")
        table.add_column(heading, justify="right" if number else "left", no_wrap=number > 0, vertical="top")
    return table


def is_ours(peer: str) -> bool:
    """Whether ``peer`` is one of binfeed."""
    return peer.startswith("binfeed")


def is_other(peer: str) -> bool:
    """Whether ``peer`` is a reader other than binfeed."""
    return peer != NO_READER and not is_ours(peer)


def by_rate(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements that have turns, from the slowest to the fastest."""
    return sorted((each for each in measurements if each.turns), key=lambda each: each.rate)


def row_of(measurements: Sequence[Measurement], measurement: Measurement) -> list[str]:
    """Return the cells of a measurement, one for each of :data:`COLUMNS`."""
    times = ratio(measurements, measurement, OURS)
    rate = measurement.rate
    conversion = measurement.conversion
    return [
        measurement.title,
        f"{rate:,.0f}",
        f"{measurement.slowest / rate:.2f} - {measurement.fastest / rate:.2f}",
        f"{measurement.mb_in:,.1f}",
        f"{measurement.mb_out:,.1f}",
        f"{measurement.first_batch_ms:,.0f} ms",
        f"{measurement.cpu_us_per_sample:,.3g}",
        f"{measurement.peak_mb:,.0f}",
        "" if conversion is None else conversion.per_sample(),
        f"{times:,.1f} x" if times is not None and is_other(measurement.peer) else "",
    ]


def print_table(title: str, measurements: Sequence[Measurement]) -> None:
    """One row per peer, from the slowest to the fastest, then who was not measured and why, and who is ahead."""
    table = table_of(title, TERMINAL_COLUMNS)
    for measurement in by_rate(measurements):
        cells = dict(zip(COLUMNS, row_of(measurements, measurement), strict=True))
        table.add_row(*(cells[name] for name in TERMINAL_COLUMNS), style="bold" if is_ours(measurement.peer) else None)
    output = console()
    output.print(table)
    for measurement in measurements:
        if measurement.conversion:
            output.print(f"converted first: {measurement.title}: {measurement.conversion.per_sample()}", style="dim")
        if measurement.skipped:
            output.print(f"not measured: {measurement.title}: {measurement.skipped}", style="dim", markup=False)
    output.print(conclusion(measurements), markup=False)


def conclusion(measurements: Sequence[Measurement]) -> str:
    """Return a line that says which reader is the fastest, and how far it is ahead."""
    measured = by_rate(measurements)
    ours = [each for each in measured if is_ours(each.peer)]
    others = [each for each in measured if is_other(each.peer)]
    if not ours or not others:
        return "Nothing to compare."
    times = ours[-1].rate / others[-1].rate
    if times < 1:
        return f"{others[-1].title} is {1 / times:,.1f} times as fast as the best of binfeed ({ours[-1].title})."
    return (
        f"{ours[-1].title} gives {ours[-1].rate:,.0f} samples per second, {times:,.1f} times as many as the best of "
        f"the others ({others[-1].title})."
    )
