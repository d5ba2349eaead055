"""``python -m binfeed bench FILES --layout LAYOUT``: readers compared on files of one's own."""

from __future__ import annotations

import argparse
import sys


def main() -> None:
    """Parse the arguments, and do what they say."""
    parser = argparse.ArgumentParser(prog="python -m binfeed", description="Feed binary record files to TensorFlow.")
    commands = parser.add_subparsers(dest="command", required=True)
    bench = commands.add_parser(
        "bench",
        help="compare readers on your own files",
        description="Reads FILES with binfeed and in the ways that one would write by hand, and shows who is how fast. "
        "Each reader's values are compared with NumPy's first. Needs: pip install 'binfeed[bench]'",
    )
    bench.add_argument("files", nargs="+", help="paths or globs")
    bench.add_argument("--layout", required=True, help="a NumPy dtype, such as '<f4' or '(32,32,3)u1', or a YAML file")
    bench.add_argument("--header-bytes", type=int, default=0, help="before the first record of each file")
    bench.add_argument("--footer-bytes", type=int, default=0, help="behind the last record of each file")
    bench.add_argument("--batch-size", type=int, default=256)
    bench.add_argument("--shuffle", action="store_true", help="records in random order")
    bench.add_argument("--rounds", type=int, default=3, help="turns of each reader")
    bench.add_argument("--seconds", type=float, default=1.0, help="of steady reading per turn")
    bench.add_argument("--cold", action="store_true", help="drop the files from memory before each turn")
    bench.add_argument("--peer", nargs="+", help="only these readers")
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
