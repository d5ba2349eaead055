"""Workloads: the files, and the batches to make of them, described once for all readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import binfeed as bf
from binfeed import reference
from binfeed.layout import Field
from binfeed.window import core_window

Array = npt.NDArray[Any]


class NotApplicable(Exception):
    """A reader cannot do what a workload asks for; the message says why."""


def is_plain(field: Field) -> bool:
    """Whether NumPy has the type of a contiguous field, or integers that it can be made of."""
    return field.is_contiguous and not field.type.packing and field.type.name not in ("ibm32", "bfloat16")


@dataclass(frozen=True)
class Column:
    """A field as numbers, multiplied or divided by a constant.

    It computes in float32 if the values have up to 16 bits or are float32, else in float64.

    Attributes:
        field: the name of the field.
        multiply: the factor, if there is one.
        divide: the divisor, if there is one.
    """

    field: str
    multiply: float | None = None
    divide: float | None = None

    def feature(self) -> bf.Feature:
        """Return the column as a feature of binfeed."""
        feature = bf.field(self.field)
        feature = feature if self.multiply is None else feature.scale(self.multiply)
        return feature if self.divide is None else feature.div(self.divide)


@dataclass(frozen=True)
class Output:
    """An array of a batch: one column in the shape of its field, or several side by side as float32.

    Attributes:
        name: the name of the feature.
        dtype: the dtype of the values.
        columns: the columns; if there are several, their fields have one value each.
    """

    name: str
    dtype: str
    columns: tuple[Column, ...]

    def feature(self) -> bf.Feature:
        """Return the output as a feature of binfeed."""
        if len(self.columns) > 1:
            return bf.concat(*(column.feature() for column in self.columns))
        return self.columns[0].feature().cast(self.dtype)


@dataclass(frozen=True)
class Source:
    """Files of one layout, and what to make of their records.

    Attributes:
        files: the paths of the files.
        layout: the layout of the files.
        outputs: the arrays of a batch.
    """

    files: Sequence[str]
    layout: bf.Layout
    outputs: Sequence[Output]

    @property
    def features(self) -> Mapping[str, bf.Feature] | bf.Feature:
        """The outputs as features of binfeed, by name; a single output is a single feature."""
        features = {output.name: output.feature() for output in self.outputs}
        return next(iter(features.values())) if len(features) == 1 else features

    @property
    def fields(self) -> list[Field]:
        """The fields that the outputs are made of, in the order of the layout."""
        names = {column.field for output in self.outputs for column in output.columns}
        return [field for field in self.layout.fields.values() if field.name in names]

    def shape_of(self, output: Output) -> tuple[int, ...]:
        """Return the shape of an output of one record."""
        several = len(output.columns) > 1
        return (len(output.columns),) if several else self.layout[output.columns[0].field].shape

    def counts(self) -> list[int]:
        """Return the number of records of each file."""
        return [self.count_of(number) for number in range(len(self.files))]

    def count_of(self, number: int) -> int:
        """Return the number of records of one file."""
        frame = self.layout.header_bytes + self.layout.footer_bytes
        return (Path(self.files[number]).stat().st_size - frame) // self.layout.record_bytes

    def expected(self, window: bf.Window | None) -> list[Array]:
        """Return the outputs of all samples of all files, by the definition in NumPy."""
        parts = [self._expected_of(file, window) for file in self.files]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _expected_of(self, file: str, window: bf.Window | None) -> list[Array]:
        content = np.fromfile(file, np.uint8)
        body = content[self.layout.header_bytes : len(content) - self.layout.footer_bytes]
        features = {output.name: output.feature() for output in self.outputs}
        arrays = list(reference.decode(body, self.layout, features).values())
        if window is None:
            return arrays
        starts = np.arange(0, len(arrays[0]) - core_window(window).span() + 1, window.stride)
        return [array[starts[:, np.newaxis] + np.arange(window.size) * window.dilation] for array in arrays]


@dataclass(frozen=True)
class Workload:
    """Batches to make of files.

    Attributes:
        name: the name of the workload: one word, for files and command lines.
        title: a description of one line.
        sources: one source, or several whose samples belong together, side by side.
        batch_size: samples per batch.
        shuffled: whether samples come in random order: an exact shuffle, or the nearest to it that the reader has.
        window: the window, if samples are windows of records.
        note: what limits the speed, or what is special.
    """

    name: str
    title: str
    sources: Sequence[Source]
    batch_size: int
    shuffled: bool = False
    window: bf.Window | None = None
    note: str = ""

    @property
    def outputs(self) -> list[Output]:
        """The outputs of all sources."""
        return [output for source in self.sources for output in source.outputs]

    @property
    def record_bytes(self) -> int:
        """The size of one record of each source, added up, in bytes."""
        return sum(source.layout.record_bytes for source in self.sources)

    def records(self) -> int:
        """Return the number of records in all files of a source."""
        return sum(self.sources[0].counts())

    def expected(self) -> list[Array]:
        """Return the outputs of all samples of all sources, by the definition in NumPy."""
        return [array for source in self.sources for array in source.expected(self.window)]

    def require_sequence(self, why: str = "it reads batches that lie together") -> None:
        """Check that a reader can do without shuffling and windows; ``why`` says why it cannot shuffle.

        Raises:
            NotApplicable: if the workload asks for either.
        """
        if self.shuffled:
            raise NotApplicable(f"no shuffle: {why}")
        self.require_records()

    def require_records(self) -> None:
        """Check that a reader can do without windows.

        Raises:
            NotApplicable: if the workload asks for them.
        """
        if self.window is not None:
            raise NotApplicable("no windows")
