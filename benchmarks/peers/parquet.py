"""Parquet through pyarrow: a column per output, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from binfeed.bench.in_numpy import Array
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import count_of, decoded_head, paths_in

title = "Parquet, pyarrow batches"


def prepare(workload: Workload, folder: Path) -> int:
    for number, arrays in enumerate(decoded_head(workload)):
        columns = [_column(array) for array in arrays]
        table = pa.Table.from_arrays(columns, [str(slot) for slot in range(len(columns))])
        pq.write_table(table, folder / f"{number:05}.parquet", compression="none", use_dictionary=False)
    return count_of(workload)


def _column(array: Array) -> Any:
    values = pa.array(array.ravel())
    if array.ndim == 1:
        return values
    return pa.FixedSizeListArray.from_arrays(values, int(np.prod(array.shape[1:])))


class _Batches:
    def __init__(self, workload: Workload, folder: Path) -> None:
        self._workload = workload
        self._files = paths_in(folder)
        self._shapes = [
            (-1, len(output.columns))
            if len(output.columns) > 1
            else (-1, *source.layout[output.columns[0].field].shape)
            for source in workload.sources
            for output in source.outputs
        ]

    def __iter__(self) -> Iterator[Any]:
        while True:
            for file in self._files:
                for batch in pq.ParquetFile(file).iter_batches(self._workload.batch_size):
                    yield tuple(
                        (column.flatten() if pa.types.is_fixed_size_list(column.type) else column)
                        .to_numpy(zero_copy_only=False)
                        .reshape(shape)
                        for column, shape in zip(batch.columns, self._shapes, strict=True)
                    )


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    workload.require_sequence("it reads row groups")
    return _Batches(workload, folder)
