"""One way to feed batches per file: a ``title``, and ``dataset(workload, threads)``, an endless tf.data.Dataset.

Every peer gets the same number of threads, prefetches as much, and gives the same arrays.
"""

from __future__ import annotations

from types import ModuleType

from benchmarks.peers import (
    binfeed_generator,
    binfeed_graph,
    fixed_length_strings,
    fixed_length_whole,
    memmap_generator,
    py_function,
    record_generator,
)

#: From the slowest idea to ours, which is last.
PEERS: dict[str, ModuleType] = {
    module.__name__.rsplit(".", 1)[-1]: module
    for module in (
        record_generator,
        py_function,
        fixed_length_strings,
        fixed_length_whole,
        memmap_generator,
        binfeed_generator,
        binfeed_graph,
    )
}
OURS = "binfeed_graph"
