"""``python -m binfeed.tensorflow.dispatcher --port PORT``: a dispatcher of ``tf.data`` service."""

from __future__ import annotations

import argparse

import tensorflow as tf

from binfeed.tensorflow.service import serve


def main() -> None:
    """Parse the arguments and run the dispatcher."""
    parser = argparse.ArgumentParser(prog="python -m binfeed.tensorflow.dispatcher", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--work-dir", help="folder for a journal, from which a restarted dispatcher goes on")
    options = parser.parse_args()
    config = tf.data.experimental.service.DispatcherConfig(
        port=options.port,
        work_dir=options.work_dir,
        fault_tolerant_mode=options.work_dir is not None,
    )
    serve(lambda: tf.data.experimental.service.DispatchServer(config), f"dispatcher on port {options.port}")


if __name__ == "__main__":
    main()
