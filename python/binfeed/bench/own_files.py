"""``python -m binfeed bench``: a comparison of the peers on the user's own files, of a given layout."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from binfeed.bench import harness
from binfeed.bench.peers import PEERS, name_of
from binfeed.bench.table import print_table
from binfeed.bench.workload import Column, Output, Source, Workload, is_plain
from binfeed.errors import suggestion
from binfeed.files import find_sources
from binfeed.layout import Layout, as_layout, framed
from binfeed.machine import processors
from binfeed.reader import open as open_files


def compare(options: argparse.Namespace) -> None:
    """Measure, and print a table.

    Raises:
        ValueError: if the layout has no numbers, or a reader is unknown.
        OSError: if a file cannot be opened.
    """
    given = as_layout(options.layout)
    layout = framed(given, options.header_bytes or given.header_bytes, options.footer_bytes or given.footer_bytes)
    workload = workload_of(options.files, layout, options.batch_size, shuffled=options.shuffle)
    settings = harness.Settings(options.rounds, options.seconds, options.cold)
    modules = _chosen(options.peer)
    with (
        tempfile.TemporaryDirectory(prefix="binfeed-") as folder,
        harness.peers_of(modules, processors()) as peers,
        Progress(transient=True) as bar,
    ):
        task = bar.add_task("", total=len(modules) * (settings.rounds + 1))
        measurements = harness.measure(
            workload, peers, Path(folder), settings, lambda peer: bar.update(task, advance=1, description=peer)
        )
    print_table(workload.title, measurements)


def workload_of(files: Sequence[str], layout: Layout, batch_size: int, *, shuffled: bool) -> Workload:
    """Make a workload of all numbers of the records as float32: single values side by side, and arrays apart.

    Raises:
        ValueError: if the layout has no numbers.
        OSError: if a file cannot be opened.
    """
    numbers = [field for field in layout.fields.values() if field.type.is_number and is_plain(field)]
    single = tuple(Column(field.name) for field in numbers if not field.shape)
    outputs = [Output(field.name, "float32", (Column(field.name),)) for field in numbers if field.shape]
    outputs += [Output("numbers", "float32", single)] if single else []
    if not outputs:
        raise ValueError("the layout has no field of numbers that other readers could decode as well")
    left_out = [name for name in layout.fields if name not in {field.name for field in numbers}]
    open_files(files, layout).close()  # or say what is wrong with them
    paths = [os.fsdecode(path) for path in find_sources(files, layout) if isinstance(path, bytes)]
    title = f"{len(paths)} file{'s' * (len(paths) > 1)}, records of {layout.record_bytes} bytes to float32"
    title += f" (without {', '.join(left_out)})" if left_out else ""
    return Workload("own", title, [Source(paths, layout, outputs)], batch_size, shuffled=shuffled)


def _chosen(names: Sequence[str] | None) -> list[str]:
    modules = {name_of(module): module for module in PEERS}
    for name in names or ():
        if name not in modules:
            raise ValueError(f"there is no reader {name!r}{suggestion(name, modules)}")
    return [modules[name] for name in names or modules]
