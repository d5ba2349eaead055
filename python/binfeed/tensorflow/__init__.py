"""TensorFlow: the engines of :meth:`binfeed.Reader.to_tf_dataset`, :func:`decode`, and a drop-in for existing code."""

from __future__ import annotations

from binfeed.tensorflow.decode import FixedLengthRecordDataset, decode

__all__ = ["FixedLengthRecordDataset", "decode"]
