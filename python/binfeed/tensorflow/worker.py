"""``python -m binfeed.tensorflow.worker --dispatcher HOST:PORT``: a worker of ``tf.data`` service with the ops."""

from __future__ import annotations

import argparse

import tensorflow as tf

from binfeed.tensorflow.service import address, serve


def main() -> None:
    """Parse the arguments and run the worker."""
    parser = argparse.ArgumentParser(prog="python -m binfeed.tensorflow.worker", description=__doc__)
    parser.add_argument("--dispatcher", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--host", default="localhost", help="name of this machine by which the trainers reach it")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; by default any that is free")
    options = parser.parse_args()
    config = tf.data.experimental.service.WorkerConfig(
        dispatcher_address=options.dispatcher,
        port=options.port,
        worker_address=f"{options.host}:%port%",
    )
    serve(lambda: tf.data.experimental.service.WorkerServer(config), f"worker for {options.dispatcher}")


if __name__ == "__main__":
    main()
