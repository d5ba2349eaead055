"""Loading the library of TensorFlow ops."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed import _core

LIBRARY = Path(_core.__file__).parent / "tensorflow" / "_ops.so"


@functools.cache
def load_ops() -> Any:
    """Load the library, and return the module of its ops.

    The library does not need Python: ``tf.load_op_library(str(LIBRARY))`` loads it in any process that runs a graph
    with these ops.

    Raises:
        ImportError: saying why, if there is no library or this TensorFlow cannot load it.
    """
    if not LIBRARY.exists():
        raise ImportError(f"binfeed was built without its TensorFlow ops: there is no {LIBRARY}")
    try:
        return tf.load_op_library(str(LIBRARY))
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError, OSError, RuntimeError) as error:
        raise ImportError(f"TensorFlow {tf.__version__} cannot load binfeed's ops: {error}") from error
