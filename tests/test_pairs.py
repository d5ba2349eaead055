"""Every pair of what meets: operation, type, byte order and engine; order, shards, files and engine."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed import reference
from binfeed.element_types import OUTPUT_TYPES
from binfeed.reader import open_with
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.differential import (
    check_batches,
    check_dataset,
    in_tensorflow,
    mapped,
    open_case,
    open_part,
    samples_of,
)
from tests.helpers import Array, assert_identical
from tests.strategies import (
    ARITHMETIC,
    BITWISE,
    COMBINATIONS,
    COMPARISONS,
    FUNCTIONS,
    OPERATIONS,
    TYPES,
    Case,
    Chain,
    Combined,
    Leaf,
    Member,
    Order,
    Part,
    Record,
    Step,
    Struct,
    Type,
    chains,
    draft_of,
    leaves,
    meets_in,
    record_bytes,
    records,
)

# Operations, types and byte orders.

NAMES = sorted({spelling.lstrip("<>") for spelling in TYPES})
RECORDS = 150

#: Every operation, with arguments that fit all types that take it.
STEPS = {
    "cast": [Step("cast", (dtype,)) for dtype in OUTPUT_TYPES],
    "scale": [Step("scale", (0.1,)), Step("scale", (3,), {"offset": -1.5}), Step("scale", (1e-9,))],
    "div": [Step("div", (255,)), Step("div", (-0.7,))],
    "standardize": [Step("standardize", (0.3, 7))],
    "minmax": [Step("minmax", (-3, 117))],
    **{name: [Step(name)] for name in (*FUNCTIONS, "sqrt", "square", "abs", "sign", "floor", "ceil", "round")},
    "negative": [Step("__neg__")],
    "~": [Step("__invert__")],
    "clip": [Step("clip", (0, 1)), Step("clip", (None, 100))],
    "fill": [Step("fill", (1,), {"missing": 0})],
    "is_missing": [Step("is_missing", (1,))],
    "bits": [Step("bits", (0, 1)), Step("bits", (0, 1), {"signed": True})],
    "codes": [],
    "is_in": [],
    "bucketize": [Step("bucketize", ([0, 1, 2**40],)), Step("bucketize", ([-0.5, 0.1, 1e40],))],
    "one_hot": [Step("one_hot", (4,))],
    "multi_hot": [Step("multi_hot", (4,))],
    "reshape": [Step("reshape", (-1, 1))],
    "transpose": [Step("transpose")],
    "index": [Step("__getitem__", ((..., slice(None, None, -2)),))],
}


def steps_of(leaf: Leaf) -> Iterator[Step]:
    """All operations that the field takes."""
    for name, (fits, _) in OPERATIONS.items():
        if fits(draft_of(leaf)):
            yield from STEPS[name]
            if name in ("codes", "is_in"):
                yield Step(name, ({"A": 5, "B": 2} if leaf.type.value.startswith("S") else {0: 5, 1: 2},))
            if name == "bits":
                yield Step("bits", (leaf.type.bits // 2, leaf.type.bits - leaf.type.bits // 2))


def combinations_of(x: Chain, y: Chain, type_: str) -> Iterator[Combined]:
    """All combinations of two fields of one type, and of one with numbers on either side."""
    for function in COMBINATIONS:
        if function == "concat":
            yield Combined(function, (x, replace(x, steps=(Step("scale", (0.5,)),))))
        elif function == "where":
            yield Combined(function, (Chain(Combined("<", (x, 1))), x, y))
            yield Combined(function, (Chain(Combined("!=", (x, y))), 0.5, x))
        elif function == "between":
            yield Combined(function, (x, 0, y))
        elif function not in BITWISE or "float" not in type_:
            number = True if function in BITWISE and type_ == "bool" else 3
            yield from (Combined(function, parts) for parts in ((x, y), (x, number), (number, x)))
        if function in (*ARITHMETIC, *COMPARISONS):
            yield Combined(function, ([[0.5], [-2]], x))


@functools.cache
def part_of(name: str) -> Part:
    """Files of a type in all its byte orders, and every operation on each as a feature."""
    members: list[Member] = []
    end = 1  # so that nothing is aligned
    for type_ in TYPES.values():
        if type_.spelling.lstrip("<>") == name:
            members.append(Member(f"x{len(members)}", type_, (2, 4) if type_.is_packed else (2, 3), end))
            end += members[-1].size
    struct = Struct(tuple(members), end + 1)
    features: dict[str, Chain] = {}
    of_type = [*leaves(struct)]
    for leaf, other in zip(of_type, reversed(of_type), strict=True):
        chains = {"as it is": Chain(leaf.name)}
        for step in steps_of(leaf):
            chains[f"{step.operation} {step.arguments} {step.keywords}"] = Chain(leaf.name, (step,))
        if leaf.type.is_number:
            for made in combinations_of(Chain(leaf.name), Chain(other.name), leaf.type.value):
                chains[f"{made.function} {made.parts}"] = Chain(made)
        features |= {f"{leaf.type.spelling} {shown}": chain for shown, chain in chains.items()}
    return Part(Record(struct, "dict", b"head"), (60, 0, 50, RECORDS - 110), 1, features)


@functools.cache
def model_of(name: str) -> Any:
    return samples_of(part_of(name))


def assert_same_features(found: dict[str, Array], name: str, *, is_tensorflow: bool = False) -> None:
    """Whether all features are the model's; else an error names those that are not."""
    wrong = {}
    assert set(found) == set(model_of(name))
    for feature, values in model_of(name).items():
        try:
            assert_identical(found[feature], in_tensorflow(values.array) if is_tensorflow else values.array)
        except AssertionError as error:
            wrong[feature] = str(error)
    assert not wrong


