"""Images as CIFAR-10 has them: a byte of label, 3072 of pixels."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
import numpy as np
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import random_bytes, scaled, write_files

LAYOUT = bf.Layout(np.dtype([("label", "u1"), ("image", "u1", (3072,))]))
OUTPUTS = (
    Output("image", "float32", (Column("image", divide=255),)),
    Output("label", "int32", (Column("label"),)),
)


def make(folder: Path, scale: float) -> Workload:
    count = scaled(10_000, scale)
    files = write_files(folder, 8, lambda random: random_bytes(random, count, LAYOUT.record_bytes))
    return Workload(
        name="images",
        title="CIFAR-like images: 3,073-byte records to float32 / 255 and a label",
        sources=[Source(files, LAYOUT, OUTPUTS)],
        batch_size=256,
        note="Every byte becomes four: to decode a batch takes as long as to hand it over, which bounds the best.",
    )
