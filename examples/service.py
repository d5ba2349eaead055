"""Read one epoch through tf.data service: a dispatcher and two workers, each in a process of its own."""

from __future__ import annotations

import contextlib
import pydoc_data.topics
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import binfeed as bf
import numpy as np
import tensorflow as tf

RECORD = np.dtype([("id", "<u4"), ("text", "S60")])


@contextlib.contextmanager
def server(module: str, *arguments: str) -> Iterator[None]:
    """Run ``python -m binfeed.tensorflow.<module>``, from when it is ready until the context ends."""
    command = [sys.executable, "-m", f"binfeed.tensorflow.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while not (line := process.stdout.readline()).endswith("ready\n"):
                assert line, f"{module} did not start"
            yield
        finally:
            process.terminate()


def main() -> None:
    """Write a file of records, start the servers, and read one epoch through them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    dispatcher = f"localhost:{port}"
    with tempfile.TemporaryDirectory() as folder:
        # The records are the lines of Python's own documentation.
        lines = "\n".join(pydoc_data.topics.topics.values()).encode().split(b"\n")
        records = np.array(list(enumerate(lines)), RECORD)
        records.tofile(Path(folder) / "lines.bin")

        with server("dispatcher", "--port", port), contextlib.ExitStack() as workers:
            for _ in range(2):
                workers.enter_context(server("worker", "--dispatcher", dispatcher))
            dataset = bf.open(f"{folder}/*.bin", RECORD).to_tf_dataset(64, shuffle=True, seed=1)
            policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC
            shared = dataset.apply(tf.data.experimental.service.distribute(policy, f"grpc://{dispatcher}"))
            ids = np.concatenate([batch["id"] for batch in shared.as_numpy_iterator()])
        once = len(np.unique(ids)) == len(ids) == len(records)
        print(f"{len(ids):,} of {len(records):,} records came through two workers, each once: {once}")


if __name__ == "__main__":
    main()
