"""Train a forecaster on many small files, one per day and sensor, and validate it on the last days.

Each file has a record per minute: the time, two int16 channels in which -32768 stands for a missing value, and a
float32 channel. The program makes up such files for the electric load of buildings, and shows:

- windows of an hour, with the load an hour after each of them as its target; no window crosses the end of a file,
- features that fill and standardise, with numbers that come from the training files only,
- two orders: all windows of all files in random order, and files that take turns as with ``Dataset.interleave``,
- how many windows the pipeline delivers per second, alone and while a model trains.

The forecasts must beat the naive one, that the load stays as it is. With ``--order interleave`` they are much worse
than with a shuffle: the files that take turns are all at the same time of the day, so the model follows the hours.

Run it with ``python examples/time_series_from_many_files.py``, or with ``--folder out/loads`` to keep the files. It
takes less than a minute on two processors.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import binfeed as bf
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

RECORD = np.dtype([("time", "<i8"), ("temperature", "<i2"), ("humidity", "<i2"), ("load", "<f4")])
MISSING = -32768
SENSORS = 8
MINUTES = 24 * 60

#: A window of so many minutes, and its target so many minutes after the last of them.
LENGTH = 60
HORIZON = 60
WINDOW = bf.Window(LENGTH, target_offset=LENGTH - 1 + HORIZON)

ORDERS: dict[str, dict[str, Any]] = {
    "shuffle": {"shuffle": True, "seed": 1},
    "interleave": {"cycle_length": 16, "block_length": 16},
}


def wander(random: np.random.Generator, count: int, minutes: float, deviation: float) -> npt.NDArray[Any]:
    """Return so many values per sensor that wander around 0, and forget where they were within so many minutes."""
    values = random.normal(0, deviation * np.sqrt(2 / minutes), (count, SENSORS))
    for minute in range(1, count):
        values[minute] += values[minute - 1] * (1 - 1 / minutes)
    return values


def measured(days: int) -> npt.NDArray[Any]:
    """Return the records of all sensors, minute by minute."""
    random = np.random.default_rng(0)
    minute = np.arange(days * MINUTES).reshape(-1, 1)
    hour = minute / 60 % 24
    temperature = 12 + 6 * np.sin((hour - 9) * np.pi / 12) + wander(random, len(minute), 600, 2)
    working = np.exp(-(((hour - 13) / 4) ** 4))
    records = np.zeros((len(minute), SENSORS), RECORD)
    records["time"] = minute * 60
    records["temperature"] = 100 * temperature
    records["humidity"] = 6000 - 150 * temperature + wander(random, len(minute), 600, 500)
    for channel in ("temperature", "humidity"):
        records[channel][random.random(records.shape) < 0.01] = MISSING
    records["load"] = 40 + 35 * working - temperature + wander(random, len(minute), 40, 6)
    return records


def write(folder: Path, days: int) -> list[Path]:
    """Write files such as ``day-05/sensor-3.bin``, and return them day by day."""
    files = []
    for day, records in enumerate(np.split(measured(days), days)):
        (folder / f"day-{day:02}").mkdir(parents=True, exist_ok=True)
        for sensor in range(SENSORS):
            files.append(folder / f"day-{day:02}" / f"sensor-{sensor}.bin")
            records[:, sensor].tofile(files[-1])
    return files


def statistics(files: Sequence[Path], name: str) -> tuple[float, float]:
    """Return the mean and the standard deviation of a channel, without its missing values."""
    with bf.open(files, RECORD, name) as reader:
        values = reader[:]
    values = values[values != MISSING]
    return float(values.mean(dtype="f8")), float(values.std(dtype="f8"))


def make_features(files: Sequence[Path]) -> tuple[dict[str, bf.Feature], float]:
    """Return features that are standardised for these files, and the standard deviation of the load."""
    past = []
    for name in ("temperature", "humidity"):
        mean, deviation = statistics(files, name)
        past.append(bf.field(name).fill(round(mean), missing=MISSING).standardize(mean, deviation))
    mean, deviation = statistics(files, "load")
    load = bf.field("load").standardize(mean, deviation)
    return {"past": bf.concat(*past, load), "time": bf.field("time"), "next": load.target()}, deviation


def with_clock(features: dict[str, tf.Tensor], target: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Replace the times of each window by the direction of the clock's hand at the last of them."""
    angle = tf.cast(features["time"][:, -1] % 86400, tf.float32) * (2 * np.pi / 86400)
    return {"past": features["past"], "clock": tf.stack([tf.sin(angle), tf.cos(angle)], axis=1)}, target


def compiled_model() -> keras.Model:
    """Return a small forecaster of the standardised load."""
    layers = keras.layers
    inputs = {"past": keras.Input((LENGTH, 3), name="past"), "clock": keras.Input((2,), name="clock")}
    hidden = layers.Concatenate()([layers.Flatten()(inputs["past"]), inputs["clock"]])
    for _ in range(2):
        hidden = layers.Dense(64, activation="relu")(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile("adam", "mean_absolute_error")
    return model


class Stopwatch(keras.callbacks.Callback):
    """Measures the seconds of each epoch, without its validation."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begin = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self.begin


def rate(dataset: tf.data.Dataset, seconds: float = 1) -> float:
    """Return how many samples a dataset delivers per second, from its second batch on."""
    batches = iter(dataset.repeat())
    next(batches)
    begin = time.perf_counter()
    samples = 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        samples += len(next(batches)[1])
    return samples / elapsed


def naive_error(reader: bf.Reader[Any]) -> float:
    """Return the mean absolute error of the forecast that the load stays as it is."""
    errors = [abs(batch["past"][:, -1, -1] - batch["next"]) for batch in reader.batches(1024)]
    return float(np.concatenate(errors).mean())


def train(files: list[Path], options: argparse.Namespace) -> dict[str, float]:
    """Train on the files of the first days, and validate on the last fifth of the days."""
    first = (options.days - max(options.days // 5, 1)) * SENSORS
    before, after = files[:first], files[first:]
    features, deviation = make_features(before)
    training = bf.open(before, RECORD, features, window=WINDOW)
    validation = bf.open(after, RECORD, features, window=WINDOW)
    print(f"{len(before)} files, {len(training):,} windows to train with; ", end="")
    print(f"{len(after)} files, {len(validation):,} windows to validate with")

    feeds = {
        name: training.to_tf_dataset(options.batch_size, label="next", **order).map(with_clock).prefetch(2)
        for name, order in ORDERS.items()
    }
    found = {f"windows/s, {name}": rate(feed) for name, feed in feeds.items()}
    model, stopwatch = compiled_model(), Stopwatch()
    history = model.fit(
        feeds[options.order],
        validation_data=validation.to_tf_dataset(1024, label="next").map(with_clock),
        epochs=options.epochs,
        shuffle=False,
        verbose=2,
        callbacks=[stopwatch],
    )
    found["windows/s, training"] = len(training) / stopwatch.seconds
    found["mean absolute error, kW"] = history.history["val_loss"][-1] * deviation
    found["that of the naive forecast, kW"] = naive_error(validation) * deviation
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Write the files, measure, train and validate; print and return what was found."""
    parser = argparse.ArgumentParser(description="Train a forecaster on many small files.")
    parser.add_argument("--folder", type=Path, help="where to write the files; a temporary folder if missing")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--order", choices=ORDERS, default="shuffle")
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        found = train(write(options.folder or Path(temporary), options.days), options)
    for name, value in found.items():
        print(f"{name:32} {value:12,.0f}" if name.startswith("windows") else f"{name:32} {value:12.2f}")
    return found


if __name__ == "__main__":
    main()
