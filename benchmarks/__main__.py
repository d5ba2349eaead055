"""``python -m benchmarks``: workloads against peers, in one process, interleaved."""

from __future__ import annotations

import os

# Before TensorFlow is imported, which reads it then.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Measurement, check, measure, workload_of
from benchmarks.peers import PEERS
from benchmarks.report import draw_chart, print_table, write_json
from benchmarks.workloads import WORKLOADS

#: Records per file at scale 1; there are eight files.
RECORDS_PER_FILE = {"images": 10_000, "ticks": 500_000}
FILES = 8
CHECK_FILES = 3
CHECK_RECORDS = 1_000

#: glibc hands large arrays back to the system and faults them in again, batch by batch, unless told so.
TUNED_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TOP_PAD_": str(64 << 20)}


def main() -> None:
    options = parse_options()
    if options.tuned_malloc and any(os.environ.get(name) != value for name, value in TUNED_MALLOC.items()):
        # glibc reads these when a process starts.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]], os.environ | TUNED_MALLOC)
    results: dict[str, Sequence[Measurement]] = {}
    with tempfile.TemporaryDirectory(prefix="binfeed-", dir=options.folder) as folder:
        for name in options.workload:
            kind = WORKLOADS[name]
            with workload_of(kind, Path(folder) / "check", CHECK_FILES, CHECK_RECORDS) as small:
                for peer in options.peer:
                    check(small, peer)
            if options.check:
                print(f"{name}: {', '.join(options.peer)} agree with NumPy")
                continue
            records = max(1, int(RECORDS_PER_FILE[name] * options.scale))
            with workload_of(kind, Path(folder), FILES, records) as workload:
                results[name] = measure(workload, options.peer, options.rounds, options.seconds)
            print_table(kind.title, results[name])
            if options.output:
                draw_chart(options.output / f"{name}.png", kind.title, results[name])
    if options.output and results:
        write_json(options.output / "results.json", results)
        print(f"written to {options.output}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peer", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of records")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer")
    parser.add_argument("--seconds", type=float, default=2.0, help="of steady reading per turn")
    parser.add_argument("--tuned-malloc", action="store_true", help="set glibc's allocator in the peers' favour")
    parser.add_argument("--check", action="store_true", help="compare every peer's values with NumPy's, and stop")
    parser.add_argument("--output", type=Path, help="folder for results.json and the charts")
    parser.add_argument("--folder", type=Path, help="where to write the record files (default: the temporary folder)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
