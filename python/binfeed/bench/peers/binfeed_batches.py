"""binfeed without TensorFlow: NumPy arrays, decoded by the thread that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from binfeed.bench.peers._binfeed import open_reader
from binfeed.bench.workload import Workload
from binfeed.reader import Reader

title = "binfeed, NumPy batches"


class Endless:
    """Iterated again, it begins again."""

    def __init__(self, reader: Reader, workload: Workload) -> None:
        self._reader = reader
        self._workload = workload

    def __iter__(self) -> Iterator[Any]:
        return self._reader.batches(self._workload.batch_size, shuffle=self._workload.shuffled, epochs=None)


def batches(workload: Workload, threads: int, folder: Path) -> Endless:
    return Endless(open_reader(workload), workload)
