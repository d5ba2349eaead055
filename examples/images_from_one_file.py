"""Train an image classifier on one large binary file, and validate it on the last tenth of that file.

Each record is a label and the three planes of 32 x 32 pixels, as in CIFAR-10. The program draws shapes in random
colours, writes them to a file, and shows:

- how to read two parts of one file, so that no record is in both,
- a global shuffle, new in every epoch, and augmentation in ``Dataset.map``,
- how many samples the pipeline delivers per second, alone and while a model trains.

Run it with ``python examples/images_from_one_file.py``, or with ``--folder out/images`` to keep the file. It takes less
than a minute on two processors.
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

RECORD = np.dtype([("label", "u1"), ("image", "u1", (3, 32, 32))])

FEATURES = {
    "image": bf.field("image").standardize(128, 64).transpose(1, 2, 0),
    "label": bf.field("label").cast("int32"),
}

#: The classes: whether a shape covers the point (u, v), where u and v are from -1 to 1 around its centre.
SHAPES = {
    "disc": lambda u, v: u**2 + v**2 < 1,
    "ring": lambda u, v: abs(u**2 + v**2 - 0.7) < 0.3,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.9,
    "frame": lambda u, v: abs(np.maximum(abs(u), abs(v)) - 0.7) < 0.2,
    "diamond": lambda u, v: abs(u) + abs(v) < 1.2,
    "plus": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.3) & (np.maximum(abs(u), abs(v)) < 1),
    "cross": lambda u, v: (abs(abs(u) - abs(v)) < 0.4) & (np.maximum(abs(u), abs(v)) < 0.8),
    "triangle": lambda u, v: (abs(u) < (v + 1) / 2) & (v < 0.9),
    "bars": lambda u, v: (np.sin(9 * u) > 0) & (np.maximum(abs(u), abs(v)) < 1),
    "checks": lambda u, v: (np.sin(5 * u) * np.sin(5 * v) > 0) & (np.maximum(abs(u), abs(v)) < 1),
}


def draw(count: int, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return records of shapes of any size, place and colour, tilted a little, in noise."""
    records = np.zeros(count, RECORD)
    records["label"] = random.integers(len(SHAPES), size=count)
    y, x = (axis - random.uniform(10, 22, (count, 1, 1)) for axis in np.ogrid[:32, :32])
    radius, tilt = random.uniform(5, 10, (count, 1, 1)), random.uniform(-0.25, 0.25, (count, 1, 1))
    u, v = (x * np.cos(tilt) - y * np.sin(tilt)) / radius, (x * np.sin(tilt) + y * np.cos(tilt)) / radius
    covered = np.zeros((count, 1, 32, 32), bool)
    for label, shape in enumerate(SHAPES.values()):
        chosen = records["label"] == label
        covered[chosen, 0] = shape(u[chosen], v[chosen])
    front, back = random.uniform(0, 255, (2, count, 3, 1, 1)).astype("float32")
    noise = random.standard_normal((count, 3, 32, 32), "float32") * 25
    records["image"] = np.clip(np.where(covered, front, back) + noise, 0, 255)
    return records


def write(path: Path, count: int) -> None:
    """Write so many records, a thousand at a time."""
    random = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for begin in range(0, count, 1000):
            draw(min(1000, count - begin), random).tofile(file)


def split(path: Path, validation: int) -> tuple[bf.Reader[Any], bf.Reader[Any]]:
    """Open a file as two readers: all records but the last ``validation`` ones, and these.

    To each reader, the records of the other one are a footer or a header, which it does not read. ``take`` and ``skip``
    would not do: each epoch of a shuffled dataset begins with other records, so the model would soon have trained on
    all of them. The last records must be like the others, which they are not in a file that is sorted by label.
    """
    training_bytes = path.stat().st_size - validation * RECORD.itemsize
    return (
        bf.open(path, bf.Layout(RECORD, footer_bytes=validation * RECORD.itemsize), FEATURES),
        bf.open(path, bf.Layout(RECORD, header_bytes=training_bytes), FEATURES),
    )


def augment(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirror half of the images of a batch, and change the contrast of each."""
    contrast = tf.random.uniform((tf.shape(image)[0], 1, 1, 1), 0.8, 1.2)
    return tf.image.random_flip_left_right(image) * contrast, label


def compiled_model() -> keras.Model:
    """Return a small convolutional classifier."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Conv2D(16, 5, strides=2, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(len(SHAPES)),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss, metrics=["accuracy"])
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


def train(path: Path, options: argparse.Namespace) -> dict[str, float]:
    """Train on the first nine tenths of the file, and validate on the rest."""
    training, validation = split(path, options.records // 10)
    print(f"{path.name}: {len(training):,} images to train with, {len(validation):,} to validate with")
    plain = training.to_tf_dataset(options.batch_size, label="label", shuffle=True, seed=1)
    augmented = plain.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    found = {"images/s": rate(plain), "images/s, augmented": rate(augmented)}
    model, stopwatch = compiled_model(), Stopwatch()
    history = model.fit(
        augmented,
        validation_data=validation.to_tf_dataset(options.batch_size, label="label"),
        epochs=options.epochs,
        shuffle=False,
        verbose=2,
        callbacks=[stopwatch],
    )
    found["images/s, training"] = len(training) / stopwatch.seconds
    found["accuracy"] = history.history["val_accuracy"][-1]
    found["accuracy of the best constant"] = np.bincount(validation[:]["label"]).max() / len(validation)
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Write the file, measure, train and validate; print and return what was found."""
    parser = argparse.ArgumentParser(description="Train an image classifier on one large binary file.")
    parser.add_argument("--folder", type=Path, help="where to write the file; a temporary folder if missing")
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args(arguments)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / "images.bin"
        write(path, options.records)
        found = train(path, options)
    for name, value in found.items():
        print(f"{name:32} {value:12,.0f}" if name.startswith("images") else f"{name:32} {value:12.1%}")
    return found


if __name__ == "__main__":
    main()
