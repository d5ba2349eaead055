"""Frozen bits: what users keep, or resume from, stays as it is even if the reference and the core change together."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.planning import plan_features
from binfeed.reader import open_with
from binfeed.schedule import make_schedule

from tests.helpers import Array, WriteFiles, assert_identical

SAMPLES = 20


def digest(*arrays: Array) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


@pytest.fixture
def reader(write_files: WriteFiles) -> bf.Reader:
    return bf.open(write_files(*np.split(np.arange(SAMPLES, dtype="u1"), [3, 4, 15])), "u1")


# Orders: the samples of two epochs.


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        (
            {"cycle_length": 2, "block_length": 3},
            [0, 1, 2, 3, 4, 5, 6, 15, 16, 17, 7, 8, 9, 18, 19, 10, 11, 12, 13, 14],
            [0, 1, 2, 3, 4, 5, 6, 15, 16, 17, 7, 8, 9, 18, 19, 10, 11, 12, 13, 14],
        ),
        (
            {"shuffle": True, "seed": 7},
            [0, 6, 7, 13, 5, 10, 3, 1, 12, 2, 4, 9, 17, 14, 8, 16, 19, 18, 15, 11],
            [18, 14, 4, 17, 19, 12, 0, 8, 16, 10, 6, 15, 1, 11, 13, 9, 7, 2, 3, 5],
        ),
        (
            {"shuffle": True, "seed": 2**64 - 1},
            [2, 8, 1, 14, 5, 16, 6, 9, 13, 7, 4, 0, 19, 18, 11, 12, 17, 3, 15, 10],
            [19, 4, 9, 17, 10, 3, 14, 6, 16, 18, 1, 5, 2, 0, 8, 13, 15, 7, 12, 11],
        ),
        (
            {"shuffle": bf.BlockShuffle(4, 2), "seed": 7},
            [3, 13, 14, 1, 0, 2, 12, 15, 9, 7, 4, 10, 6, 8, 11, 5, 16, 18, 19, 17],
            [1, 3, 12, 14, 13, 0, 2, 15, 10, 19, 16, 11, 8, 18, 17, 9, 5, 4, 6, 7],
        ),
    ],
    ids=["interleaved", "global", "global-largest-seed", "block"],
)
def test_orders(reader: bf.Reader, options: dict[str, Any], first: list[int], second: list[int]) -> None:
    epochs: list[Any] = list(reader.batches(SAMPLES, epochs=2, **options))
    assert [epoch.tolist() for epoch in epochs] == [first, second]


def test_the_batches_of_a_shard(reader: bf.Reader) -> None:
    batches: list[Any] = list(reader.batches(3, epochs=2, shuffle=True, seed=7, shard=(1, 3)))
    assert [batch.tolist() for batch in batches] == [[13, 5, 10], [17, 14, 8], [17, 19, 12], [1, 11, 13]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shuffle": True}, "b9216d866dada1f8"),
        ({"shuffle": "block"}, "42ee67e575d9cd00"),
        ({"shuffle": bf.BlockShuffle(100, 7)}, "14665bab2995efba"),
        ({"shuffle": True, "shard": (2, 7), "shard_remainder": "pad"}, "6155537c7c77ce18"),
        ({"shuffle": True, "shard": (2, 7), "drop_remainder": True}, "cff2be93a73c050e"),
    ],
    ids=["global", "block", "small-blocks", "shard-padded", "shard-dropped"],
)
def test_orders_of_many_samples(options: dict[str, Any], expected: str) -> None:
    batches: Any = bf.open(np.arange(100_003, dtype="<u4"), "<u4").batches(1000, epochs=2, seed=1, **options)
    assert digest(*batches) == expected


# States, and layouts in files.

LAYOUT = bf.Layout(
    {
        "time": ">u8",
        "price": ("<i4", 8),
        "flags": ("(8)<uint3", 12),
        "levels": ("(2,3)<f4", 16, (4, 8)),
        "name": ("S6", 40),
        "size": ("<u3", 46),
        "weight": ("(2)<bfloat16", 49),
        "old": (">ibm32", 53),
        "share": ("<f8", 57),
    },
    record_bytes=66,
    header_bytes=4,
    footer_bytes=2,
)
FEATURES = {
    "price": bf.field("price").fill(0, missing=-(2**31)).scale(0.01, offset=-3).clip(-1e5, 1e5),
    "time": bf.field("time").cast("float64").div(1e9),
    "levels": bf.field("levels")[::-1, 1:].transpose().standardize([0.5, 1], [2, 3]),
    "flags": bf.field("flags").one_hot(3),
    "name": bf.field("name").codes({"AB": 1, b"\0\1": 2}, default=-7),
    "size": bf.field("size").bits(3, 7, signed=True),
    "mixed": bf.concat(bf.field("weight"), bf.field("old").cast("float32")).reshape(3, 1).minmax(0, 2.5),
    "log": bf.field("share").log1p(),
    "missing": bf.field("share").is_missing(),
    "next": bf.field("size").target(),
}
WINDOW = bf.Window(3, stride=2, dilation=2, target_offset=7)

STATE = {
    "version": 2,
    "layout": "93694b0ebee80354",
    "features": "fc61f530fa523ad0",
    "window": "72b4fb8df3bd24d8",
    "file_count": 1,
    "files": "63549ca9ef3eded5",
    "order": "global shuffle",
    "seed": 9,
    "epoch": 1,
    "position": 12,
    "checksum": "f71918dcfc4d95a3",
}
YAML = """\
record_bytes: 66
header_bytes: 4
footer_bytes: 2
fields:
  time: ['>u8', 0]
  price: [<i4, 8]
  flags: [(8)<uint3, 12]
  levels:
  - (2,3)<f4
  - 16
  - [4, 8]
  name: [S6, 40]
  size: [<u3, 46]
  weight: [(2)<bfloat16, 49]
  old: ['>ibm32', 53]
  share: [<f8, 57]
