"""The C library of PostgreSQL that psycopg has loaded: the core takes the rows of a copy from it, without Python.

psycopg makes an object of Python for each row, and holds the interpreter lock meanwhile, so that several connections
wait for each other.
"""

from __future__ import annotations

import ctypes
import functools
import selectors
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from binfeed._core import CopyParser

_MAPPINGS = Path("/proc/self/maps")


@functools.cache
def functions() -> tuple[int, int] | None:
    """Return the addresses of ``PQgetCopyData`` and ``PQfreemem``; None if it is not clear which library psycopg uses.

    To be called when psycopg is imported.
    """
    try:
        mapped = {line.split(maxsplit=5)[5] for line in _MAPPINGS.read_text().splitlines() if "/libpq" in line}
        (path,) = {path for path in mapped if Path(path).name.startswith("libpq")}
        library = ctypes.CDLL(path)
        names = ("PQgetCopyData", "PQfreemem")
        get, free = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names)
    except (OSError, ValueError, AttributeError, IndexError):
        return None
    return None if get is None or free is None else (get, free)


def fed(parser: CopyParser, connection: Any, functions: tuple[int, int], rows: int) -> Iterator[None]:
    """Feed the messages of a copy to ``parser``, and yield whenever it has ``rows`` rows, or the last of them.

    ``connection`` is what psycopg calls ``pgconn``, and ``functions`` are those of :func:`functions`.

    Raises:
        RuntimeError: with the server's message, if the copy fails.
    """
    get, free = functions
    with selectors.DefaultSelector() as selector:
        selector.register(connection.socket, selectors.EVENT_READ)
        while True:
            code = parser.feed_from(connection=connection.pgconn_ptr, get_copy_data=get, free_memory=free, rows=rows)
            if code > 0:
                yield
            elif code == 0:
                selector.select()
                connection.consume_input()
            else:
                break
    _finish(connection)
    if parser.feed(b"") > 0:
        yield


def _finish(connection: Any) -> None:
    """Take the results that follow the rows, as libpq requires."""
    failed = None
    while (result := connection.get_result()) is not None:
        if result.error_message:
            failed = failed or result.error_message.decode(errors="replace")
    if failed is not None:
        raise RuntimeError(failed)
