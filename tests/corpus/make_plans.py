"""Writes plans as the library makes them: every type, operation, window and order in one of them at least.

    python -m tests.corpus.make_plans FOLDER

They are what the fuzzer of plans begins with, see README.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
from binfeed.element_types import OUTPUT_TYPES
from binfeed.schedule import make_schedule

from tests.helpers import nullable, random_records

TYPES = ["?", "i1", "u1", "<i2", ">u2", "<i3", ">u3", "<i4", ">u4", "<i5", ">u5", "<i6", ">u6", "<i7", ">u7", "<i8"]
TYPES += [
    ">u8",
    "<f2",
    ">f2",
    "<f4",
    ">f4",
    "<f8",
    ">f8",
    "<bfloat16",
    ">bfloat16",
    ">ibm32",
    "<c8",
    ">c16",
    "S5",
    "V5",
]
TYPES += ["(8)<uint1", "(4)>uint2", "(3,4)<int4", "(2,4)>uint12", "(6)wfdb212"]

X = bf.field("x")
OPERATIONS = {
    "scale": X.scale(0.5, 1),
    "div": X.div(255),
    "standardize": X.standardize(np.arange(12.0).reshape(3, 4), np.full((3, 4), 2.0)),
    "minmax": X.minmax(-1, 5).cast("float64"),
    "log1p": X.log1p().scale(2),
    "abs": X.cast("int8").abs(),
    "clip": X.clip(1, 100),
    "fill": X.cast("float16").fill(0, missing=3),
    "is_missing": X.is_missing(7),
    "bits": X.bits(2, 5, signed=True),
    "one_hot": X[0, :2].one_hot(5),
    "transpose": X.transpose(1, 0).cast("bfloat16"),
    "slice": X[::-1, ::2].cast("int64"),
    "concat": bf.concat("x", "price", X.div(3)),
    "codes": bf.field("code").codes({b"ab": 1, b"cd": 2}, default=7),
}
PRICE = bf.field("price")
#: Expressions of several values, and of those of earlier records.
EXPRESSIONS = {
    "exact": (X - X[::-1]) * 3 // X % 7,
    "float": (X - PRICE) / 2 + 1 / PRICE,
    "power": PRICE**0.5 + X**3,
    "compare": (X[:, ::-1] == X) | ~(PRICE >= 0.5) & (X < 300) & (X <= X),
    "where": bf.where(PRICE > 0, X, -1),
    "extrema": bf.maximum(bf.minimum(X, PRICE), 0.5),
    "bits": (X & 3) ^ (X | 8),
    "functions": bf.concat(PRICE.sqrt(), PRICE.exp(), PRICE.log(), PRICE.log2(), PRICE.log10(), PRICE.tanh()),
    "waves": bf.concat(PRICE.sin(), PRICE.cos().sign(), PRICE.floor(), PRICE.ceil(), PRICE.round()),
    "scaled": (X.cast("int64") - PRICE.cast("int64")).scale(0.5) * ((X + 1) / 3),
    "bucketize": bf.concat(X.bucketize([1, 5, 9]), PRICE.bucketize([0.5, 1.5])),
    "hash": bf.field("code").hash(10) + X.hash(7, salt=3),
    "cross": bf.cross("code", X, bins=50),
    "multi_hot": X.multi_hot(6),
    "times": bf.concat(X.time("s").day_of_year(), X.time("h").weekday().cyclic(7)),
    "lag": bf.concat(X.lag(2), PRICE.diff(first=0)),
    "rolling": PRICE.rolling_mean(5) - X.rolling_max(3) + PRICE.log_return(first="nan").rolling_std(4, first=1),
}
#: Operations on values that may be absent.
NULLS = {
    "fill": X.fill(3).scale(2),
    "fill-after": bf.concat(X.scale(2), "price").fill(0.5),
    "fill-bytes": bf.field("code").fill("ab"),
    "is_missing": X.is_missing(),
    "is_missing-float": bf.field("price").is_missing(-1),
}
RECORD = {"x": "(3,4)u1", "price": ">f4", "code": "S2"}
TOKEN = bf.field("value").cast("int32")
WINDOWS: dict[bf.Window, Any] = {
    bf.Window(4): TOKEN,
    bf.Window(4, stride=4): TOKEN,
    bf.Window(3, stride=5): TOKEN,
    bf.Window(5, dilation=2): TOKEN.div(2),
    bf.Window(4, stride=2, target_offset=1, target_size=4): {"past": TOKEN, "next": TOKEN.target()},
    bf.Window(3, dilation=2, stride=2): {"before": TOKEN.lag(3), "sum": TOKEN.cum_sum()},
}
ORDERS: list[dict[str, Any]] = [
    {},
    {"drop_remainder": True},
    {"shuffle": True, "seed": 1, "epochs": None},
    {"shuffle": bf.BlockShuffle(8, 4), "seed": 2},
    {"cycle_length": 2, "block_length": 3},
    {"shard": (1, 3)},
    {"shard": (2, 3), "shard_remainder": "pad", "shuffle": True, "seed": 3},
]


def plans() -> Iterator[tuple[str, bytes]]:
    """Names and plans."""
    for number, type_ in enumerate(TYPES):
        yield f"type-{number}", plan_of({"x": type_, "y": "u1"})
    for name, feature in OPERATIONS.items():
        yield f"operation-{name}", plan_of(RECORD, {name: feature})
    for name, feature in EXPRESSIONS.items():
        yield f"expression-{name}", plan_of(RECORD, {name: feature})
    for number, type_ in enumerate(OUTPUT_TYPES):
        yield f"cast-{type_}", plan_of({"x": TYPES[number]}, {"x": X.cast(type_)})
    for number, (window, features) in enumerate(WINDOWS.items()):
        yield f"window-{number}", plan_of("<u2", features, window=window)
    for number, order in enumerate(ORDERS):
        yield f"order-{number}", plan_of("<u2", None, **order)
    layout = nullable(bf.Layout({**RECORD, "a": "?", "b": "?"}), {"x": "a", "price": "b", "code": "a"})
    for name, feature in NULLS.items():
        yield f"null-{name}", plan_of(layout, {name: feature})
    yield "frame", plan_of(bf.Layout("<u4", header_bytes=5, footer_bytes=3))


def plan_of(layout: Any, features: Any = None, *, window: bf.Window | None = None, **order: Any) -> bytes:
    """The plan of a dataset over three small files."""
    from binfeed.tensorflow import graph  # noqa: PLC0415  (imports TensorFlow)

    layout = layout if isinstance(layout, bf.Layout) else bf.Layout(layout)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{records}.bin" for records in (20, 7, 33)]
        for path in paths:
            body = random_records("u1", int(path.stem) * layout.record_bytes).tobytes()
            path.write_bytes(bytes(layout.header_bytes) + body + bytes(layout.footer_bytes))
        with bf.open(paths, layout, features, window=window) as reader:
            return graph._plan_of(reader._samples, make_schedule(reader._samples, 8, **order))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, plan in plans():
        (folder / name).write_bytes(plan)
