"""Decoding and normalising, bit by bit: against the reference, and against NumPy written out, per instruction set."""

from __future__ import annotations

from typing import Any

import binfeed as bf
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from binfeed import reference
from binfeed.element_types import OUTPUT_TYPES
from binfeed.reader import open_with
from binfeed.values import compute_dtype
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, assert_identical, random_records

NUMPY_TYPES = [name for name in OUTPUT_TYPES if name not in ("bool", "bfloat16")]
#: Types that NumPy has, and those that it has not.
TYPES = ["?", *(order + np.dtype(name).str[1:] for name in NUMPY_TYPES for order in "<>")]
WIDE_TYPES = [order + sign + size for order in "<>" for sign in "ui" for size in "3567"]
PACKED_TYPES = [
    order + name for order in "<>" for name in ("uint1", "uint2", "int2", "uint4", "int4", "uint12", "int12")
]
SPECIAL_TYPES = [*WIDE_TYPES, "<bfloat16", ">bfloat16", "<ibm32", ">ibm32"]

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
    features = {"as it is": bf.field("x"), **{name: bf.field("x").cast(name) for name in OUTPUT_TYPES}}
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


OPERANDS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-300, 300).map(float)


@pytest.mark.parametrize("source", ["u1", "i1", "<u2", ">i2"])
@settings(max_examples=40, deadline=None)
@given(
    divisors=st.lists(OPERANDS.filter(bool), min_size=3, max_size=3),
    subtracted=st.lists(OPERANDS, min_size=3, max_size=3),
)
def test_quotients_are_rounded_as_by_division(
    source: str, instruction_set: str, divisors: list[float], subtracted: list[float]
) -> None:
    every_value = np.arange(1 << (8 * np.dtype(source).itemsize)).astype(source)
    records = np.repeat(every_value, 3).view(np.dtype([("x", source, 3)]))
    x = bf.field("x")
    features = {
        "one": x.div(divisors[0]),
        "each": x.div(divisors),
        "standardized": x.standardize(subtracted[0], divisors[0]),
        "each standardized": x.standardize(subtracted, divisors),
    }
    layout = bf.Layout(records.dtype)
    with np.errstate(all="ignore"):
        assert_follows_the_reference(records, layout, features, instruction_set)


def assert_follows_the_reference(records: Array, layout: bf.Layout, features: Any, instruction_set: str) -> None:
    found = decode(records, layout, features, instruction_set)
    assert_identical(found, reference.decode(records, layout, features))


