"""Servers of ``tf.data`` service with the ops: ``python -m binfeed.tensorflow.dispatcher`` and ``...worker``."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

from binfeed.tensorflow.ops import load_ops


def address(text: str) -> str:
    """Check that ``text`` is ``HOST:PORT``, and return it."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def serve(make_server: Any, name: str) -> None:
    """Load the ops and run a server, until the process gets SIGINT or SIGTERM."""
    load_ops()
    server = make_server()
    told_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_end.set())
    print(f"{name} ready", flush=True)
    told_to_end.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a second signal ends a server that waits for a lost peer
    server._stop()
