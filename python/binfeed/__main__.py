"""The command line: ``python -m binfeed bench FILES --layout LAYOUT`` compares readers on your own files."""

from __future__ import annotations

import argparse
import sys


def main() -> None:
    """Parse the arguments and run the command."""
    parser = argparse.ArgumentParser(prog="python -m binfeed", description="Feed binary record files to TensorFlow.")
    commands = parser.add_subparsers(dest="command", required=True)
    bench = commands.add_parser(
        "bench",
        help="compare readers on your own files",
        description="Read FILES with binfeed and with readers written by hand, and show how fast each of them is. The "
        "values of each reader are first compared with those of NumPy. Needs: pip install 'binfeed[bench]'",
    )
    bench.add_argument("files", nargs="+", help="paths or globs")
    bench.add_argument("--layout", required=True, help="a NumPy dtype, such as '<f4' or '(32,32,3)u1', or a YAML file")
    bench.add_argument("--header-bytes", type=int, default=0, help="bytes before the first record of each file")
    bench.add_argument("--footer-bytes", type=int, default=0, help="bytes after the last record of each file")
    bench.add_argument("--batch-size", type=int, default=256, help="records per batch")
    bench.add_argument("--shuffle", action="store_true", help="read the records in random order")
    bench.add_argument("--rounds", type=int, default=3, help="number of turns of each reader")
    bench.add_argument("--seconds", type=float, default=1.0, help="seconds of steady reading per turn")
    bench.add_argument("--cold", action="store_true", help="drop the files from memory before each turn")
    bench.add_argument("--peer", nargs="+", help="compare only these readers")
    options = parser.parse_args()
    try:
        from binfeed.bench.own_files import compare  # noqa: PLC0415  (needs an extra)
    except ModuleNotFoundError as error:
        sys.exit(f"comparing readers needs the package {error.name}: pip install 'binfeed[bench]'")
    try:
        compare(options)
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
