"""What an array is to TensorFlow, and plans for the ops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from binfeed import _core
from binfeed.layout import Layout
from binfeed.planning import Output
from binfeed.window import Window, core_window

MAX_BATCHES_PER_CHUNK = 64
#: Of a string in a tensor, beside its characters.
_STRING_BYTES = 24


def tensor_spec(output: Output, batch_shape: tuple[int | None, ...]) -> tf.TensorSpec:
    """The dtype and shape that ``output`` has as a tensor: fixed bytes become strings, raw bytes ``uint8``."""
    if output.dtype.kind == "S":
        return tf.TensorSpec((*batch_shape, *output.shape), tf.string)
    if output.dtype.type is np.void:  # not bfloat16, which is of kind V as well
        return tf.TensorSpec((*batch_shape, *output.shape, output.dtype.itemsize), tf.uint8)
    return tf.TensorSpec((*batch_shape, *output.shape), tf.as_dtype(output.dtype))


def batches_within(chunk_bytes: int, outputs: Sequence[Output], batch_size: int) -> int:
    """As many batches as take ``chunk_bytes``: at least one, and no more than ``MAX_BATCHES_PER_CHUNK``."""
    sample_bytes = sum(math.prod(output.shape) * _item_bytes(output) for output in outputs)
    return int(np.clip(chunk_bytes // max(sample_bytes * batch_size, 1), 1, MAX_BATCHES_PER_CHUNK))


def _item_bytes(output: Output) -> int:
    return output.dtype.itemsize + (_STRING_BYTES if output.dtype.kind == "S" else 0)


def with_cardinality(dataset: tf.data.Dataset, batches: int | tf.Tensor | None) -> tf.data.Dataset:
    """The dataset, known to have so many elements; None stands for no end."""
    cardinality = tf.data.INFINITE_CARDINALITY if batches is None else batches
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality))


def plan_bytes(
    layout: Layout,
    outputs: Sequence[Output],
    *,
    window: Window | None = None,
    files: Sequence[_core.FileSpec] = (),
    schedule: _core.ScheduleSpec | None = None,
) -> bytes:
    """All that an op needs, as its attribute ``plan``."""
    return _core.read_plan_bytes(
        files=files,
        record_bytes=layout.record_bytes,
        header_bytes=layout.header_bytes,
        footer_bytes=layout.footer_bytes,
        window=core_window(window),
        outputs=[output.spec for output in outputs],
        arrays=[_array_spec(output) for output in outputs],
        schedule=schedule,
    )


def _array_spec(output: Output) -> tuple[list[int], int, bool]:
    """The shape of a sample's tensor, bytes per item, and whether items are strings."""
    spec = tensor_spec(output, ())
    is_string = spec.dtype == tf.string
    return list(spec.shape), output.dtype.itemsize if is_string else spec.dtype.size, is_string
