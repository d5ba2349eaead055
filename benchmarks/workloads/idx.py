"""Images as MNIST has them: IDX files with a header, pixels in one and labels in another."""

from __future__ import annotations

import struct
from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import random_bytes, scaled, write

PIXELS = bf.Layout("(28,28)u1", header_bytes=16)
LABELS = bf.Layout("u1", header_bytes=8)


def make(folder: Path, scale: float) -> Workload:
    count = scaled(60_000, scale)
    random = np.random.default_rng(0)
    pixels = write(folder / "pixels", random_bytes(random, count, 784), struct.pack(">4I", 0x803, count, 28, 28))
    labels = write(folder / "labels", random_bytes(random, count, 1), struct.pack(">2I", 0x801, count))
    return Workload(
        name="idx",
        title="MNIST-like IDX: 784-byte images / 255 and labels from two files with headers",
        sources=[
            Source([pixels], PIXELS, (Output("image", "float32", (Column("value", divide=255),)),)),
            Source([labels], LABELS, (Output("label", "int32", (Column("value"),)),)),
        ],
        batch_size=256,
        note="Two readers side by side: each batch costs twice what goes with a batch, beside decoding.",
    )
