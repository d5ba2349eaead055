"""Showing measurements: JSON, Markdown, charts, and one page of HTML that holds it all."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from binfeed.bench.harness import Measurement, ratio
from binfeed.bench.server import Conversion
from binfeed.bench.table import COLUMNS, NO_READER, OURS, by_rate, is_other, is_ours, row_of
from binfeed.bench.workload import Workload

OURS_COLOR = "#d9480f"
PEER_COLOR = "#868e96"
NO_READER_COLOR = "#dee2e6"

#: Called with the name of the peer that did a step.
Advance = Callable[[str], None]


@dataclass
class Result:
    """A workload as it was measured.

    Attributes:
        title: what it is.
        note: what bounds it.
        samples: in its files.
        batch_size: samples per batch.
        measurements: one per peer.
    """

    title: str
    note: str
    samples: int
    batch_size: int
    measurements: list[Measurement]

    @classmethod
    def of(cls, workload: Workload, measurements: list[Measurement]) -> Result:
        """What is shown of a workload."""
        return cls(workload.title, workload.note, workload.records(), workload.batch_size, measurements)

    @property
    def facts(self) -> str:
        """How large it is, and what bounds it."""
        return f"{self.samples:,} records, batches of {self.batch_size:,}. {self.note}".strip()

    @property
    def measured(self) -> list[Measurement]:
        """The peers that were, from the slowest to the fastest."""
        return by_rate(self.measurements)

    @property
    def skipped(self) -> list[str]:
        """The others, and why they were not."""
        return [f"{each.title}: {each.skipped}" for each in self.measurements if each.skipped]

    def best(self, *, ours: bool, gives: str, converted: bool | None = None) -> Measurement | None:
        """The fastest of ours or of the others that give arrays or tensors, from files as they are or converted."""
        for each in reversed(self.measured):
            is_converted = each.conversion is not None
            is_one = is_ours(each.peer) if ours else is_other(each.peer)
            if is_one and gives == each.gives and converted in (None, is_converted):
                return each
        return None

    @property
    def no_reader(self) -> Measurement | None:
        """A loop over a batch that is there already."""
        return next((each for each in self.measured if each.peer == NO_READER), None)


@dataclass
class Report:
    """All that one run measured.

    Attributes:
        machine: what it ran on, and how.
        results: by workload.
        curves: by title: the axis, and samples per second by peer and place on it.
        training: rows of a table.
    """

    machine: dict[str, Any]
    results: dict[str, Result] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    training: list[dict[str, Any]] = field(default_factory=list)


def as_json(report: Report) -> dict[str, Any]:
    """Every number, with those that follow from them."""
    content = dataclasses.asdict(report)
    for name, result in report.results.items():
        content["results"][name]["measurements"] = [_as_json(result, each) for each in result.measurements]
    return content


def _as_json(result: Result, measurement: Measurement) -> dict[str, Any]:
    if not measurement.turns:
        return {name: getattr(measurement, name) for name in ("peer", "title", "skipped")}
    return dataclasses.asdict(measurement) | {"binfeed_is_times": ratio(result.measurements, measurement, OURS)}


def read(path: Path) -> Report:
    """What :func:`save` wrote."""
    content = json.loads(path.read_text())
    results = {name: _result(written) for name, written in content["results"].items()}
    return Report(**(content | {"results": results}))


def _result(written: dict[str, Any]) -> Result:
    measurements = []
    for each in written["measurements"]:
        each.pop("binfeed_is_times", None)  # follows from the other numbers
        conversion = each.pop("conversion", None)
        measurements.append(Measurement(**each, conversion=Conversion(**conversion) if conversion else None))
    return Result(**(written | {"measurements": measurements}))


def save(report: Report, folder: Path) -> None:
    """``results.json`` alone, from which all else can be written."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", as_json(report))


#: Of a measured number: more digits than two runs have in common.
SIGNIFICANT_DIGITS = 5

#: Characters in a line of JSON: enough for what was measured of one reader.
JSON_WIDTH = 500


