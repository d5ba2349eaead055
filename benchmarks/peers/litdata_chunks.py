"""LitData: chunks of records in a local folder, through PyTorch's loader and its processes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litdata
import torch
from binfeed.bench.in_numpy import Array
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import batch_of_bytes, count_of, head, joined_bytes

title = "LitData, StreamingDataLoader"


def prepare(workload: Workload, folder: Path) -> int:
    writer = litdata.streaming.Cache(str(folder), chunk_bytes="64MB")
    rows = (row for parts in head(workload) for row in joined_bytes(parts))
    for number, row in enumerate(rows):
        writer[number] = row.tobytes()
    writer.done()
    writer.merge()
    return count_of(workload)


def _tensors(workload: Workload, records: list[bytes]) -> list[torch.Tensor]:
    """The batch, as what goes from one process to another through shared memory."""
    return [torch.from_numpy(array) for array in batch_of_bytes(workload, records)]


class _Batches:
    def __init__(self, workload: Workload, threads: int, folder: Path) -> None:
        self._loader = litdata.StreamingDataLoader(
            litdata.StreamingDataset(str(folder), shuffle=workload.shuffled, drop_last=False),
            batch_size=workload.batch_size,
            num_workers=threads,
            collate_fn=functools.partial(_tensors, workload),
        )

    def __iter__(self) -> Iterator[list[Array]]:
        while True:
            for tensors in self._loader:
                yield [tensor.numpy() for tensor in tensors]


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    workload.require_records()
    return _Batches(workload, threads, folder)