def raw_records(layout: bf.Layout, count: int, seed: int = 0) -> Array:
    """Records of random bytes, with bytes of all zeros and all ones among them."""
    records = np.frombuffer(np.random.default_rng(seed).bytes(count * layout.record_bytes), np.uint8).copy()
    records = records.reshape(count, layout.record_bytes)
    records[: count // 8] = 0
    records[count // 8 : count // 4] = 255
    return records


@pytest.mark.parametrize("shape", ["", "(7)", "(2,33)"])
@pytest.mark.parametrize("source", SPECIAL_TYPES)
def test_types_that_numpy_has_not(source: str, shape: str, instruction_set: str) -> None:
    layout = bf.Layout({"pad": "u1", "x": shape + source, "after": "u2"})
    x = bf.field("x")
    features = {
        "as it is": x,
        **{name: x.cast(name) for name in OUTPUT_TYPES},
        "scale": x.scale(0.25, 1),
        "double": x.cast("float64").div(3),
        "standardize": x.standardize(3, 7).cast("float16"),
        "block": bf.concat("x", x.div(3), "after"),
    }
    if shape == "(2,33)":
        features["transposed"] = x.transpose().scale(0.5)
        features["some"] = x[1, ::-2]
    assert_follows_the_reference(raw_records(layout, 300), layout, features, instruction_set)


@pytest.mark.parametrize("shape", ["(8)", "(2,32)"])
@pytest.mark.parametrize("source", [*PACKED_TYPES, "wfdb212", "<uint10", ">int14", "<uint7"])
def test_packed_numbers(source: str, shape: str, instruction_set: str) -> None:
    layout = bf.Layout({"pad": "u1", "x": shape + source, "after": "u2"})
    x = bf.field("x")
    features = {"as it is": x, "float": x.scale(0.5), "some": x[..., 1::3], "block": bf.concat("x", "after")}
    features["transposed"] = x.transpose()
    assert_follows_the_reference(raw_records(layout, 100), layout, features, instruction_set)


def test_special_types_are_what_the_formats_say(instruction_set: str) -> None:
    def values(type_: str, data: bytes) -> Any:
        return decode(np.frombuffer(data, "u1"), bf.Layout(type_), bf.field("value"), instruction_set).tolist()

    data = bytes([0x01, 0x80, 0xFF, 0xFE, 0x7F, 0x00])
    assert values("<u3", data) == [int.from_bytes(data[:3], "little"), int.from_bytes(data[3:], "little")]
    assert values(">i3", data) == [int.from_bytes(data[i : i + 3], "big", signed=True) for i in (0, 3)]
    assert values("<i6", data) == [int.from_bytes(data, "little", signed=True)]
    assert values(">uint48", data) == [int.from_bytes(data, "big")]
    # -118.625 is the example of IBM's own and everybody else's documents.
    assert values(">ibm32", bytes.fromhex("c276a000 00000000 41100000 40800000")) == [-118.625, 0.0, 1.0, 0.5]
    assert values("<bfloat16", bytes.fromhex("803f 20c0")) == [1.0, -2.5]
    assert values("(2)<uint12", bytes([0x21, 0x43, 0x65])) == [[0x321, 0x654]]
    assert values("(2)>uint12", bytes([0x21, 0x43, 0x65])) == [[0x214, 0x365]]
    assert values("(2)wfdb212", bytes([0x21, 0x43, 0x65])) == [[0x321, 0x465]]
    assert values("(2)wfdb212", bytes([0xFF, 0xFF, 0xFE])) == [[-1, -2]]
    assert values("(8)<uint1", b"\x05") == [[1, 0, 1, 0, 0, 0, 0, 0]]
    assert values("(8)>uint1", b"\x05") == [[0, 0, 0, 0, 0, 1, 0, 1]]
    assert values("(2)<int4", b"\xf1") == [[1, -1]]


@pytest.mark.parametrize("source", [*TYPES[1:], *SPECIAL_TYPES])
def test_operations_that_keep_the_dtype(source: str, instruction_set: str) -> None:
    layout = bf.Layout({"pad": "u1", "x": source, "xs": f"(3){source}"})
    records = raw_records(layout, 500)
    values = reference.decode(records, layout, {"x": bf.field("x")})["x"]
    is_float = "float" in layout["x"].type.value
    sentinel = float(values[-1]) if is_float else int(values[-1])
    sentinel = 0 if sentinel != sentinel else sentinel
    features = {}
    for name in ("x", "xs"):
        x = bf.field(name)
        features |= {
            f"{name} clip": x.clip(3, 100),
            f"{name} clip below": x.clip(low=1),
            f"{name} clip after": x.scale(0.5).clip(-1, 1),
            f"{name} fill": x.fill(7, missing=sentinel),
            f"{name} fill and scale": x.fill(0, missing=sentinel).scale(0.1),
            f"{name} is missing": x.is_missing(missing=sentinel),
            f"{name} is missing number": x.is_missing(sentinel).cast("float32"),
            f"{name} minmax": x.minmax(-3, 117),
            f"{name} fill after": x.div(3).fill(1),
        }
        if is_float:
            features |= {f"{name} fill nan": x.fill(-1), f"{name} is nan": x.is_missing()}
        else:
            features |= {
                f"{name} bits": x.bits(1, 7),
                f"{name} signed bits": x.bits(2, 5, signed=True).scale(2),
                f"{name} all bits": x.bits(0, layout["x"].type.bits),
                f"{name} sign": x.bits(layout["x"].type.bits - 1, 1).cast("bool"),
            }
    assert_follows_the_reference(records, layout, features, instruction_set)
    with bf.open(records, layout, bf.field("x").is_missing(missing=sentinel)) as reader:
        assert reader[:].any()


@pytest.mark.parametrize("dtype", ["S1", "S2", "S7", "S8", "S9", "S16", "S40", "<i2", ">u4", "<i8", ">u8", "u1"])
def test_codes_of_many_keys(dtype: str, instruction_set: str) -> None:
    random = np.random.default_rng(4)
    pool = np.frombuffer(random.bytes(3000 * np.dtype(dtype).itemsize), dtype)
    values = random.choice(pool, 10_000)
    codes = {key: number for number, key in enumerate(pool[:2000].tolist())}
    with open_with(values.tobytes(), dtype, bf.field("value").codes(codes, default=-5), instruction_set) as reader:
        expected = [codes.get(value, -5) for value in values.tolist()]
        assert reader[:].tolist() == expected


def test_codes_and_one_hot(instruction_set: str) -> None:
    layout = bf.Layout({"side": "S1", "sides": "(2,3)S1", "word": "S4", "small": "i1", "class": "<u2"})
    records = raw_records(layout, 300)
    records[:, 0] = np.resize(np.frombuffer(b"BSNX", "u1"), 300)
    records[:, 7:11] = np.resize(np.array([b"BUY", b"SELL", b"?"], "S4").view("u1").reshape(3, 4), (300, 4))
    sides = {"B": 0, "S": 1, "N": -7}
    features = {
        "side": bf.field("side").codes(sides),
        "sides": bf.field("sides").transpose().codes(sides, default=9).cast("int8"),
        "word": bf.field("word").codes({"BUY": 5, b"SELL": 6}, default=-2),
        "small": bf.field("small").codes({-1: 1, 0: 2, 77: 3}),
        "class": bf.field("class").one_hot(5),
        "hot": bf.field("side").codes(sides).one_hot(3).cast("bool"),
        "hot sides": bf.field("sides").codes({"B": 1, "S": 2}).one_hot(3).reshape(6, 3),
        "block": bf.concat(bf.field("side").codes(sides).one_hot(4), "class"),
    }
    batch = decode(records, layout, features, instruction_set)
    assert_identical(batch, reference.decode(records, layout, features))
    assert batch["side"][:4].tolist() == [0, 1, -7, -1]
    assert batch["word"][:3].tolist() == [5, 6, -2]
    assert batch["hot"][:3].tolist() == [[True, False, False], [False, True, False], [False, False, False]]


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", "<u2"])
def test_log1p_is_close_to_the_truth_and_the_same_everywhere(dtype: str) -> None:
    if dtype[1] == "f":
        random = np.random.default_rng(0)
        edges = [0, -0.0, -1, -2, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1e308, 5e-324, -0.9999999999999999, 1, 0.5]
        spread = np.concatenate([10 ** random.uniform(-30, 30, 50_000), random.uniform(-1, 3, 50_000)])
        with np.errstate(all="ignore"):
            values = np.concatenate([edges, spread]).astype(dtype)
    else:
        values = edge_values(dtype)
    results = [
        decode(values, bf.Layout(dtype), bf.field("value").log1p().cast("float64"), each)
        for each in bf.build_info().supported
    ]
    for result in results[1:]:
        assert_identical(result, results[0])
    compute = compute_dtype(values.dtype)
    with np.errstate(all="ignore"):
        truth = np.log1p(values.astype(compute).astype(np.longdouble))
        units = np.spacing(np.abs(truth.astype(compute)))
        error = np.abs(results[0].astype(np.longdouble) - truth) / units
    special = ~np.isfinite(truth)
    assert_identical(results[0][special], truth[special].astype(np.float64))
    assert np.max(error[~special]) <= 1


FIELD_TYPES = st.sampled_from([*TYPES, "S1", "S5", "V3", "<c8", ">c16"])
ANY_TYPES = st.sampled_from([*TYPES, *SPECIAL_TYPES, "S5", ">c16"])


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


@st.composite
def layouts(draw: st.DrawFn) -> bf.Layout:
    """Layouts of NumPy's structs, or of fields of any type with gaps between them."""
    if draw(st.booleans()):
        return bf.Layout(draw(record_dtypes()))
    fields: dict[str, Any] = {}
    end = 0
    for number in range(draw(st.integers(1, 5))):
        shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4))
        spelling = f"({','.join(map(str, shape))}){draw(ANY_TYPES)}"
        if draw(st.integers(0, 4)) == 0:
            spelling = f"({draw(st.sampled_from(['8', '2,4', '16']))}){draw(st.sampled_from(PACKED_TYPES))}"
        begin = end + draw(st.integers(0, 3))
        fields[f"f{number}"] = (spelling, begin)
        end = bf.Layout(fields)[f"f{number}"].end
    return bf.Layout(fields, record_bytes=end + draw(st.integers(0, 3)))


