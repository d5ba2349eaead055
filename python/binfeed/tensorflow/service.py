"""Servers of ``tf.data`` service that can read: ``python -m binfeed.tensorflow.dispatcher`` and ``...worker``."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

from binfeed.tensorflow.ops import load_ops


def address(text: str) -> str:
    """``HOST:PORT``, checked."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def serve(make_server: Any, name: str) -> None:
    """Run a server, with the ops loaded, until the process is told to end."""
    load_ops()
    server = make_server()
    told_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_end.set())
    print(f"{name} ready", flush=True)
    told_to_end.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a second one ends what waits for a lost peer
    server._stop()
