"""WebDataset: a file per record in tar archives."""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webdataset
from binfeed.bench.peers._shuffle import SHUFFLE_BUFFER
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import batch_of_bytes, count_of, head, joined_bytes, paths_in

title = "WebDataset"


def prepare(workload: Workload, folder: Path) -> int:
    for number, parts in enumerate(head(workload)):
        with tarfile.open(folder / f"{number:05}.tar", "w") as archive:
            for sample, row in enumerate(joined_bytes(parts)):
                info = tarfile.TarInfo(f"{number:05}-{sample:08}.bin")
                info.size = row.nbytes
                archive.addfile(info, io.BytesIO(row.tobytes()))
    return count_of(workload)


class _Batches:
    def __init__(self, workload: Workload, folder: Path) -> None:
        self._workload = workload
        self._paths = paths_in(folder)

    def __iter__(self) -> Iterator[Any]:
        records = webdataset.WebDataset(self._paths, shardshuffle=False).repeat()
        if self._workload.shuffled:
            records = records.shuffle(SHUFFLE_BUFFER)
        decode = functools.partial(batch_of_bytes, self._workload)
        batch: list[bytes] = []
        for record in records:
            batch.append(record["bin"])
            if len(batch) == self._workload.batch_size:
                yield decode(batch)
                batch = []


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    workload.require_records()
    return _Batches(workload, folder)
