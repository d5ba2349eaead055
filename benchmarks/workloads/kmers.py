"""An index of k-mers: 10-byte records of an unsigned integer of 4 bytes and one of 6."""

from __future__ import annotations

from pathlib import Path

import binfeed as bf
from binfeed.bench.workload import Column, Output, Source, Workload

from benchmarks.workloads._files import random_bytes, scaled, write_files

LAYOUT = bf.Layout({"kmer": "<u4", "position": "<u6"})
OUTPUTS = (Output("kmer", "int64", (Column("kmer"),)), Output("position", "int64", (Column("position"),)))


def make(folder: Path, scale: float) -> Workload:
    count = scaled(400_000, scale)
    files = write_files(folder, 4, lambda random: random_bytes(random, count, LAYOUT.record_bytes))
    return Workload(
        name="kmers",
        title="k-mers: 10-byte records of u32 and u48 to int64",
        sources=[Source(files, LAYOUT, OUTPUTS)],
        batch_size=4096,
        note="TensorFlow has no 6-byte integer: it is put together from 2-byte words.",
    )