PARAMETERS = st.floats(0.001, 1000).map(lambda value: float(np.float32(value)))


@st.composite
def feature_of(draw: st.DrawFn, layout: bf.Layout) -> bf.Feature:
    """A field of the layout, taken through up to four operations that fit it."""
    name = draw(st.sampled_from(sorted(layout.fields)))
    shape = layout.fields[name].shape
    type_ = layout.fields[name].type.value
    feature = bf.field(name)
    is_number = layout.fields[name].type.is_number
    for _ in range(draw(st.integers(0, 4))):
        operations = ["reshape", "transpose", "select"]
        if is_number:
            operations += ["cast", "scale", "div", "standardize", "minmax"] + ["clip", "fill"] * (type_ != "bool")
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
        elif operation == "select" and shape:
            index = tuple(draw(st.sampled_from([slice(None), slice(None, None, -1), slice(0, 1)])) for _ in shape)
            shape = np.empty(shape)[index].shape
            feature = feature[index]
        elif operation == "cast":
            type_ = draw(st.sampled_from(OUTPUT_TYPES))
            feature = feature.cast(type_)
        elif operation == "clip":
            feature = feature.clip(1, draw(st.sampled_from([None, 100])))
        elif operation == "fill":
            feature = feature.fill(3, missing=draw(st.sampled_from([0, 1, 100])))
        elif operation != "select":
            type_ = "float32"
            feature = {
                "scale": lambda x, p=parameter: x.scale(p, -1.5),
                "div": lambda x, p=parameter: x.div(p),
                "standardize": lambda x, p=parameter: x.standardize(p, p),
                "minmax": lambda x, p=parameter: x.minmax(p, p + 1),
            }[operation](feature)
    return feature


@given(data=st.data())
def test_any_layout_and_any_chain_give_the_bits_of_the_reference(data: st.DataObject) -> None:
    layout = data.draw(layouts())
    features = {f"feature {i}": data.draw(feature_of(layout)) for i in range(data.draw(st.integers(1, 3)))}
    numbers = [name for name, field in layout.fields.items() if field.type.is_number]
    if numbers:
        features["block"] = bf.concat(*data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3)))
    records = raw_records(layout, data.draw(st.integers(1, 70)), seed=data.draw(st.integers(0, 9)))
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
