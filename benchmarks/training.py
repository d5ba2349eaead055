"""A small model trained for one epoch from each feed: the time of a step, and how much of it is waiting for input."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from binfeed.bench.harness import Peer
from binfeed.bench.server import Skipped

from benchmarks.workloads import images

PEERS = ("fixed_length_batches", "fixed_length_whole", "memmap_generator", "binfeed_generator", "binfeed_graph")


def measure(peers: Sequence[Peer], folder: Path, scale: float, advance: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row per feed."""
    workload = images.make(folder, scale)
    steps = max(workload.records() // workload.batch_size, 1)
    rows = []
    for peer in peers:
        if peer.name not in PEERS:
            continue
        try:
            step, waiting = peer.use(workload, folder / peer.name, train, steps)
        except Skipped:
            continue
        shown = {"feed": peer.title(), "ms per step": f"{step * 1e3:.2f}", "waiting for input": f"{waiting:.0%}"}
        rows.append(shown | {"epoch": f"{step * steps:.2f} s"})
        advance(peer.name)
    return rows


def train(batches: Iterable[Any], steps: int) -> tuple[float, float]:
    """Seconds per step, and the share of them that went by before the batch was there."""
    import keras  # noqa: PLC0415  (in the peer's process)
    import tensorflow as tf  # noqa: PLC0415

    layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((3072,)), *layers])
    optimizer = keras.optimizers.SGD(1e-3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function  # type: ignore[untyped-decorator]
    def step(image: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(label % 10, model(image, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return value

    iterator = iter(batches)
    step(*next(iterator))  # traces
    waited = 0.0
    begin = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        image, label = next(iterator)
        waited += time.perf_counter() - asked
        step(image, label).numpy()
    seconds = time.perf_counter() - begin
    return seconds / steps, waited / seconds
