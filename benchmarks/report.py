"""Showing measurements: a table in the terminal, JSON, and a bar chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Measurement, ratio_to_ours
from benchmarks.machine import machine
from benchmarks.peers import OURS

OURS_COLOR = "#d9480f"
PEER_COLOR = "#868e96"


def print_table(title: str, measurements: Sequence[Measurement]) -> None:
    """One row per peer."""
    table = Table(title=title, title_justify="left")
    table.add_column("reader")
    for column in ("records/s", "spread", "MB/s", "first batch", "binfeed is"):
        table.add_column(column, justify="right")
    for measurement in measurements:
        ratio = ratio_to_ours(measurements, measurement)
        rates = measurement.records_per_second
        table.add_row(
            measurement.title,
            f"{measurement.median:,.0f}",
            f"{min(rates) / measurement.median:.2f} - {max(rates) / measurement.median:.2f}",
            f"{measurement.megabytes_per_second:,.1f}",
            f"{measurement.first_batch_ms:,.0f} ms",
            "" if ratio is None or measurement.peer == OURS else f"{ratio:,.1f} x",
            style="bold" if measurement.peer == OURS else None,
        )
    # Piped output has no width of its own: keep rows whole there.
    console = Console()
    Console(width=max(console.width, 120)).print(table)


def write_json(path: Path, results: dict[str, Sequence[Measurement]]) -> None:
    """Every number, with the machine it was measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "workloads": {name: [asdict(each) for each in measurements] for name, measurements in results.items()},
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def draw_chart(path: Path, title: str, measurements: Sequence[Measurement]) -> None:
    """A bar per peer: MB/s on a logarithmic axis, with the ratio to binfeed beside it."""
    import matplotlib as mpl  # noqa: PLC0415  (slow to import, and only needed here)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(9, 0.6 * len(measurements) + 1.4), layout="constrained")
    values = [measurement.megabytes_per_second for measurement in measurements]
    colors = [OURS_COLOR if measurement.peer == OURS else PEER_COLOR for measurement in measurements]
    bars = axes.barh([measurement.title for measurement in measurements], values, color=colors)
    labels = []
    for measurement in measurements:
        ratio = ratio_to_ours(measurements, measurement)
        behind = "" if ratio is None or measurement.peer == OURS else f"   binfeed is {ratio:,.1f} x"
        labels.append(f"{measurement.megabytes_per_second:,.1f} MB/s{behind}")
    axes.bar_label(bars, labels, padding=4)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * 300)
    axes.set_xlabel("MB/s of the files, logarithmic")
    axes.set_title(title, loc="left")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
