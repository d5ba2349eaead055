"""The elements of a dataset: their structure, and the form in which TensorFlow takes arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from binfeed.errors import FeatureError, shortened, shown, suggestion
from binfeed.planning import Output
from binfeed.samples import Array

T = TypeVar("T")

MAX_BATCHES_PER_CHUNK = 64
#: The size of a string in a tensor, in bytes, without its characters.
_STRING_BYTES = 24


def tensor_spec(output: Output, batch_shape: tuple[int | None, ...]) -> tf.TensorSpec:
    """Return the dtype and shape of ``output`` as a tensor: fixed bytes are strings, and raw bytes are ``uint8``."""
    if output.dtype.kind in "SO":
        return tf.TensorSpec((*batch_shape, *output.shape), tf.string)
    if output.dtype.type is np.void:  # not bfloat16, which is of kind V as well
        return tf.TensorSpec((*batch_shape, *output.shape, output.dtype.itemsize), tf.uint8)
    return tf.TensorSpec((*batch_shape, *output.shape), tf.as_dtype(output.dtype))


class Structured(Protocol):
    """The arrays of a batch, and their structure: samples, or a decoder of tables."""

    @property
    def outputs(self) -> Sequence[Output]:
        """The arrays, flat."""

    def unflatten(self, values: Iterable[T]) -> Any:
        """Put one value for each of them into the structure."""


@dataclass(frozen=True)
class Elements:
    """The structure of a dataset's elements.

    Attributes:
        outputs: the arrays of a batch, flat.
        arrange: a function that puts one value for each output into the structure.
    """

    outputs: tuple[Output, ...]
    arrange: Callable[[Iterable[Any]], Any]

    def specs(self, *batch_shape: int | None) -> Any:
        """Return the :class:`tf.TensorSpec` of every component."""
        return self.arrange(tensor_spec(output, batch_shape) for output in self.outputs)

    def tensors(self, arrays: Iterable[Array]) -> Any:
        """Put ``arrays`` into the structure, in the form in which TensorFlow takes them: only bytes are converted."""
        return self.arrange(map(_for_tensorflow, arrays))


def elements_of(samples: Structured, label: str | None) -> Elements:
    """Return the elements of a dataset of ``samples``: ``(features, label)`` if there is a label."""
    return Elements(tuple(samples.outputs), _arrangement(samples, label))


def batches_within(chunk_bytes: int, outputs: Sequence[Output], batch_size: int) -> int:
    """Return how many batches fit ``chunk_bytes``: at least 1, and at most ``MAX_BATCHES_PER_CHUNK``."""
    sample_bytes = sum(math.prod(output.shape) * _item_bytes(output) for output in outputs)
    return int(np.clip(chunk_bytes // max(sample_bytes * batch_size, 1), 1, MAX_BATCHES_PER_CHUNK))


def with_cardinality(dataset: tf.data.Dataset, batches: int | tf.Tensor | None) -> tf.data.Dataset:
    """Return ``dataset`` with a known number of elements; None stands for infinitely many."""
    cardinality = tf.data.INFINITE_CARDINALITY if batches is None else batches
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality))


def _item_bytes(output: Output) -> int:
    return output.dtype.itemsize + (_STRING_BYTES if output.dtype.kind == "S" else 0)


def _arrangement(samples: Structured, label: str | None) -> Callable[[Iterable[Any]], Any]:
    if label is None:
        return samples.unflatten
    if not isinstance(label, str):
        raise TypeError(
            f"label must be the name of one feature, not {shortened(shown(label), 80)}; for several, leave it out and "
            "take them from the batches with .map()"
        )
    structure = samples.unflatten(output.name for output in samples.outputs)
    if not isinstance(structure, dict):
        raise FeatureError(
            f"label={shown(label)} needs features by name, but this reader gives "
            f"{'tuples of zipped readers' if isinstance(structure, tuple) else 'bare arrays'}"
        )
    if label not in structure:
        raise FeatureError(f"label={shown(label)} is not a feature{suggestion(label, structure)}")
    if len(structure) == 1:
        raise FeatureError(f"label={label!r} is the only feature: there is nothing left to learn from")

    def arrange(values: Iterable[Any]) -> Any:
        features = samples.unflatten(values)
        target = features.pop(label)
        return (next(iter(features.values())) if len(features) == 1 else features), target

    return arrange


def _for_tensorflow(array: Array) -> Array:
    if array.dtype.kind == "S":
        return array.astype(object)
    if array.dtype.type is np.void:
        return array.view(np.uint8).reshape(*array.shape, array.dtype.itemsize)
    return array
