"""``python -m benchmarks``: workloads against peers, each peer in a process of its own, in turns."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from binfeed.bench.harness import Peer, Settings, measure, peers_of
from binfeed.bench.peers import name_of
from binfeed.bench.table import NO_READER, print_table
from binfeed.machine import processors
from rich.progress import Progress

from benchmarks import curves, report, training
from benchmarks.machine import machine
from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS, make

PEER_NAMES = [name_of(module) for module in PEERS]
EXTRAS = (*curves.CURVES, "training")

#: glibc hands large arrays back to the system and faults them in again, batch by batch, unless told so.
TUNED_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TOP_PAD_": str(64 << 20)}

#: Enough for every peer to be checked, and to be asked for a few batches.
SMOKE_SCALE = 0.001
SMOKE_BATCH_SIZE = 64
SMOKE = Settings(rounds=1, seconds=0.01)


def main() -> None:
    options = parse_options()
    if options.show:
        report.write(report.read(options.show), options.output or options.show.parent)
        return
    if options.tuned_malloc:
        os.environ |= TUNED_MALLOC  # glibc reads these when a peer's process starts
    with contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext():
        run = measure_all(options)
    if options.json:
        json.dump(report.as_json(run), sys.stdout, indent=1)


def measure_all(options: argparse.Namespace) -> report.Report:
    """What the options ask for."""
    settings = SMOKE if options.smoke else Settings(options.rounds, options.seconds, options.cold)
    scale = SMOKE_SCALE if options.smoke else options.scale
    conditions = {"cache": "cold" if settings.cold else "warm", "scale": scale, "rounds": settings.rounds}
    run = report.Report(machine() | conditions)
    modules = [module for module, name in zip(PEERS, PEER_NAMES, strict=True) if name in options.peer]
    with (
        tempfile.TemporaryDirectory(prefix="binfeed-", dir=options.folder) as folder,
        peers_of(modules, processors()) as peers,
    ):
        for name in options.workload:
            run.results[name] = measure_workload(name, peers, Path(folder) / name, scale, settings)
            if options.output:
                report.save(run, options.output)
        for name in () if options.smoke else options.extra:
            with progress(name) as advance:
                if name == "training":
                    run.training = training.measure(peers, Path(folder) / name, scale, advance)
                else:
                    run.curves[name] = curves.measure(name, modules, Path(folder) / name, scale, advance)
                if options.output:
                    report.save(run, options.output)
            remove(Path(folder) / name)
    if options.smoke:
        fail_if_any_failed(run)
    if options.output:
        report.write(run, options.output)
        print(f"written to {options.output}")
    return run


def measure_workload(name: str, peers: Sequence[Peer], folder: Path, scale: float, settings: Settings) -> report.Result:
    """Write the files, measure, show."""
    workload = make(name, folder / "files", scale)
    if settings is SMOKE:
        workload = dataclasses.replace(workload, batch_size=SMOKE_BATCH_SIZE)
    with progress(name, len(peers) * (settings.rounds + 1)) as advance:
        measurements = measure(workload, peers, folder / "converted", settings, advance)
    if settings is SMOKE:
        checked = [each.peer for each in measurements if each.turns and each.peer != NO_READER]
        print(f"{name}: {len(checked)} readers agree with NumPy: {', '.join(checked)}", flush=True)
    else:
        print_table(workload.title, measurements)
        print(flush=True)
    result = report.Result.of(workload, measurements)
    remove(folder)
    return result


@contextlib.contextmanager
def progress(name: str, steps: int | None = None) -> Iterator[report.Advance]:
    """A bar, on a terminal."""
    with Progress(transient=True) as bar:
        task = bar.add_task(name, total=steps)
        yield lambda peer: bar.update(task, advance=1, description=f"{name}: {peer}")


def fail_if_any_failed(run: report.Report) -> None:
    """A peer that fails is skipped in a measurement; where nothing else is asked, it is an error."""
    failed = [
        f"{name}, {each.peer}: {each.skipped}"
        for name, result in run.results.items()
        for each in result.measurements
        if each.skipped.startswith("failed")
    ]
    if failed:
        sys.exit("\n".join(failed))


def remove(folder: Path) -> None:
    """Delete what was written."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workload", nargs="*", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peer", nargs="+", choices=PEER_NAMES, default=PEER_NAMES)
    parser.add_argument("--extra", nargs="*", choices=EXTRAS, default=EXTRAS, help="scaling curves, and training")
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of records")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each peer")
    parser.add_argument("--seconds", type=float, default=1.0, help="of steady reading per turn")
    parser.add_argument("--cold", action="store_true", help="one epoch per turn, of files dropped from memory before")
    parser.add_argument("--tuned-malloc", action="store_true", help="set glibc's allocator in the peers' favour")
    parser.add_argument("--smoke", action="store_true", help="check every peer's values on small files, and stop")
    parser.add_argument("--output", type=Path, help="folder for results.json, results.md, report.html and charts")
    parser.add_argument("--show", type=Path, help="only write the report again, from this results.json")
    parser.add_argument("--json", action="store_true", help="print the numbers alone, as JSON")
    parser.add_argument("--folder", type=Path, help="where to write the record files (default: the temporary folder)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
