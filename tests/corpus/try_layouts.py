"""Loads YAML texts as layouts: any text is a layout or a :class:`binfeed.LayoutError`, in little time and memory.

    python -m tests.corpus.try_layouts [--count COUNT] [--seed SEED]

Those of the corpus come first, then so many mutations of them. Each that goes wrong is printed, and then how many did.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import binfeed as bf

SEEDS = Path(__file__).parent / "layouts"
MAX_SECONDS = 1
MAX_BYTES = 200 << 20
MAX_MESSAGE = 1000

#: What a text may be made of that somebody did not expect.
TOKENS = [
    *(
        "&a ",
        "*a",
        "<<: ",
        "? ",
        "- ",
        "!!binary ",
        "!!python/none ",
        "---\n",
        "\t",
        "\0",
        "'",
        '"',
        "#",
        "|\n",
        "~",
        "2001-01-01",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        ": ",
        ",\n",
        ".inf",
        ".nan",
        "-1",
        "1e400",
        "0x7fffffffffffffff",
        "18446744073709551616",
        "9" * 400,
    ),
    *(
        "(1)",
        "(0)",
        "(-1)",
        "(4,)",
        "(1000000000,1000000000)",
        "((((",
        "u1",
        "<f4",
        ">uint12",
        "bfloat16",
        "S0",
        "V99999999999",
        "O",
    ),
    *(
        "fields:",
        "record_bytes:",
        "header_bytes:",
        "names:",
        "formats:",
        "offsets:",
        "itemsize:",
        "u1,f4",
        "\ud7ff",
        "é",
    ),
]


def mutations(texts: list[str], seed: int) -> Iterator[str]:
    """Texts that are like the given ones, without end."""
    source = random.Random(seed)
    while True:
        text = source.choice(texts)
        for _ in range(source.randint(1, 4)):
            begin, end = sorted(source.randint(0, len(text)) for _ in range(2))
            match source.randrange(5):
                case 0:
                    text = text[:begin] + text[end:]
                case 1:
                    text = text[:begin] + 2 * text[begin:end] + text[end:]
                case 2:
                    text = text[:begin] + source.choice(TOKENS) + text[begin:]
                case 3:
                    text = text[:begin] + source.choice(TOKENS) + text[end:]
                case 4:
                    text = text[:begin] + source.choice(texts)[source.randint(0, 20) :]
        yield text


def what_goes_wrong(path: Path) -> str | None:
    """Loads the layout, shows it, writes it and loads it again."""
    begin = time.monotonic()
    signal.alarm(10 * MAX_SECONDS)  # for what never ends; what takes too long is found below
    try:
        layout = bf.Layout.load(path)
        str(layout)
        layout.save(path)
        if bf.Layout.load(path) != layout:
            return "it is another layout when it has been saved"
    except bf.LayoutError as error:
        if len(str(error)) > MAX_MESSAGE:
            return f"an error of {len(str(error))} characters"
    except (Exception, MemoryError, RecursionError, TimeoutError) as error:
        return f"{type(error).__name__}: {str(error)[:80]!r}"
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - begin
    return f"{seconds:.1f} seconds" if seconds > MAX_SECONDS else None


def limit_memory() -> None:
    """From here on: what is there already, and so much more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Ends what takes far too long."""
    raise TimeoutError("it does not end")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, stop)
    limit_memory()
    texts = [path.read_text() for path in sorted(SEEDS.glob("*.yaml"))]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layout.yaml"
        for text in itertools.chain(texts, itertools.islice(mutations(texts, arguments.seed), arguments.count)):
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
            problem = what_goes_wrong(path)
            if problem is not None:
                wrong += 1
                print(f"{problem}: {text[:500]!r}")
    print(f"{len(texts)} texts and {arguments.count} mutations, {wrong} of them went wrong")


if __name__ == "__main__":
    main()
