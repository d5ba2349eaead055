"""Decoding and normalising, bit by bit: against the reference, and against NumPy written out, per instruction set."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from binfeed import reference
from binfeed.features import CASTABLE
from binfeed.reader import open_with
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Array, assert_identical, random_records

NUMBERS = [name for name in CASTABLE if name != "bool"]
TYPES = ["?", *(order + np.dtype(name).str[1:] for name in NUMBERS for order in "<>")]

#: Values where conversions go wrong, per kind.
EDGES = np.array([0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, 127, 128, -128, -129, 255, 256, 32767.5, 65504, 65519.99, 65520])
FLOAT_EDGES = np.concatenate(
    [
        EDGES,
        [np.nan, np.inf, -np.inf, 5e-324, 1e-45, 6e-8, 2.98e-8, 2.99e-8, 6.1e-5, 1.17e-38, 3.4e38, 1.7e308],
        2.0 ** np.array([24, 31, 32, 53, 63, 64]),
        -(2.0 ** np.array([24, 31, 32, 53, 63, 64])),
        np.nextafter(2.0 ** np.array([31, 32, 63, 64]), 0),
    ]
)


def edge_values(dtype: str) -> Array:
    """Values of ``dtype`` that conversions stumble over."""
    native = np.dtype(dtype).newbyteorder("=")
    with np.errstate(all="ignore"):
        if native.kind == "f":
            return FLOAT_EDGES.astype(native).astype(dtype)
        if native.kind == "b":
            return np.array([0, 1, 2, 128, 255], np.uint8).view(bool)
        limits = np.iinfo(native)
        values = [limits.min, limits.min + 1, limits.max - 1, limits.max, *range(-3, 4), 127, 128, 255, 256, 2**24 + 1]
        values += [2**53 + 1, -(2**53) - 1, 2**31, 2**31 - 1, -(2**31) - 1, 2**32, 2**63]
        return np.array([value for value in values if limits.min <= value <= limits.max], native).astype(dtype)


def decode(records: Array, layout: bf.Layout, features: Any, instruction_set: str) -> Any:
    with open_with(records.tobytes(), layout, features, instruction_set) as reader:
        return reader[:]


@pytest.mark.parametrize("source", TYPES)
def test_every_type_casts_to_every_type(source: str, instruction_set: str) -> None:
    values = np.concatenate([edge_values(source), random_records(source, 1000)])
    records = np.zeros(len(values), [("pad", "u1"), ("x", source)])
    records["x"].view(f"V{values.itemsize}")[:] = values.view(f"V{values.itemsize}")
    layout = bf.Layout(records.dtype)
    features = {"as it is": bf.field("x"), **{name: bf.field("x").cast(name) for name in CASTABLE}}
    assert_identical(decode(records, layout, features, instruction_set), reference.decode(records, layout, features))


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("shape", [(), (7,), (2, 33)])
def test_every_type_computes(source: str, shape: tuple[int, ...], instruction_set: str) -> None:
    records = random_records([("pad", "u1"), ("x", source, shape)], 257)
    layout = bf.Layout(records.dtype)
    vector = np.random.default_rng(1).uniform(0.1, 3, shape)
    x = bf.field("x")
    features = {
        "scale": x.scale(0.1),
        "scale and offset": x.scale(3.7, offset=-1.1),
        "scale by vector": x.scale(vector, offset=vector),
        "offset by vector": x.scale(3, offset=vector),
        "div": x.div(255),
        "div by vector": x.div(vector),
        "standardize": x.standardize(0.3, 0.7),
        "standardize by vector": x.standardize(vector, 1 + vector),
        "chain": x.scale(0.1).div(3).standardize(vector, 3).scale(2, 1),
        "double": x.scale(0.1).cast("float64"),
        "double first": x.cast("float64").div(3),
        "half": x.div(3).cast("float16"),
        "integer": x.div(3).cast("int16"),
        "integer between": x.cast("int8").scale(0.3).cast("uint8"),
        "block": bf.concat(x, x.scale(2), x.cast("int16")).standardize(0.5, 2),
    }
    assert_identical(decode(records, layout, features, instruction_set), reference.decode(records, layout, features))


FIELD_TYPES = st.sampled_from([*TYPES, "S1", "S5", "V3", "<c8", ">c16"])


@st.composite
def record_dtypes(draw: st.DrawFn, depth: int = 0) -> np.dtype[Any]:
    """Structs of up to five fields: nested, with sub-arrays, padded."""
    fields: list[tuple[Any, ...]] = []
    for number in range(draw(st.integers(1, 5))):
        is_nested = depth < 2 and draw(st.integers(0, 4)) == 0
        type_ = draw(record_dtypes(depth + 1)) if is_nested else draw(FIELD_TYPES)
        shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4))
        fields.append((f"f{number}", type_, shape))
    return np.dtype(fields, align=draw(st.booleans()))


PARAMETERS = st.floats(0.001, 1000).map(lambda value: float(np.float32(value)))


@st.composite
def feature_of(draw: st.DrawFn, layout: bf.Layout) -> bf.Feature:
    """A field of the layout, taken through up to four operations that fit it."""
    name = draw(st.sampled_from(sorted(layout.fields)))
    shape = layout.fields[name].shape
    feature = bf.field(name)
    is_number = layout.fields[name].dtype.kind in "biuf"
    for _ in range(draw(st.integers(0, 4))):
        operations = ["reshape", "transpose"] + ["cast", "scale", "div", "standardize"] * is_number
        operation = draw(st.sampled_from(operations))
        size = int(np.prod(shape))
        vector = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.1, 9, shape)
        parameter = vector if draw(st.booleans()) else draw(PARAMETERS)
        if operation == "reshape":
            shape = draw(st.sampled_from([(size,), (1, size), (size, 1), *([(2, size // 2)] if size % 2 == 0 else [])]))
            feature = feature.reshape(*shape)
        elif operation == "transpose":
            axes = draw(st.permutations(range(len(shape))))
            shape = tuple(shape[axis] for axis in axes)
            feature = feature.transpose(axes)
        elif operation == "cast":
            feature = feature.cast(draw(st.sampled_from(CASTABLE)))
        elif operation == "scale":
            feature = feature.scale(parameter, draw(st.sampled_from([0, -1.5, parameter])))
        elif operation == "div":
            feature = feature.div(parameter)
        else:
            feature = feature.standardize(parameter, parameter)
    return feature


@given(data=st.data())
def test_any_layout_and_any_chain_give_the_bits_of_the_reference(data: st.DataObject) -> None:
    dtype = data.draw(record_dtypes())
    layout = bf.Layout(dtype)
    features = {f"feature {i}": data.draw(feature_of(layout)) for i in range(data.draw(st.integers(1, 3)))}
    numbers = [name for name, field in layout.fields.items() if field.dtype.kind in "biuf"]
    if numbers:
        features["block"] = bf.concat(*data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3)))
    records = random_records(dtype, data.draw(st.integers(1, 70)), seed=data.draw(st.integers(0, 9)))
    expected = reference.decode(records, layout, features)
    indices = data.draw(st.lists(st.integers(0, len(records) - 1), max_size=40))
    for instruction_set in bf.build_info().supported:
        with open_with(records.tobytes(), layout, features, instruction_set) as reader:
            assert_identical(reader[:], expected)
            assert_identical(reader.take(indices), {name: array[indices] for name, array in expected.items()})


@given(dtype=record_dtypes(), count=st.integers(1, 40), seed=st.integers(0, 9))
def test_without_features_every_field_is_what_numpy_sees(dtype: np.dtype[Any], count: int, seed: int) -> None:
    records = random_records(dtype, count, seed)
    layout = bf.Layout(dtype)
    batch = bf.open(records, layout)[:]
    assert isinstance(batch, dict)
    assert list(batch) == list(layout.fields)
    for name, array in batch.items():
        values = records
        for part in name.split("."):
            values = values[part]
        values = values.view(np.uint8) != 0 if values.dtype.kind == "b" else values
        assert_identical(array, values.astype(values.dtype.newbyteorder("=")))


def test_the_reference_says_what_numpy_says_written_out() -> None:
    records = random_records([("i", ">i8"), ("h", "<f2"), ("u", "u1", (2, 3))], 500)
    layout = bf.Layout(records.dtype)
    features = {
        "price": bf.field("i").scale(1e-9),
        "half": bf.field("h").standardize(0.5, 3).cast("float64"),
        "image": bf.field("u").div(255).transpose(1, 0),
        "saturated": bf.field("i").cast("uint8"),
        "block": bf.concat("h", bf.field("u").scale([[1, 2, 3], [4, 5, 6]])),
    }
    with np.errstate(all="ignore"):
        half = (records["h"].astype(np.float32) - np.float32(0.5)) / np.float32(3)
        scaled = records["u"] * np.array([[1, 2, 3], [4, 5, 6]], np.float32)
        expected = {
            "price": (records["i"].astype(np.float64) * 1e-9).astype(np.float32),
            "half": half.astype(np.float64),
            "image": (records["u"] / np.float32(255)).transpose(0, 2, 1),
            "saturated": np.clip(records["i"], 0, 255).astype(np.uint8),
            "block": np.column_stack([records["h"].astype(np.float32), scaled.reshape(-1, 6)]),
        }
    assert_identical(reference.decode(records, layout, features), expected)
    assert_identical(bf.open(records, layout, features)[:], expected)


def test_every_half_becomes_its_float_and_back(instruction_set: str) -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    layout = bf.Layout("<f2")
    assert_identical(decode(halves, layout, bf.field("value").cast("float32"), instruction_set), halves.astype("f4"))
    floats = halves.astype(np.float32)
    back = decode(floats, bf.Layout("<f4"), bf.field("value").cast("float16"), instruction_set)
    assert_identical(back, halves)


def test_rounding_to_half_happens_once(instruction_set: str) -> None:
    # Halfway between two halves plus too little for a float to hold: rounding by way of float would give the lower one.
    values = np.array([1 + 2**-11 + 2**-40, 1 + 2**-11, 1 + 3 * 2**-11 - 2**-40, 2**-25 + 2**-60, -(2**-25) - 2**-60])
    expected = np.array([1 + 2**-10, 1, 1 + 2**-10, 2**-24, -(2**-24)], np.float16)
    feature = bf.field("value").cast("float16")
    assert_identical(decode(values, bf.Layout("<f8"), feature, instruction_set), expected)


def test_nan_keeps_its_payload_where_no_value_changes(instruction_set: str) -> None:
    signalling = np.array([0x7F800001, 0xFFC12345], ">u4")
    found = decode(signalling, bf.Layout(">f4"), bf.field("value"), instruction_set)
    assert found.view(np.uint32).tolist() == [0x7F800001, 0xFFC12345]
