"""TensorFlow: the engines of :meth:`binfeed.Reader.to_tf_dataset`, :func:`decode`, and a drop-in for existing code."""

from __future__ import annotations

from binfeed.extras import require

require("tensorflow", "tensorflow", "tensorflow", "tensors and datasets")

from binfeed.tensorflow.decode import FixedLengthRecordDataset, decode  # noqa: E402  (or say what is missing)

__all__ = ["FixedLengthRecordDataset", "decode"]