"""
DECODED = {
    "price": "6f6ef411315aa063",
    "time": "be53512b64a197b3",
    "levels": "66f6f7e777aa2038",
    "flags": "408a6557c4e0ecd7",
    "name": "fec6cc7bf1e17994",
    "size": "880f750fbfabc16a",
    "mixed": "ef5c49c61b8ced62",
    "log": "8f67d3ebf905c6c2",
    "missing": "dc2021c180e2d836",
    "next": "6e068a9d1791582e",
}


def record_file(folder: Path) -> Path:
    random = np.random.default_rng(5)
    path = folder / "records.bin"
    path.write_bytes(b"head" + random.integers(0, 256, 100 * LAYOUT.record_bytes, np.uint8).tobytes() + b"ft")
    return path


def test_states_go_on(tmp_path: Path) -> None:
    reader = bf.open(record_file(tmp_path), LAYOUT, FEATURES, window=WINDOW)
    assert reader.batches(4, shuffle=True, seed=9, epochs=3).skip(15).state() == STATE
    rest: Any = list(reader.batches(4, shuffle=True, epochs=3, state=STATE))
    expected = list(reader.batches(4, shuffle=True, seed=9, epochs=3).skip(15))
    assert_identical(rest[0], expected[0])
    assert len(rest) == len(expected)


def test_layouts_in_yaml(tmp_path: Path) -> None:
    path = tmp_path / "layout.yaml"
    path.write_text(YAML)
    assert bf.Layout.load(path) == LAYOUT
    LAYOUT.save(path)
    assert bf.Layout.load(path) == LAYOUT


# Plans: those that a SavedModel holds.

PLAN = "6a47229f9cc1a600"


def test_plans(tmp_path: Path) -> None:
    """A plan that differs needs another version in read_plan.cc, so that an old one is refused by name."""
    pytest.importorskip("tensorflow")
    from binfeed.tensorflow.plan import plan_bytes  # noqa: PLC0415

    reader = bf.open(record_file(tmp_path), LAYOUT, FEATURES, window=WINDOW)
    schedule = make_schedule(reader._samples, 4, shuffle=bf.BlockShuffle(8, 4), seed=9, epochs=3, shard=(1, 2))
    plan = plan_bytes(LAYOUT, plan_features(FEATURES, LAYOUT, WINDOW), window=WINDOW, schedule=schedule.spec)
    assert plan.startswith(b"binfeed read plan 4\n")
    assert hashlib.sha256(plan).hexdigest()[:16] == PLAN


# Decoded values.


def test_decoded_values(tmp_path: Path, instruction_set: str) -> None:
    with open_with(record_file(tmp_path), LAYOUT, FEATURES, instruction_set, WINDOW) as reader:
        found: Any = reader[:]
    assert {name: digest(quiet(array)) for name, array in found.items()} == DECODED


def quiet(array: Array) -> Array:
    """With one NaN for all: which of them comes out is the processor's choice."""
    if array.dtype.kind != "f":
        return array
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
