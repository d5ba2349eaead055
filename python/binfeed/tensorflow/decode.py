"""Decoding byte strings that TensorFlow already has, and a drop-in for its dataset of fixed-length records."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from binfeed.errors import DataError, FeatureError, LayoutError, checked_keywords
from binfeed.feature_sets import FeaturesLike, as_features
from binfeed.features import Feature
from binfeed.layout import Layout, LayoutLike, as_layout, framed
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
    features: FeaturesLike = None,
    *,
    many: bool = False,
) -> Any:
    """Decode byte strings into features, in one op: eager, in a ``tf.function``, ``Dataset.map``, or a SavedModel.

    Args:
        records: a ``tf.string`` tensor of any shape with one record in each string, such as those of
            ``FixedLengthRecordDataset``, ``TFRecordDataset`` or a message queue. Decode whole batches at a time:
            ``dataset.batch(256).map(...)``.
        layout: what the bytes are, as in :func:`binfeed.open`. Its header and footer only matter with ``many``.
        features: what comes out, as in :func:`binfeed.open`.
        many: whether each string is a header, any number of records, and a footer, such as the content of a file that
            ``tf.io.read_file`` gives.

    Returns:
        Tensors in the structure of ``features``. Their shape is that of ``records`` followed by that of the feature, or
        with ``many`` ``[N, ...]``, where N is the number of records in all strings.

    Raises:
        tf.errors.InvalidArgumentError: naming the string, if its size is not that of a record.
        LayoutError: naming the field that cannot be decoded.
        FeatureError: naming the feature that does not fit the layout, or that depends on records before.
        TypeError: if ``many`` is not a bool.
        ImportError: if the ops cannot be loaded.
    """
    many = flag("many", many)
    layout = as_layout(layout)
    asked = as_features(features, layout)
    planned = plan_features(asked, layout)
    if planned.looking_back:
        raise FeatureError(
            f"{planned.looking_back[0]} depends on records before, but strings have no records before them"
        )
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
    """A :class:`tf.data.FixedLengthRecordDataset` that also decodes.

    Without ``layout`` it is a dataset of that class. With ``layout``, its elements are batches of features, as
    :meth:`binfeed.Reader.to_tf_dataset` gives them, of the same records in the same order.

    If a file cannot be opened, or is not a whole number of records, TensorFlow's class reads the files and gives the
    same error as without ``layout``, when the dataset is iterated.

    Args:
        filenames: a tensor or dataset of file names, which are not taken for patterns.
        record_bytes: the size of each record, in bytes.
        header_bytes: bytes before the first record of each file; None for as many as the layout has.
        footer_bytes: bytes after the last record of each file; None for as many as the layout has.
        buffer_size: bytes that TensorFlow's class buffers when it reads.
        compression_type: ``""``, ``"ZLIB"`` or ``"GZIP"``.
        num_parallel_reads: the number of files that take turns; ``tf.data.AUTOTUNE`` for as many as TensorFlow chooses.
        name: the name of the operation, for TensorFlow's class.
        layout: the layout of the records, which have ``record_bytes`` bytes each.
        features: what comes out, as in :func:`binfeed.open`.
        batch_size: records per batch; every batch is full except the last.

    Raises:
        LayoutError: if the records of the layout do not have ``record_bytes`` bytes, or the layout has another header
            or footer than the arguments.
        FeatureError: naming the feature that does not fit the layout.
        ValueError: if a number is out of range, or there are features without a layout.
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
        features: FeaturesLike = None,
        batch_size: int = 256,
    ) -> Any:
        if layout is None:
            if features is not None:
                raise ValueError("features need a layout: give layout= as well")
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
        given = as_layout(layout)
        header_bytes = _frame_bytes("header_bytes", header_bytes, given.header_bytes)
        footer_bytes = _frame_bytes("footer_bytes", footer_bytes, given.footer_bytes)
        layout = framed(given, header_bytes, footer_bytes)
        if layout.record_bytes != record_bytes:
            raise LayoutError(f"record_bytes is {record_bytes}, but the layout's records have {layout.record_bytes}")
        batch_size = positive("batch_size", batch_size)
        # Made in any case, since it checks the arguments.
        strings = tf.data.FixedLengthRecordDataset(
            filenames, record_bytes, header_bytes, footer_bytes, buffer_size, compression_type, num_parallel_reads, name
        )
        reader = None if compression_type else _open(filenames, layout, features)
        if reader is not None:
            return reader.to_tf_dataset(batch_size, cycle_length=_files_in_turns(num_parallel_reads))
        return strings.batch(batch_size).map(
            lambda records: decode(records, layout, features), num_parallel_calls=tf.data.AUTOTUNE
        )


def _frame_bytes(name: str, asked: int | None, of_layout: int) -> int:
    if asked is None:
        return of_layout
    count = non_negative(name, asked)
    if of_layout not in (0, count):
        raise LayoutError(f"{name} is {count}, but the layout's is {of_layout}")
    return count


def _open(filenames: Any, layout: Layout, features: FeaturesLike) -> Reader[Any] | None:
    """Open the files; return None if their names are not known yet, or if a reader cannot read them."""
    if isinstance(filenames, tf.data.Dataset):
        return None
    names = tf.convert_to_tensor(tf.nest.map_structure(_as_text, filenames), tf.string)
    if not hasattr(names, "numpy"):  # within a graph
        return None
    paths = [Path(os.fsdecode(name)) for name in tf.reshape(names, [-1]).numpy()]
    with contextlib.suppress(OSError, DataError):
        # A path that exists is not taken for a pattern.
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
    """Return the number of files that TensorFlow lets take turns if it may choose, which only its order shows."""
    turns = tf.data.Dataset.range(1 << 16).interleave(
        lambda number: tf.data.Dataset.from_tensors(number).repeat(2), num_parallel_calls=tf.data.AUTOTUNE
    )
    # Count the elements until the first file has its second turn.
    return sum(1 for _ in itertools.takewhile(lambda number: number > 0, turns.skip(1).as_numpy_iterator())) + 1
