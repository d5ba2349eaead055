"""Train a small language model on a flat file of uint16 tokens: windows of 64, and the token after each of them."""

from __future__ import annotations

import pydoc_data.topics
import sys
import tempfile
from pathlib import Path

import binfeed as bf
import keras
import numpy as np

LENGTH = 64


def write_tokens(path: Path) -> int:
    """Write Python's own documentation as a flat file with one token per character, and return the vocabulary size."""
    text = "\n".join(pydoc_data.topics.topics.values())
    codes, tokens = np.unique(np.array(list(text)), return_inverse=True)
    tokens.astype("<u2").tofile(path)
    return len(codes)


def main() -> None:
    """Write the file, open it as windows, and train."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = write_tokens(Path(folder) / "tokens.bin")

        token = bf.field("value").cast("int32")
        window = bf.Window(LENGTH, stride=LENGTH, target_offset=1, target_size=LENGTH)
        with bf.open(f"{folder}/*.bin", "<u2", {"input": token, "target": token.target()}, window=window) as reader:
            dataset = reader.to_tf_dataset(32, shuffle=True, label="target")

            layers = keras.layers
            model = keras.Sequential([
                keras.Input((LENGTH,), dtype="int32"),
                layers.Embedding(vocabulary, 64),
                layers.Conv1D(128, 8, padding="causal", activation="relu"),
                layers.Dense(vocabulary),
            ])  # fmt: skip
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss, metrics=["accuracy"])
            model.fit(dataset, epochs=epochs, shuffle=False, verbose=2)


if __name__ == "__main__":
    main()
