"""Workloads against peers: ``python -m benchmarks``."""
