"""Comparing readers: the same files, the same batches, every reader in a process of its own, in turns.

A :class:`~binfeed.bench.workload.Workload` says which files there are and which batches to make of them. A peer, one
module in ``peers``, is one way to read them. :mod:`~binfeed.bench.harness` checks that its values are right, and times
it.
"""
