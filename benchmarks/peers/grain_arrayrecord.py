"""Google Grain over ArrayRecord: an exact shuffle, threads that read ahead, a batch read and decoded at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grain
from array_record.python.array_record_module import ArrayRecordWriter
from binfeed.bench.in_numpy import Array
from binfeed.bench.workload import Workload

from benchmarks.peers._convert import batch_of_bytes, count_of, head, joined_bytes, paths_in

title = "Grain + ArrayRecord"


def prepare(workload: Workload, folder: Path) -> int:
    for number, parts in enumerate(head(workload)):
        writer = ArrayRecordWriter(str(folder / f"{number:05}.array_record"), "group_size:1,uncompressed")
        for row in joined_bytes(parts):
            writer.write(row.tobytes())
        writer.close()
    return count_of(workload)


def batches(workload: Workload, threads: int, folder: Path) -> Any:
    workload.require_records()
    source = grain.sources.ArrayRecordDataSource(paths_in(folder))

    def read(indices: Any) -> tuple[Array, ...]:
        # A batch at once: one by one, a record takes fifty times as long.
        return batch_of_bytes(workload, source.__getitems__(indices.tolist()))

    indices = grain.MapDataset.range(len(source))
    indices = indices.shuffle(seed=0) if workload.shuffled else indices
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return indices.batch(workload.batch_size).map(read).repeat().to_iter_dataset(options)
