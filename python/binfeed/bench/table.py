"""Measurements as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

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
    rates, rate = measurement.rates, measurement.rate
    conversion = measurement.conversion
    return [
        measurement.title,
        f"{rate:,.0f}",
        f"{min(rates) / rate:.2f} - {max(rates) / rate:.2f}",
        f"{measurement.mb_in:,.1f}",
        f"{measurement.mb_out:,.1f}",
        f"{measurement.first_batch_ms:,.0f} ms",
        f"{measurement.cpu_us_per_sample:,.3g}",
        f"{measurement.peak_mb:,.0f}",
        "" if conversion is None else conversion.per_sample(),
        f"{times:,.1f} x" if times is not None and is_other(measurement.peer) else "",
    ]


def print_table(title: str, measurements: Sequence[Measurement]) -> None:
    """Print one row per peer, from the slowest to the fastest, and why the others were not measured."""
    table = Table(title=title, title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "reader" else "right")
    for measurement in by_rate(measurements):
        table.add_row(*row_of(measurements, measurement), style="bold" if is_ours(measurement.peer) else None)
    # Output into a pipe has no width: keep rows whole there.
    console = Console()
    console = console if console.is_terminal else Console(width=180)
    console.print(table)
    for measurement in measurements:
        if measurement.skipped:
            console.print(f"  not measured: {measurement.title}: {measurement.skipped}", style="dim", highlight=False)


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
