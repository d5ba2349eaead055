"""What every engine has in common: the structure of elements, labels, cardinality, prefetching."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from binfeed.errors import FeatureError, one_of, shortened, shown, suggestion
from binfeed.machine import processors
from binfeed.numbers import MAX_SIZE, non_negative, positive, whole
from binfeed.order import Schedule
from binfeed.planning import Output
from binfeed.reader import Reader
from binfeed.tensorflow.generator import generator_dataset
from binfeed.tensorflow.graph import can_read, graph_dataset
from binfeed.tensorflow.ops import load_ops
from binfeed.tensorflow.plan import tensor_spec

Array = npt.NDArray[Any]

ENGINES = ("auto", "graph", "generator")

#: More lanes than this only wait for the interpreter lock, which ``from_generator`` holds between batches.
MAX_DEFAULT_PARALLEL_CALLS = 4
#: tf.data makes room for all of them at once, and ends the process where there is none.
MAX_PARALLEL_CALLS = 1 << 16


@dataclass(frozen=True)
class Elements:
    """The structure of the dataset's elements.

    Attributes:
        outputs: the arrays of a batch, flat.
        arrange: puts one value for each of them into the structure.
    """

    outputs: tuple[Output, ...]
    arrange: Callable[[Iterable[Any]], Any]

    def specs(self, *batch_shape: int | None) -> Any:
        """The :class:`tf.TensorSpec` of every component."""
        return self.arrange(tensor_spec(output, batch_shape) for output in self.outputs)

    def tensors(self, arrays: Iterable[Array]) -> Any:
        """Arrays as TensorFlow takes them: numbers as they are."""
        return self.arrange(map(_for_tensorflow, arrays))


def make_dataset(
    reader: Reader,
    schedule: Schedule,
    *,
    label: str | None,
    reshuffles: bool,
    num_parallel_calls: int | None,
    prefetch: int,
    engine: str,
) -> tf.data.Dataset:
    """See :meth:`binfeed.Reader.to_tf_dataset`."""
    engine = one_of("engine", engine, ENGINES)
    if whole("prefetch", prefetch) != tf.data.AUTOTUNE:
        prefetch = non_negative("prefetch", prefetch)
    elements = Elements(tuple(reader.outputs), _arrangement(reader, label))
    _check_size(elements.outputs, schedule.static_batch_size or 0)
    is_graph = engine == "graph" or (engine == "auto" and _graph_engine_reads(reader))
    if num_parallel_calls is None or whole("num_parallel_calls", num_parallel_calls) == tf.data.AUTOTUNE:
        calls = int(tf.data.AUTOTUNE) if is_graph else min(processors(), MAX_DEFAULT_PARALLEL_CALLS)
    else:
        calls = positive("num_parallel_calls", num_parallel_calls)
        if calls > MAX_PARALLEL_CALLS:
            raise ValueError(f"num_parallel_calls must be at most {MAX_PARALLEL_CALLS}, not {calls}")
    if is_graph:
        return graph_dataset(reader, schedule, elements, calls, prefetch, reshuffles=reshuffles)
    return generator_dataset(reader, schedule, elements, calls, prefetch, reshuffles=reshuffles)


def _check_size(outputs: Iterable[Output], batch_size: int) -> None:
    """Static shapes have to be of tensors that there may be, even if none comes."""
    for output in outputs:
        sample_bytes = math.prod(output.shape) * output.dtype.itemsize
        if batch_size * sample_bytes > MAX_SIZE:
            raise ValueError(f"batch_size={batch_size} x {sample_bytes} bytes of {output.name!r} are more than 2^62")


def _graph_engine_reads(reader: Reader) -> bool:
    if not can_read(reader):
        return False
    try:
        load_ops()
    except ImportError as error:
        _warn_once(f"engine='auto' takes the slower generator engine: {error}")
        return False
    return True


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)


def _arrangement(reader: Reader, label: str | None) -> Callable[[Iterable[Any]], Any]:
    if label is None:
        return reader.pack
    if not isinstance(label, str):
        raise TypeError(
            f"label must be the name of one feature, not {shortened(shown(label), 80)}; for several, leave it out and "
            "take them from the batches with .map()"
        )
    structure = reader.pack(output.name for output in reader.outputs)
    if not isinstance(structure, dict):
        raise FeatureError(
            f"label={shown(label)} needs features by name, but this reader gives "
            f"{'a tuple of readers' if isinstance(structure, tuple) else 'bare arrays'}"
        )
    if label not in structure:
        raise FeatureError(f"label={shown(label)} is not a feature{suggestion(label, structure)}")
    if len(structure) == 1:
        raise FeatureError(f"label={label!r} is the only feature: there is nothing left to learn from")

    def arrange(values: Iterable[Any]) -> Any:
        features = reader.pack(values)
        target = features.pop(label)
        return (next(iter(features.values())) if len(features) == 1 else features), target

    return arrange


def _for_tensorflow(array: Array) -> Array:
    if array.dtype.kind == "S":
        return array.astype(object)
    if array.dtype.type is np.void:
        return array.view(np.uint8).reshape(*array.shape, array.dtype.itemsize)
    return array
