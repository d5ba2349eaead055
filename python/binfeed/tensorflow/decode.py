"""Decoding byte strings that TensorFlow has already, and the drop-in for its dataset of fixed-length records."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.errors import DataError, LayoutError, checked_keywords
from binfeed.features import Feature, as_features
from binfeed.layout import Layout, LayoutLike, as_layout
from binfeed.numbers import flag, non_negative, positive
from binfeed.planning import plan_features
from binfeed.reader import Reader
from binfeed.reader import open as open_files
from binfeed.tensorflow.elements import tensor_spec
from binfeed.tensorflow.ops import load_ops
from binfeed.tensorflow.plan import plan_bytes


@tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
@checked_keywords
def decode(
    records: tf.Tensor,
    layout: LayoutLike,
    features: Mapping[str, Feature | str] | Feature | str | None = None,
    *,
    many: bool = False,
) -> Any:
    """Decode byte strings into features, in one op: eager, in a ``tf.function``, ``Dataset.map``, or a SavedModel.

    Args:
        records: a ``tf.string`` tensor of any shape, from ``FixedLengthRecordDataset``, ``TFRecordDataset``, a message
            queue: one record in each string. Decode whole batches: ``dataset.batch(256).map(...)``.
        layout: what the bytes are, as in :func:`binfeed.open`. Header and footer only count with ``many``.
        features: what comes out, as in :func:`binfeed.open`.
        many: each string, such as what ``tf.io.read_file`` gives, is a header, any number of records, and a footer.

    Returns:
        Tensors in the structure of ``features``, of the shape of ``records`` followed by that of the feature;
        ``[N, ...]`` with ``many``, N being the records of all strings.

    Raises:
        tf.errors.InvalidArgumentError: naming the string, if its size is not that of a record.
        FeatureError, LayoutError: if ``features`` do not fit the layout.
        ImportError: where the ops cannot be loaded.
    """
    many = flag("many", many)
    layout = as_layout(layout)
    asked = as_features(features, layout)
    planned = plan_features(asked, layout)
    plan = plan_bytes(layout, planned)
    specs = [tensor_spec(output, ()) for output in planned.outputs]
    records = tf.convert_to_tensor(records, tf.string)
    arrays = load_ops().binfeed_decode(
        records=records, plan=plan, output_types=[spec.dtype for spec in specs], many=many
    )
    leading = tf.TensorShape([None]) if many else records.shape
    for array, spec in zip(arrays, specs, strict=True):
        array.set_shape(leading.concatenate(spec.shape))
    return arrays[0] if isinstance(asked, Feature) else dict(zip(asked, arrays, strict=True))


class FixedLengthRecordDataset(tf.data.FixedLengthRecordDataset):  # type: ignore[misc]
    """:class:`tf.data.FixedLengthRecordDataset`, which also decodes.

    Without ``layout`` it is that class. With it, elements are batches of features, as
    :meth:`binfeed.Reader.to_tf_dataset` gives them, of the same records in the same order.

    Files that cannot be opened, or are no whole number of records, are errors when the dataset is iterated, the same
    as without ``layout``: TensorFlow's class reads them then.

    Args:
        filenames: a tensor or dataset of file names, each as it is: no patterns.
        record_bytes: of each record.
        header_bytes: before the first record of each file; None for as many as the layout has.
        footer_bytes: behind the last record of each file; None for as many as the layout has.
        buffer_size: bytes to read ahead, of scalar strings.
        compression_type: ``""``, ``"ZLIB"`` or ``"GZIP"``.
        num_parallel_reads: files to take turns; ``tf.data.AUTOTUNE`` for as many as TensorFlow chooses.
        name: of the operation.
        layout: of the records, ``record_bytes`` bytes each.
        features: what comes out, as in :func:`binfeed.open`.
        batch_size: records per batch; every batch is full except the last.

    Raises:
        LayoutError: if the layout's record has not ``record_bytes`` bytes, or a header or footer of its own is another.
        ValueError: if a number is negative.
    """

    def __new__(
        cls,
        filenames: Any,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        buffer_size: int | None = None,
        compression_type: str | None = None,
        num_parallel_reads: int | None = None,
        name: str | None = None,
        *,
        layout: LayoutLike | None = None,
        features: Mapping[str, Feature | str] | Feature | str | None = None,
        batch_size: int = 256,
    ) -> Any:
        if layout is None:
            if features is not None:
                raise ValueError("features are of a layout: give layout= as well")
            return tf.data.FixedLengthRecordDataset(
                filenames,
                record_bytes,
                header_bytes,
                footer_bytes,
                buffer_size,
                compression_type,
                num_parallel_reads,
                name,
            )
        framed = copy.copy(as_layout(layout))
        framed.header_bytes = header_bytes = _frame_bytes("header_bytes", header_bytes, framed.header_bytes)
        framed.footer_bytes = footer_bytes = _frame_bytes("footer_bytes", footer_bytes, framed.footer_bytes)
        if framed.record_bytes != record_bytes:
            raise LayoutError(f"record_bytes is {record_bytes}, but the layout's records have {framed.record_bytes}")
        batch_size = positive("batch_size", batch_size)
        # Made in any case, since it checks its arguments.
        strings = tf.data.FixedLengthRecordDataset(
            filenames, record_bytes, header_bytes, footer_bytes, buffer_size, compression_type, num_parallel_reads, name
        )
        reader = None if compression_type else _open(filenames, framed, features)
        if reader is not None:
            return reader.to_tf_dataset(batch_size, cycle_length=_files_in_turns(num_parallel_reads))
        return strings.batch(batch_size).map(
            lambda records: decode(records, framed, features), num_parallel_calls=tf.data.AUTOTUNE
        )


def _frame_bytes(name: str, asked: int | None, of_layout: int) -> int:
    if asked is None:
        return of_layout
    count = non_negative(name, asked)
    if of_layout not in (0, count):
        raise LayoutError(f"{name} is {count}, but the layout's is {of_layout}")
    return count


def _open(
    filenames: Any, layout: Layout, features: Mapping[str, Feature | str] | Feature | str | None
) -> Reader[Any] | None:
    """A reader of the files; None where they are not known yet, or are none that it can read."""
    if isinstance(filenames, tf.data.Dataset):
        return None
    names = tf.convert_to_tensor(tf.nest.map_structure(_as_text, filenames), tf.string)
    if not hasattr(names, "numpy"):  # within a graph
        return None
    paths = [Path(os.fsdecode(name)) for name in tf.reshape(names, [-1]).numpy()]
    with contextlib.suppress(OSError, DataError):
        # What exists is not taken for a pattern.
        return open_files(paths, layout, features) if paths and all(path.exists() for path in paths) else None
    return None


def _as_text(name: Any) -> Any:
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def _files_in_turns(num_parallel_reads: int | None) -> int:
    if num_parallel_reads is None:
        return 1
    return _autotuned_cycle_length() if num_parallel_reads == tf.data.AUTOTUNE else num_parallel_reads


@functools.cache
def _autotuned_cycle_length() -> int:
    """How many files TensorFlow lets take turns if it is to choose: it does not say, but its order shows."""
    turns = tf.data.Dataset.range(1 << 16).interleave(
        lambda number: tf.data.Dataset.from_tensors(number).repeat(2), num_parallel_calls=tf.data.AUTOTUNE
    )
    # A first element of each, until the first one has its second turn.
    return sum(1 for _ in itertools.takewhile(lambda number: number > 0, turns.skip(1).as_numpy_iterator())) + 1
