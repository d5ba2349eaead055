"""The rules of decoding and shuffling in plain NumPy: slow, but the definition of every bit that binfeed gives.

Fields and orders are defined here, and each operation of a feature by its ``reference`` in :mod:`binfeed.operations`.
The tests compare the compiled decoder with them, for every instruction set. Any NaN counts as equal to any other.
Functions such as ``log`` here are those of NumPy, from which the decoder may differ by 2 units in the last place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from binfeed.combinations import Combination, Concat, Literal
from binfeed.element_types import ElementType, value_dtype
from binfeed.features import Feature
from binfeed.layout import Field, Layout
from binfeed.values import Array, Value, cast, signed_if


def decode(records: Array, layout: Layout, features: Mapping[str, Feature]) -> dict[str, Array]:
    """Decode ``features`` from ``records``, an array of any dtype whose bytes are whole records of ``layout``.

    They are all records of a file: without the first ones, if features depend on as many records before.
    """
    raw = np.frombuffer(records.tobytes(), np.uint8).reshape(-1, layout.record_bytes)
    with np.errstate(all="ignore"):
        values = {name: feature_value(feature, raw, layout) for name, feature in features.items()}
        history = max(value.history for value in values.values())
        return {name: value.array[history:] for name, value in values.items()}


def feature_value(feature: Feature, raw: Array, layout: Layout) -> Value:
    """Decode ``feature`` from the bytes ``[N, record_bytes]`` of records, into one row per record."""
    return _rounded(_chain_value(feature, raw, layout))


def _rounded(value: Value) -> Value:
    return replace(value, array=cast(value.array, value.result), is_computed=False) if value.is_computed else value


def _chain_value(feature: Feature | Literal, raw: Array, layout: Layout) -> Value:
    if isinstance(feature, Literal):
        return Value(feature.array[np.newaxis], is_literal=True)
    if isinstance(feature.source, Combination):
        parts = [_chain_value(part, raw, layout) for part in feature.source.parts]
        is_rounded = isinstance(feature.source, Concat)
        value = feature.source.reference(list(map(_rounded, parts)) if is_rounded else parts)
    else:
        value = _field_value(raw, layout[feature.source])
    for operation in feature.operations:
        value = operation.reference(value)
    return value


# Fields.


def _field_value(raw: Array, field: Field) -> Value:
    values = field_values(raw, field)
    if field.validity is None:
        return Value(values)
    is_null = ~field_values(raw, field.validity)
    return Value(values, is_null=np.broadcast_to(is_null.reshape(-1, *(1,) * (values.ndim - 1)), values.shape))


def field_values(raw: Array, field: Field) -> Array:
    """Decode a field from the bytes ``[N, record_bytes]`` of records, into an array ``[N, *shape]``."""
    if field.type.packing:
        return unpacked(raw[:, field.offset : field.end], field.type).reshape(len(raw), *field.shape)
    offsets = field.offsets_of(np.arange(field.elements)).reshape(field.shape)
    at = field.offset + offsets[..., np.newaxis] + np.arange(field.type.bytes)
    element_bytes = np.ascontiguousarray(raw[:, at])
    return numbers(element_bytes, field.type)[..., 0]


def numbers(element_bytes: Array, type_: ElementType) -> Array:
    """Decode the bytes ``[..., type_.bytes]`` of values that are not packed, into an array ``[..., 1]``."""
    if type_.name == "bool":
        return element_bytes != 0
    if type_.name == "bfloat16":
        return element_bytes.view(f"{type_.order}u2").astype("u2").view(value_dtype("bfloat16"))
    if type_.name == "ibm32":
        return ibm_floats(element_bytes.view(f"{type_.order}u4").astype(np.uint32))
    if type_.value in (type_.name, type_.spelling):
        dtype = np.dtype(type_.spelling)
        return element_bytes.view(dtype).astype(dtype.newbyteorder("="))
    # Integers of 3, 5, 6 or 7 bytes.
    little = element_bytes if type_.order == "<" else element_bytes[..., ::-1]
    unsigned = sum(little[..., i].astype(np.uint64) << np.uint64(8 * i) for i in range(type_.bytes))
    return signed_if(np.asarray(unsigned)[..., np.newaxis], type_.bits, type_.value)


def ibm_floats(bits: npt.NDArray[np.uint32]) -> Array:
    """Decode IBM System/360 floats: sign, exponent to base 16, 24-bit fraction (SEG-Y revision 1, appendix E)."""
    fraction = (bits & 0xFFFFFF).astype(np.float64) * 2.0**-24
    exponent = ((bits >> 24) & 0x7F).astype(np.int64) - 64
    sign = np.where(bits >> 31, np.float32(-1), np.float32(1))
    return np.copysign((fraction * 16.0**exponent).astype(np.float32), sign)


def unpacked(packed: Array, type_: ElementType) -> Array:
    """Unpack numbers that share bytes from each row of ``packed``."""
    if type_.packing == "wfdb212":
        first, middle, last = (packed[:, i::3].astype(np.uint64) for i in range(3))
        pairs = [first | (middle & np.uint64(0x0F)) << np.uint64(8), last | (middle & np.uint64(0xF0)) << np.uint64(4)]
        values = np.stack(pairs, axis=-1)
    else:
        is_low_first = type_.packing == "low first"
        stream = np.unpackbits(packed, axis=1, bitorder="little" if is_low_first else "big")
        digits = stream[:, : stream.shape[1] // type_.bits * type_.bits].reshape(len(packed), -1, type_.bits)
        places = np.arange(type_.bits, dtype=np.uint64)
        values = (digits.astype(np.uint64) << (places if is_low_first else places[::-1])).sum(axis=-1, dtype=np.uint64)
    return signed_if(values, type_.bits, type_.value)


# Orders. Integers wrap around, as those of 32 and 64 bits do.


def shuffled(size: int, seed: int, epoch: int) -> Array:
    """Return the samples ``0 ... size - 1`` in the order of ``shuffle="global"``."""
    return permuted(np.arange(size), size, seed, epoch, stream=0)


def block_shuffled(size: int, block_samples: int, group_blocks: int, seed: int, epoch: int) -> Array:
    """Return the samples ``0 ... size - 1`` in the order of a :class:`binfeed.BlockShuffle`."""
    blocks = [np.arange(first, min(first + block_samples, size)) for first in range(0, size, block_samples)]
    order = permuted(np.arange(len(blocks)), len(blocks), seed, epoch, stream=0)
    groups = []
    for number, first in enumerate(range(0, len(blocks), group_blocks)):
        group = np.concatenate([blocks[block] for block in order[first : first + group_blocks]])
        groups.append(group[permuted(np.arange(len(group)), len(group), seed, epoch, stream=1 + number)])
    return np.concatenate(groups)


def permuted(values: Array, size: int, seed: int, epoch: int, stream: int) -> Array:
    """Apply a keyed permutation of ``0 ... size - 1`` to ``values``.

    A Feistel network of eight rounds permutes all numbers of as many bits as ``size - 1`` has, but at least ten. A
    result outside the range goes through the network again.
    """
    bits = max(10, (size - 1).bit_length())
    with np.errstate(over="ignore"):
        keys = _round_keys(seed, epoch, stream)
        result = np.asarray(values, np.uint64)
        is_outside = np.ones(len(result), bool)
        while is_outside.any():
            result[is_outside] = _feistel(result[is_outside], keys, low_bits=(bits + 1) // 2, high_bits=bits // 2)
            is_outside = result >= size
    return result.astype(np.int64)


def _feistel(values: Array, keys: list[tuple[np.uint32, np.uint32]], low_bits: int, high_bits: int) -> Array:
    low = (values & np.uint64(2**low_bits - 1)).astype(np.uint32)
    high = (values >> np.uint64(low_bits)).astype(np.uint32)
    for number, key in enumerate(keys):
        if number % 2 == 0:
            high ^= _hashed(low, key) & np.uint32(2**high_bits - 1)
        else:
            low ^= _hashed(high, key) & np.uint32(2**low_bits - 1)
    return high.astype(np.uint64) << np.uint64(low_bits) | low


def _hashed(values: Array, key: tuple[np.uint32, np.uint32]) -> Array:
    values = (values ^ key[0]) * np.uint32(0x9E3779B1)
    values = ((values ^ (values >> np.uint32(15))) + key[1]) * np.uint32(0x85EBCA77)
    return values ^ (values >> np.uint32(16))


def _round_keys(seed: int, epoch: int, stream: int) -> list[tuple[np.uint32, np.uint32]]:
    golden = 0x9E3779B97F4A7C15
    state = _mixed(seed + golden)
    state = _mixed(state ^ _mixed(epoch + 2 * golden))
    state = _mixed(state ^ _mixed(stream + 3 * golden))
    words = [_mixed(state + (number + 1) * golden) for number in range(8)]
    return [(np.uint32(word % 2**32), np.uint32(word >> 32)) for word in words]


def _mixed(value: int) -> int:
    """Apply the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    value %= 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return value ^ (value >> 31)
