"""What is measured: record files, and what a model wants of them, said once per family of readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import binfeed as bf
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Arrays = tuple[npt.NDArray[Any], ...]
Tensors = tuple[tf.Tensor, ...]


class Workload(ABC):
    """Files of one record layout and the batches to make of them.

    The same batch is described three times: as features of binfeed, in NumPy, and in TensorFlow. Every description
    yields the same tuple of arrays, bit by bit.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    record: ClassVar[np.dtype[Any]]
    batch_size: ClassVar[int]

    def __init__(self, folder: Path, files: int, records_per_file: int) -> None:
        self.folder = folder
        self.records_per_file = records_per_file
        self._file_count = files

    @cached_property
    def files(self) -> list[str]:
        """The files, written at the first use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self.folder / f"{self.name}-{number:03}.bin" for number in range(self._file_count)]
        for number, path in enumerate(paths):
            self.make_records(number, self.records_per_file).tofile(path)
        return [str(path) for path in paths]

    def records(self) -> npt.NDArray[Any]:
        """All records of the files."""
        return np.concatenate([np.fromfile(file, self.record) for file in self.files])

    @abstractmethod
    def make_records(self, number: int, count: int) -> npt.NDArray[Any]:
        """The records of file ``number``."""

    @property
    @abstractmethod
    def features(self) -> Mapping[str, bf.Feature] | bf.Feature:
        """The batch as features of binfeed."""

    @abstractmethod
    def from_numpy(self, records: npt.NDArray[Any]) -> Arrays:
        """The batch of an array of records."""

    @abstractmethod
    def from_strings(self, records: tf.Tensor) -> Tensors:
        """The batch of a vector of strings, one per record: decode_raw, and bitcast where a record mixes dtypes."""

    @abstractmethod
    def from_whole(self, batch: tf.Tensor) -> Tensors:
        """The batch of one string that holds all its records: decode_raw once per dtype, and columns picked."""

    def signature(self) -> tuple[tf.TensorSpec, ...]:
        """The components of a batch of any size."""
        arrays = self.from_numpy(np.zeros(1, self.record))
        return tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays)
