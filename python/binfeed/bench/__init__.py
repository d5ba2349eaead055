"""Comparing readers: they make the same batches of the same files in turns, each in a process of its own.

A :class:`~binfeed.bench.workload.Workload` says which files to read and which batches to make of them. A peer, which is
a module in ``peers``, is one way to read them. :mod:`~binfeed.bench.harness` checks that the values of each peer are
right, and times it.
"""