def joined(batches: Any) -> dict[str, Array]:
    found = list(batches)
    return {name: np.concatenate([batch[name] for batch in found]) for name in found[0]}


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_on_every_type_by_a_reader(name: str, instruction_set: str) -> None:
    part = part_of(name)
    contents = [np.frombuffer(content, np.uint8) for content in part.files()]
    with open_with(contents, part.record.layout(), part.asked(), instruction_set) as reader:
        found: Any = reader[:]
        assert_same_features(found, name)
        assert_same_features(joined(reader.batches(64)), name)


@pytest.mark.parametrize("engine", ["graph", "generator"])
@pytest.mark.parametrize("name", NAMES)
def test_every_operation_on_every_type_by_tf_data(name: str, engine: str, tmp_path: Path) -> None:
    with open_part(part_of(name), tmp_path / "files") as reader:
        found = joined(reader.to_tf_dataset(64, engine=engine).as_numpy_iterator())
    assert_same_features(found, name, is_tensorflow=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_on_every_type_by_the_decode_op(name: str) -> None:
    import binfeed.tensorflow as bft  # noqa: PLC0415

    part = part_of(name)
    records = [row.tobytes() for row in part.raw()]
    tensors = bft.decode(records, part.record.layout(), part.asked())
    assert_same_features({feature: tensor.numpy() for feature, tensor in tensors.items()}, name, is_tensorflow=True)


# Two types.

#: A field for each type that values have.
FIELDS = {
    name: TYPES[f"<{name}" if f"<{name}" in TYPES else name]
    for name in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "bfloat16", "f4", "f8")
}


