"""Making a :class:`tf.data.Dataset` of samples: the arguments that the engines share, and the choice of the engine."""

from __future__ import annotations

import functools
import math
import warnings

import tensorflow as tf

from binfeed.errors import one_of
from binfeed.machine import processors
from binfeed.numbers import MAX_SIZE, non_negative, positive, whole
from binfeed.samples import Samples
from binfeed.schedule import Schedule
from binfeed.tensorflow.elements import Elements, elements_of
from binfeed.tensorflow.generator import generator_dataset
from binfeed.tensorflow.graph import can_read, graph_dataset
from binfeed.tensorflow.ops import load_ops

ENGINES = ("auto", "graph", "generator")

#: More lanes than this only wait for the interpreter lock, which ``from_generator`` holds between batches.
MAX_DEFAULT_PARALLEL_CALLS = 4
#: tf.data allocates memory for all of them at once, and aborts the process if that fails.
MAX_PARALLEL_CALLS = 1 << 16


def make_dataset(
    samples: Samples,
    schedule: Schedule,
    *,
    label: str | None,
    reshuffles: bool,
    num_parallel_calls: int | None,
    prefetch: int,
    engine: str,
) -> tf.data.Dataset:
    """Make the dataset of :meth:`binfeed.Reader.to_tf_dataset`, which documents the arguments and the errors."""
    engine = one_of("engine", engine, ENGINES)
    if whole("prefetch", prefetch) != tf.data.AUTOTUNE:
        prefetch = non_negative("prefetch", prefetch)
    elements = elements_of(samples, label)
    _check_size(elements, schedule.static_batch_size or 0)
    is_graph = engine == "graph" or (engine == "auto" and _graph_engine_reads(samples))
    if num_parallel_calls is None or whole("num_parallel_calls", num_parallel_calls) == tf.data.AUTOTUNE:
        calls = int(tf.data.AUTOTUNE) if is_graph else min(processors(), MAX_DEFAULT_PARALLEL_CALLS)
    else:
        calls = positive("num_parallel_calls", num_parallel_calls)
        if calls > MAX_PARALLEL_CALLS:
            raise ValueError(f"num_parallel_calls must be at most {MAX_PARALLEL_CALLS}, not {calls}")
    make = graph_dataset if is_graph else generator_dataset
    return make(samples, schedule, elements, calls, prefetch, reshuffles=reshuffles)


def _check_size(elements: Elements, batch_size: int) -> None:
    """Check that a tensor of the static shape of a batch is possible, even if there will be no batch.

    Raises:
        ValueError: naming the output whose batch has more than 2^62 bytes.
    """
    for output in elements.outputs:
        sample_bytes = math.prod(output.shape) * output.dtype.itemsize
        if batch_size * sample_bytes > MAX_SIZE:
            raise ValueError(f"batch_size={batch_size} x {sample_bytes} bytes of {output.name!r} are more than 2^62")


def _graph_engine_reads(samples: Samples) -> bool:
    if not can_read(samples):
        return False
    try:
        load_ops()
    except ImportError as error:
        _warn_once(f"engine='auto' uses the slower generator engine: {error}")
        return False
    return True


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
