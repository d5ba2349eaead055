"""What our own peers share."""

from __future__ import annotations

import binfeed as bf
from binfeed.bench.workload import Workload


def open_reader(workload: Workload) -> bf.Reader:
    """The workload's files, and what to make of them."""
    readers = [
        bf.open(source.files, source.layout, source.features, window=workload.window) for source in workload.sources
    ]
    return readers[0] if len(readers) == 1 else bf.zip(*readers)