@functools.cache
def part_of_two(function: str) -> Part:
    """Records with a value of each type, and the combination of every two of them."""
    ends = np.cumsum([1, *(type_.bits // 8 for type_ in FIELDS.values())]).tolist()
    members = [Member(name, type_, (), end) for (name, type_), end in zip(FIELDS.items(), ends, strict=False)]
    features: dict[str, Chain] = {}
    for a, b in itertools.product(FIELDS, repeat=2):
        if has_combination(function, FIELDS[a].value, FIELDS[b].value):
            before = (Chain(Combined("<", (Chain("f4"), 0.5))),) if function == "where" else ()
            behind = (Chain("i8"),) if function == "between" else ()
            features[f"{a}, {b}"] = Chain(Combined(function, (*before, Chain(a), Chain(b), *behind)))
    return Part(Record(Struct(tuple(members), ends[-1]), "dict"), (400,), 1, features)


def has_combination(function: str, a: str, b: str) -> bool:
    """Whether values of two types can be combined."""
    if function in BITWISE and (a, b) != ("bool", "bool") and not ("int" in a and "int" in b):
        return False
    return function not in (*BITWISE, "minimum", "maximum", "where") or meets_in([a, b], []) is not None


@functools.cache
def model_of_two(function: str) -> Any:
    return mapped(lambda values: values.array, samples_of(part_of_two(function)))


@pytest.mark.parametrize("function", COMBINATIONS)
def test_every_combination_of_two_types(function: str, instruction_set: str) -> None:
    part = part_of_two(function)
    contents = [np.frombuffer(content, np.uint8) for content in part.files()]
    with open_with(contents, part.record.layout(), part.asked(), instruction_set) as reader:
        assert_identical(reader[:], model_of_two(function))


# Orders.

ORDERS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "interleaved": {"cycle_length": 3, "block_length": 2},
    "global": {"shuffle": True, "seed": 2**64 - 1},
    "block": {"shuffle": bf.BlockShuffle(5, 2), "seed": 7},
}
SHARDS: dict[str, dict[str, Any]] = {
    "alone": {},
    "drop": {"shard": (1, 3)},
    "pad": {"shard": (2, 3), "shard_remainder": "pad"},
}


def files_of(spelling: str, counts: tuple[int, ...], window: bf.Window | None = None) -> Part:
    member = Member("x", Type(spelling, 16, np.dtype(spelling).name), (), 0)
    features = {"x": Chain("x")} | ({"next": Chain("x", is_target=True)} if window else {})
    return Part(Record(Struct((member,), 3), "dict", b"head"), counts, 3, features, window)


WINDOW = bf.Window(3, stride=2, dilation=2, target_offset=5)
READERS = {
    "files": (files_of("<u2", (10, 0, 7, 23)),),
    "zipped": (files_of("<u2", (10, 0, 7, 23)), files_of(">i2", (33, 7))),
    "windows": (files_of(">i2", (25, 3, 18, 40), WINDOW),),
}


@pytest.mark.parametrize("engine", ["batches", "graph", "generator"])
@pytest.mark.parametrize("readers", READERS)
@pytest.mark.parametrize(("order", "shards", "drops"), [*itertools.product(ORDERS, SHARDS, [False, True])])
def test_every_order_by_every_engine(
    order: str, shards: str, drops: bool, readers: str, engine: str, tmp_path: Path
) -> None:
    asked = Order(batch_size=4, drop_remainder=drops, epochs=2, **ORDERS[order], **SHARDS[shards])
    case = Case(parts=READERS[readers], order=asked, resumed=asked, taken=2, engine=engine)
    with open_case(case, tmp_path) as reader:
        whole = mapped(lambda values: values.array, tuple(map(samples_of, case.parts)))
        whole = whole if readers == "zipped" else whole[0]
        if engine == "batches":
            check_batches(case, reader, whole)
        else:
            check_dataset(case, reader, whole)


#: Functions of which the definition has other bits.
INEXACT = {f"operation: {name}" for name in (*FUNCTIONS, "**")}


@given(data=st.data())
@settings(max_examples=150)
def test_features_together_are_what_each_is_alone(data: st.DataObject) -> None:
    """Their common parts are worked out once, and values may lie where outputs are."""
    record = data.draw(records())
    fields = tuple(leaves(record.struct))
    chain = data.draw(chains(fields))
    drawn = [chain, *data.draw(st.lists(chains(fields), max_size=3))]
    # The same again, and shorter and longer chains that begin alike.
    for other in list(drawn):
        cut = data.draw(st.integers(0, len(other.steps)))
        drawn += [replace(other, steps=other.steps[:cut]), other]
    drawn = data.draw(st.permutations(drawn))
    raw = record_bytes(record.struct, data.draw(st.sampled_from([1, 2, 40, 1500])), data.draw(st.integers(0, 99)))
    content = record.header + raw.tobytes() + record.footer
    layout = record.layout()
    try:
        features = {str(number): chain.feature() for number, chain in enumerate(drawn)}
        alone = {name: bf.open(content, layout, feature)[:] for name, feature in features.items()}
    except bf.FeatureError:
        return
    for instruction_set in bf.build_info().supported:
        with open_with(content, layout, features, instruction_set) as reader:
            assert_identical(reader[:], alone)
            assert_identical(reader.take([0]), {name: values[:1] for name, values in alone.items()})


@given(data=st.data())
@settings(max_examples=300)
def test_features_of_other_records_are_made_or_refused(data: st.DataObject) -> None:
    """Fields of the same names may have other types and shapes, which nothing drawn takes into account."""
    chain = data.draw(chains(tuple(leaves(data.draw(records()).struct))))
    record = data.draw(records())
    raw = record_bytes(record.struct, 50, data.draw(st.integers(0, 99)))
    content = record.header + raw.tobytes() + record.footer
    layout = record.layout()
    try:
        found, *others = (
            open_with([np.frombuffer(content, np.uint8)], layout, chain.feature(), name)[:]
            for name in bf.build_info().supported
        )
    except bf.FeatureError:
        return
    for other in others:
        assert_identical(other, found)
    if record.form != "string" and not INEXACT & set(chain.traits()):
        assert_identical(found, reference.decode(raw, layout, {"x": chain.feature()})["x"])
