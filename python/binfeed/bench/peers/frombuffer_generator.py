"""``file.read`` and ``np.frombuffer``, a batch at a time, in ``from_generator``; a lane per file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from binfeed.bench.in_numpy import batch_of, record_dtype
from binfeed.bench.peers._tensorflow import endless, from_generators
from binfeed.bench.workload import Workload

title = "file.read + np.frombuffer in from_generator"


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    workload.require_sequence()
    dtypes = [record_dtype(source.layout) for source in workload.sources]
    counts = workload.sources[0].counts()

    def generate(lane: int) -> Iterator[list[Any]]:
        with contextlib.ExitStack() as stack:
            files = []
            for source in workload.sources:
                file = stack.enter_context(Path(source.files[lane]).open("rb"))
                file.seek(source.layout.header_bytes)
                files.append(file)
            for begin in range(0, counts[lane], workload.batch_size):
                count = min(workload.batch_size, counts[lane] - begin)
                batch: list[Any] = []
                for source, dtype, file in zip(workload.sources, dtypes, files, strict=True):
                    batch += batch_of(source, np.frombuffer(file.read(count * dtype.itemsize), dtype))
                yield batch

    return endless([from_generators(workload, generate, len(counts), threads)])