def write_json(path: Path, content: Any) -> None:
    """Write measured numbers so that people can review them: rounded, and in few lines."""
    path.write_text(_json(_rounded(content)) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


def _json(value: Any, indent: str = "") -> str:
    """JSON that breaks lines only where they would be too long."""
    text = json.dumps(value)
    if len(text) <= JSON_WIDTH or not isinstance(value, dict | list):
        return text
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {_json(part, inner)}" for name, part in value.items()]
    else:
        parts = [_json(part, inner) for part in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{end}"


def write(report: Report, folder: Path) -> None:
    """``results.json``, ``results.md``, ``report.html`` and a PNG per chart."""
    save(report, folder)
    (folder / "results.md").write_text(markdown(report))
    charts = {}
    for name, result in report.results.items():
        if result.measured:
            charts[name] = folder / f"{name}.png"
            draw_bars(charts[name], result)
    for name, curve in report.curves.items():
        charts[name] = folder / f"{name}.png"
        draw_curve(charts[name], curve)
    (folder / "report.html").write_text(page(report, charts))


# Text.


SUMMARY_COLUMNS = (
    *("workload", "binfeed in tf.data, samples/s", "share of a loop without a reader"),
    *("against TensorFlow, same files", "against TensorFlow, converted files"),
    *("binfeed's NumPy batches, samples/s", "against other loaders"),
)
HIGHLIGHT_COLUMNS = ("workload", "binfeed", "TensorFlow, same files", "TensorFlow, converted files", "binfeed is")


def summary(report: Report) -> list[list[str]]:
    """Per workload: our best beside the best of the others, those that give tensors and those that give arrays."""
    rows = []
    for result in report.results.values():
        tensors, arrays = (result.best(ours=True, gives=gives) for gives in ("tensors", "arrays"))
        rows.append(
            [
                f"{result.title}, batch {result.batch_size:,}",
                _millions(tensors),
                _share(tensors, result.no_reader),
                _against(tensors, result.best(ours=False, gives="tensors", converted=False)),
                _against(tensors, result.best(ours=False, gives="tensors", converted=True)),
                _millions(arrays),
                _against(arrays, result.best(ours=False, gives="arrays")),
            ]
        )
    return rows


def _millions(measurement: Measurement | None) -> str:
    return "" if measurement is None else f"{measurement.rate / 1e6:,.3g} M"


def _share(ours: Measurement | None, other: Measurement | None) -> str:
    return "" if ours is None or other is None else f"{ours.rate / other.rate:.0%}"


def _against(ours: Measurement | None, other: Measurement | None) -> str:
    return "" if ours is None or other is None else f"{ours.rate / other.rate:,.1f} x {other.title}"


def summary_table(report: Report) -> str:
    """As Markdown."""
    return _table(SUMMARY_COLUMNS, summary(report))


def highlights(report: Report) -> str:
    """The README's table, as Markdown: per workload millions of samples per second within tf.data."""
    rows = []
    for result in report.results.values():
        ours = result.best(ours=True, gives="tensors")
        others = [result.best(ours=False, gives="tensors", converted=converted) for converted in (False, True)]
        fastest = max((each for each in others if each), key=lambda each: each.rate, default=None)
        times = f"{ours.rate / fastest.rate:,.1f} x" if ours and fastest else ""
        rates = [f"{each.rate / 1e6:#.3g}" if each else "" for each in (ours, *others)]
        rows.append([result.title.partition(":")[0], *rates, times])
    return _table(HIGHLIGHT_COLUMNS, rows)


def verdict(report: Report) -> str:
    """In the median, and where we are not ahead."""
    same, all_readers = _ratios(report, converted=False), _ratios(report, converted=None)
    if not same:
        return "Nothing to compare."
    behind = [name for name, ratio in all_readers.items() if ratio < 1]
    where = f" It is slower in {', '.join(behind)}." if behind else ""
    return (
        f"In tf.data, binfeed is {_median(same)} times as fast as the best TensorFlow reader of the same files (median "
        f"of {len(same)} workloads, range {_range(same)}). Counting readers of converted files as well, it is "
        f"{_median(all_readers)} times as fast ({_range(all_readers)}).{where}"
    )


def _ratios(report: Report, converted: bool | None) -> dict[str, float]:
    """By workload: our best over the best of the other readers that give tensors."""
    ratios = {}
    for name, result in report.results.items():
        ours = result.best(ours=True, gives="tensors")
        other = result.best(ours=False, gives="tensors", converted=converted)
        if ours and other:
            ratios[name] = ours.rate / other.rate
    return ratios


def _median(ratios: dict[str, float]) -> str:
    return f"{statistics.median(ratios.values()):,.1f}"


def _range(ratios: dict[str, float]) -> str:
    return f"{min(ratios.values()):,.1f} to {max(ratios.values()):,.1f}"


def markdown(report: Report) -> str:
    """All tables."""
    parts = ["# Results", verdict(report), _machine_line(report.machine), summary_table(report)]
    for name, result in report.results.items():
        parts += [f"## {name}", f"{result.title}. {result.facts}"]
        rows = [row_of(result.measurements, each) for each in result.measured]
        parts.append(_table(COLUMNS, rows))
        if result.skipped:
            parts.append("Not measured: " + "; ".join(result.skipped) + ".")
    for name, curve in report.curves.items():
        parts += [f"## {name}", _table((curve["axis"], *curve["rates"]), _curve_rows(curve))]
    if report.training:
        parts += ["## Training", _table(tuple(report.training[0]), _training_rows(report))]
    return "\n\n".join(parts) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] + ["--:"] * (len(columns) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _curve_rows(curve: dict[str, Any]) -> list[list[str]]:
    rates = list(curve["rates"].values())
    return [
        [f"{place:,}", *(f"{values[slot]:,.0f}" if values[slot] else "" for values in rates)]
        for slot, place in enumerate(curve["places"])
    ]


def _training_rows(report: Report) -> list[list[str]]:
    return [list(map(str, row.values())) for row in report.training]


def _machine_line(machine: dict[str, Any]) -> str:
    shown = {name: value for name, value in machine.items() if value and name != "binfeed"}
    return ", ".join(f"{name} {value}" for name, value in shown.items()) + "."


def page(report: Report, charts: dict[str, Path]) -> str:
    """One page of HTML that needs nothing else."""
    body = ["<h1>binfeed against other readers</h1>", f"<p>{html.escape(verdict(report))}</p>"]
    body.append(f"<p>{html.escape(_machine_line(report.machine))}</p>")
    body.append(_html_table(SUMMARY_COLUMNS, summary(report)))
    for name, result in report.results.items():
        body.append(f"<h2 id='{name}'>{html.escape(result.title)}</h2>")
        body.append(f"<p>{html.escape(result.facts)}</p>")
        body.append(_image(charts[name]) if name in charts else "")
        rows = [row_of(result.measurements, each) for each in reversed(result.measured)]
        body.append(_html_table(COLUMNS, rows))
        skipped = "".join(f"<li>{html.escape(reason)}</li>" for reason in result.skipped)
        body.append(f"<p>Not measured:</p><ul>{skipped}</ul>" if skipped else "")
    for name, curve in report.curves.items():
        body += [f"<h2>{html.escape(curve['title'])}</h2>", _image(charts[name])]
        body.append(_html_table((curve["axis"], *curve["rates"]), _curve_rows(curve)))
    if report.training:
        body.append("<h2>Training a small model for one epoch</h2>")
        body.append(_html_table(tuple(report.training[0]), _training_rows(report)))
    return f"<!doctype html><meta charset='utf-8'><title>binfeed benchmarks</title>{_STYLE}{''.join(body)}\n"


_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #212529 }
table { border-collapse: collapse; margin: 1rem 0; font-size: 14px }
td, th { padding: .25rem .7rem; border-bottom: 1px solid #dee2e6; text-align: right; vertical-align: top }
td:first-child, th:first-child, td.text { text-align: left }
tr.ours { font-weight: 600; color: #d9480f }
img { max-width: 100% }
</style>
"""


def _html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    lines = []
    for row in rows:
        kind = " class='ours'" if row[0].startswith("binfeed") else ""
        cells = "".join(
            f"<td{'' if cell[:1].isdigit() or not cell else ' class=text'}>{html.escape(cell)}</td>" for cell in row
        )
        lines.append(f"<tr{kind}>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _image(path: Path) -> str:
    return f"<img src='data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'>"


# Charts.


def pyplot() -> Any:
    """Matplotlib, drawing into files."""
    import matplotlib as mpl  # noqa: PLC0415  (slow to import)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    return plt


def draw_bars(path: Path, result: Result) -> None:
    """A bar per peer: samples per second on a logarithmic axis, and how far behind ours it is."""
    plt = pyplot()
    measured = result.measured
    figure, axes = plt.subplots(figsize=(10, 0.42 * len(measured) + 1.3), layout="constrained")
    values = [each.rate for each in measured]
    bars = axes.barh(
        [each.title for each in measured],
        values,
        color=[_color(each.peer) for each in measured],
    )
    labels = []
    for each in measured:
        times = ratio(result.measurements, each, OURS)
        behind = f"   {times:,.1f} x" if times is not None and is_other(each.peer) else ""
        labels.append(f"{each.rate:,.0f}{behind}")
    axes.bar_label(bars, labels, padding=4)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 3, max(values) * (max(values) / min(values)) ** 0.35 * 5)
    axes.set_xlabel("samples per second, logarithmic; x: binfeed's graph engine is so many times faster")
    axes.set_title(result.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _color(peer: str) -> str:
    if is_ours(peer):
        return OURS_COLOR
    return PEER_COLOR if is_other(peer) else NO_READER_COLOR


def draw_curve(path: Path, curve: dict[str, Any]) -> None:
    """Samples per second of each peer along an axis."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for title, rates in curve["rates"].items():
        ours = title.startswith("binfeed")
        line = "--" if title.endswith("NumPy batches") else "-"
        places = [(place, rate) for place, rate in zip(curve["places"], rates, strict=True) if rate]
        style = {"color": OURS_COLOR, "linewidth": 2.5} if ours else {"linewidth": 1.2}
        axes.plot(*zip(*places, strict=True), "o" + line, label=title, **style)
    axes.set_xscale("log", base=2)
    axes.set_xticks(curve["places"], [f"{place:,}" for place in curve["places"]])
    axes.set_yscale("log")
    axes.set_xlabel(curve["axis"])
    axes.set_ylabel(curve["unit"])
    axes.set_title(curve["title"], loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
