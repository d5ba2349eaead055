"""One workload per file."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads.images import Images
from benchmarks.workloads.ticks import Ticks

WORKLOADS: dict[str, type[Workload]] = {workload.name: workload for workload in (Images, Ticks)}
