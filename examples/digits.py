"""Train a Keras classifier on binary files of handwritten digits, then compare binfeed with other readers.

``make demo`` runs this example. It needs the extra ``demo``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import numpy.typing as npt
from binfeed.bench.harness import Settings, measure, peers_of
from binfeed.bench.peers import PEERS
from binfeed.bench.quiet import quiet_import
from binfeed.bench.table import print_table
from binfeed.bench.workload import Column, Output, Source, Workload
from binfeed.machine import processors
from sklearn.datasets import load_digits

sys.path.insert(0, str(Path(__file__).parents[1]))  # the benchmarks are next to the examples
from benchmarks.report import Result, draw_bars

OUTPUT = Path("out")
TRAINING_FILES = 4
COPIES = 40

#: What the bytes are: a label followed by the pixels, as in CIFAR-10. There are 8 x 8 pixels, from 0 to 16.
RECORD = np.dtype([("label", "u1"), ("image", "u1", (64,))])

#: What the model gets.
FEATURES = {
    "image": bf.field("image").div(16).reshape(8, 8, 1),
    "label": bf.field("label").cast("int32"),
}


def digits() -> npt.NDArray[Any]:
    """Return the 1,797 handwritten digits of scikit-learn as records in random order."""
    bunch = load_digits()
    records = np.zeros(len(bunch.target), RECORD)
    records["label"] = bunch.target
    records["image"] = bunch.data
    return np.random.default_rng(0).permutation(records)


def write(folder: Path, records: npt.NDArray[Any]) -> None:
    """Write 297 records to a test file, and the others to four training files."""
    test, training = np.split(records, [297])
    test.tofile(folder / "test.bin")
    for number, part in enumerate(np.array_split(training, TRAINING_FILES)):
        part.tofile(folder / f"train-{number}.bin")


def train(folder: Path) -> float:
    """Train a small classifier on the training files, and return its accuracy on the test file."""
    with quiet_import():
        import tensorflow as tf  # noqa: PLC0415  (the processes of the readers below load this file, not TensorFlow)

    training = bf.open(folder / "train-*.bin", RECORD, FEATURES)
    test = bf.open(folder / "test.bin", RECORD, FEATURES)
    print(f"\n{bf.Layout(RECORD)}\n\n{len(training)} samples to train from, {len(test)} to test with\n")

    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 1)),
            tf.keras.layers.Conv2D(32, 3, activation="relu"),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    dataset = training.to_tf_dataset(32, label="label", cycle_length=TRAINING_FILES)
    model.fit(dataset, epochs=12, shuffle=False, verbose=2)
    _, accuracy = model.evaluate(test.to_tf_dataset(100, label="label"), verbose=0)
    return float(accuracy)


def compare(folder: Path) -> None:
    """Print and draw how fast each reader delivers the same batches from a larger set of files."""
    files = [str(folder / f"many-{number}.bin") for number in range(8)]
    for file in files:
        np.resize(digits(), 1797 * COPIES).tofile(file)
    outputs = [
        Output("image", "float32", (Column("image", divide=16),)),
        Output("label", "int32", (Column("label"),)),
    ]
    workload = Workload(
        name="digits",
        title="Digits: 65-byte records to float32 / 16 and a label, 4096 at a time",
        sources=[Source(files, bf.Layout(RECORD), outputs)],
        batch_size=4096,  # in smaller batches, the Python loop takes longer than the readers
    )
    with peers_of(PEERS, processors()) as peers:
        measurements = measure(workload, peers, folder / "compare", Settings(), lambda peer: None)
    print_table(workload.title, measurements)
    OUTPUT.mkdir(exist_ok=True)
    draw_bars(OUTPUT / "digits.png", Result.of(workload, measurements))
    print(f"drawn in {OUTPUT / 'digits.png'}")


def main() -> None:
    """Write the files, train, and compare readers."""
    with tempfile.TemporaryDirectory(prefix="binfeed-") as name:
        folder = Path(name)
        write(folder, digits())
        accuracy = train(folder)
        print(f"\naccuracy on the test file: {accuracy:.1%}\n")
        if accuracy <= 0.95:
            sys.exit("the classifier should reach more than 95 %")
        compare(folder)


if __name__ == "__main__":
    main()
