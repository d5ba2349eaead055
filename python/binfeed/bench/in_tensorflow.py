"""The batches of a workload in TensorFlow, as people write them by hand: ``decode_raw``, slices and ``bitcast``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from binfeed.bench.workload import Column, NotApplicable, Output, Source, Workload, is_plain
from binfeed.layout import Field

#: Types of ``decode_raw``, by their size. Types that it lacks are cast from the bits of one of these.
_WORDS = {1: tf.uint8, 2: tf.uint16, 4: tf.int32, 8: tf.int64}
_DECODED = {"int8", "uint8", "int16", "uint16", "int32", "int64", "float16", "float32", "float64"}


def signature(workload: Workload) -> tuple[tf.TensorSpec, ...]:
    """Return the specs of the components of a batch of any size."""
    leading = (None,) if workload.window is None else (None, workload.window.size)
    return tuple(
        tf.TensorSpec((*leading, *source.shape_of(output)), output.dtype)
        for source in workload.sources
        for output in source.outputs
    )


def batch_of_strings(source: Source, strings: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Make the outputs of a vector of strings, one per record."""
    table = tf.reshape(tf.io.decode_raw(strings, tf.uint8), (-1, source.layout.record_bytes))
    return _outputs(source, lambda field: _from_words(table, 1, field))


def batch_of_whole(source: Source, whole: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Make the outputs of one string of many records: call ``decode_raw`` once per dtype, and pick columns."""
    record_bytes = source.layout.record_bytes
    tables: dict[Any, tf.Tensor] = {}

    def table(dtype: tf.DType, *, little_endian: bool) -> tf.Tensor:
        key = dtype, little_endian
        if key not in tables:
            decoded = tf.io.decode_raw(whole, dtype, little_endian=little_endian)
            tables[key] = tf.reshape(decoded, (-1, record_bytes // dtype.size))
        return tables[key]

    def values(field: Field) -> tf.Tensor:
        size = field.type.bytes
        is_aligned = size in _WORDS and field.offset % size == 0 and record_bytes % size == 0
        if is_aligned and field.type.name in _DECODED | {"uint32", "uint64"}:
            direct = tf.as_dtype(field.type.value) if field.type.name in _DECODED else _WORDS[size]
            first = field.offset // size
            found = table(direct, little_endian=field.type.order != ">")[:, first : first + field.elements]
            return _shaped(found if field.type.name in _DECODED else tf.bitcast(found, field.type.value), field)
        word = 1
        if not field.type.is_swapped:
            word = next(w for w in (4, 2, 1) if size % w == field.offset % w == record_bytes % w == 0)
        return _from_words(table(_WORDS[word], little_endian=True), word, field)

    return _outputs(source, values)


def _from_words(table: tf.Tensor, word: int, field: Field) -> tf.Tensor:
    """Make the values of a field from records ``[B, n]`` of words of ``word`` bytes."""
    size = field.type.bytes
    begin = field.offset // word
    words = table[:, begin : begin + field.elements * size // word]
    if field.type.name == "bool":
        return _shaped(words != 0, field)
    if size == word:
        return _shaped(tf.bitcast(words, field.type.value), field)
    words = tf.reshape(words, (-1, field.elements, size // word))
    if field.type.is_swapped:
        words = tf.reverse(words, [-1])
    if size in _WORDS:
        return _shaped(tf.bitcast(words, field.type.value), field)
    return _shaped(tf.cast(_sum_of(words, word, field), field.type.value), field)


def _sum_of(words: tf.Tensor, word: int, field: Field) -> tf.Tensor:
    """Add up the words of integers of sizes that TensorFlow lacks."""
    unsigned = tf.cast(tf.bitcast(words, tf.uint32) if word == 4 else words, tf.int64)
    factors = tf.constant([1 << (8 * word * number) for number in range(field.type.bytes // word)], tf.int64)
    whole = tf.reduce_sum(unsigned * factors, axis=-1)
    if field.type.name.startswith("uint"):
        return whole
    unused = tf.constant(64 - field.type.bits, tf.int64)
    return tf.bitwise.right_shift(tf.bitwise.left_shift(whole, unused), unused)


def _shaped(values: tf.Tensor, field: Field) -> tf.Tensor:
    return tf.reshape(values, (-1, *field.shape))


def _outputs(source: Source, values: Callable[[Field], tf.Tensor]) -> tuple[tf.Tensor, ...]:
    return tuple(_output(source, output, values) for output in source.outputs)


def _output(source: Source, output: Output, values: Callable[[Field], tf.Tensor]) -> tf.Tensor:
    fields = [source.layout[column.field] for column in output.columns]
    for field in fields:
        if not is_plain(field):
            raise NotApplicable(f"TensorFlow has no type for field {field.name!r}")
    columns = [_computed(values(field), column) for field, column in zip(fields, output.columns, strict=True)]
    if len(columns) == 1:
        return tf.cast(columns[0], output.dtype)
    return tf.stack([tf.cast(column, output.dtype) for column in columns], axis=1)


def _computed(values: tf.Tensor, column: Column) -> tf.Tensor:
    if column.multiply is None and column.divide is None:
        return values
    values = tf.cast(values, tf.float32 if values.dtype.size <= 2 or values.dtype == tf.float32 else tf.float64)
    values = values if column.multiply is None else values * column.multiply
    return values if column.divide is None else values / column.divide


def side_by_side(datasets: Sequence[tf.data.Dataset]) -> tf.data.Dataset:
    """Zip the datasets of several sources, so that their outputs are one flat tuple."""
    if len(datasets) == 1:
        return datasets[0]
    return tf.data.Dataset.zip(tuple(datasets)).map(lambda *parts: tuple(tf.nest.flatten(parts)))
