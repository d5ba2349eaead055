"""What peers share that keep records in files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from binfeed.bench.in_numpy import batch_of, record_dtype
from binfeed.bench.workload import Workload

Array = npt.NDArray[Any]

#: Records that are converted: as many as make no difference to the speed, as some formats take minutes per million.
MOST_RECORDS = 100_000
#: But no more bytes than this.
MOST_BYTES = 400 << 20


def records_of(workload: Workload, number: int) -> list[Array]:
    """Records of file ``number`` of each source."""
    return [
        np.fromfile(
            source.files[number],
            record_dtype(source.layout),
            source.count_of(number),
            offset=source.layout.header_bytes,
        )
        for source in workload.sources
    ]


def count_of(workload: Workload) -> int:
    """Records that are converted."""
    return min(MOST_RECORDS, MOST_BYTES // workload.record_bytes, workload.records())


def head(workload: Workload) -> Iterator[list[Array]]:
    """The first records of the workload, file by file, for each source."""
    left = count_of(workload)
    for number in range(len(workload.sources[0].files)):
        parts = [records[:left] for records in records_of(workload, number)]
        yield parts
        left -= len(parts[0])
        if left == 0:
            return


def decoded_head(workload: Workload) -> Iterator[list[Array]]:
    """Their outputs."""
    for parts in head(workload):
        yield [
            array
            for source, records in zip(workload.sources, parts, strict=True)
            for array in batch_of(source, records)
        ]


def joined_bytes(parts: list[Array]) -> Array:
    """Rows of bytes: a record of each source, one after the other."""
    return np.concatenate([part.view(np.uint8).reshape(len(part), -1) for part in parts], axis=1)


def batch_of_bytes(workload: Workload, records: list[bytes]) -> tuple[Array, ...]:
    """The batch of records that were put together by :func:`joined_bytes`."""
    rows = np.frombuffer(b"".join(records), np.uint8).reshape(len(records), -1)
    arrays: list[Array] = []
    begin = 0
    for source in workload.sources:
        end = begin + source.layout.record_bytes
        part = np.ascontiguousarray(rows[:, begin:end]).view(record_dtype(source.layout))
        arrays += batch_of(source, part.reshape(len(records)))
        begin = end
    return tuple(arrays)


def paths_in(folder: Path) -> list[str]:
    """The files of a folder, in order."""
    return sorted(str(path) for path in folder.iterdir())
