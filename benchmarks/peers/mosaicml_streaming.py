"""MosaicML Streaming: MDS shards in a local folder, through PyTorch's loader."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streaming
import torch
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import batch_of_bytes, count_of, head, joined_bytes

title = "MosaicML Streaming, DataLoader"


def prepare(workload: Workload, folder: Path) -> int:
    with streaming.MDSWriter(out=str(folder / "mds"), columns={"record": "bytes"}) as writer:
        for parts in head(workload):
            for row in joined_bytes(parts):
                writer.write({"record": row.tobytes()})
    return count_of(workload)


class _Batches:
    def __init__(self, workload: Workload, threads: int, folder: Path) -> None:
        decode = functools.partial(batch_of_bytes, workload)
        dataset = streaming.StreamingDataset(
            local=str(folder / "mds"), shuffle=workload.shuffled, batch_size=workload.batch_size
        )
        self._loader = torch.utils.data.DataLoader(
            dataset,
            workload.batch_size,
            num_workers=threads,
            collate_fn=lambda samples: decode([sample["record"] for sample in samples]),
        )

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield from self._loader


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    workload.require_records()
    return _Batches(workload, threads, folder)
