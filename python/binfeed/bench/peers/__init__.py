"""One way to read per module: a ``title``, and ``batches(workload, threads, folder)``.

``batches`` gives an iterable without end: a :class:`tf.data.Dataset`, or anything else that can be iterated more than
once, of tuples of arrays or tensors, one for each of ``workload.outputs``; a single one may stand for itself. It raises
:class:`~binfeed.bench.workload.NotApplicable` where it cannot. ``threads`` are there for it to use. A peer that does
not read the files as they are has ``prepare(workload, folder)``, which converts records into ``folder`` and returns how
many.
"""

from __future__ import annotations


def name_of(peer: str) -> str:
    """What people call the peer of a module."""
    return peer.rsplit(".", 1)[-1]


#: From the slowest idea to ours.
PEERS = tuple(
    f"{__name__}.{name}"
    for name in (
        "struct_generator",
        "fixed_length_records",
        "fixed_length_batches",
        "fromfile_py_function",
        "frombuffer_generator",
        "read_file",
        "fixed_length_whole",
        "memmap_generator",
        "one_batch",
        "binfeed_generator",
        "binfeed_batches",
        "binfeed_graph",
    )
)

#: Reads nothing: it stands for what no reader in tf.data can be much faster than. Its values are not checked.
NO_READER = f"{__name__}.one_batch"

#: The engine that the others are compared with.
OURS = f"{__name__}.binfeed_graph"
