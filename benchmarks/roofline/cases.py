"""The workloads of the roofline: a record each, its features, and the arrays that the loop by hand fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt

from benchmarks.workloads import images
from benchmarks.workloads.ticks import RECORD

COLUMNS = 135


@dataclass(frozen=True)
class Case:
    """One kind of record, decoded by a loop of ``loops.cc`` and by binfeed.

    Attributes:
        name: of the loop as well.
        title: what it is.
        layout: of the record.
        features: whose arrays the loop fills, in this order.
        batch_size: records per call.
        bound: what the speed ends at.
        parameters: further arrays for the loop.
        is_random: whether records come in random order.
    """

    name: str
    title: str
    layout: bf.Layout
    features: dict[str, bf.Feature]
    batch_size: int
    bound: str
    parameters: tuple[npt.NDArray[Any], ...] = field(default=())
    is_random: bool = False


def _ticks() -> tuple[bf.Layout, list[bf.Feature]]:
    columns = [bf.field("price").scale(1e-9), *map(bf.field, ("size", "bid", "ask", "orders", "average"))]
    return bf.Layout(RECORD), [column.cast("float32") for column in columns]


def cases() -> list[Case]:
    """All of them."""
    ticks, columns = _ticks()
    random = np.random.default_rng(0)
    mean, std = random.normal(size=COLUMNS).astype("f4"), random.uniform(1, 2, COLUMNS).astype("f4")
    block = {"block": bf.concat(*columns)}
    clicks = bf.Layout({"label": "u1", "dense": "(13)<f2", "small": "(8)i1", "medium": "(9)<i2", "large": "(9)<i4"})
    click_features = {"label": bf.field("label").cast("float32"), "dense": bf.field("dense").cast("float32")}
    click_features |= {name: bf.field(name).cast("int32") for name in ("small", "medium", "large")}
    kmers = {"kmer": bf.field("kmer").cast("float64"), "count": bf.field("count").cast("int64")}
    return [
        Case(
            "images",
            "3073-byte images, u8 / 255",
            images.LAYOUT,
            {output.name: output.feature() for output in images.OUTPUTS},
            256,
            "division",
        ),
        Case("ticks_block", "48-byte ticks, 6 fields to one block", ticks, block, 4096, "single loads"),
        Case(
            "ticks_columns",
            "48-byte ticks, 6 fields to columns",
            ticks,
            {str(i): column for i, column in enumerate(columns)},
            4096,
            "single loads",
        ),
        Case("kmers", "10-byte u32 + u48", bf.Layout({"kmer": "<u4", "count": "<u6"}), kmers, 16384, "single loads"),
        Case(
            "rows",
            "540-byte rows of 135 float32, standardised",
            bf.Layout(("<f4", (COLUMNS,))),
            {"rows": bf.field("value").standardize(mean, std)},
            1024,
            "memory",
            (mean, std),
        ),
        Case("clicks", "89-byte clicks, 5 arrays", clicks, click_features, 8192, "short runs of elements"),
        Case(
            "frames",
            "128-byte frames of 64 big-endian i16, scaled",
            bf.Layout((">i2", (64,))),
            {"frames": bf.field("value").scale(0.195)},
            8192,
            "memory",
        ),
        Case(
            "ticks_random",
            "48-byte ticks in random order",
            ticks,
            block,
            4096,
            "memory latency",
            (),
            True,
        ),
    ]
