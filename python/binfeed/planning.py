"""Features become a plan for the C++ core: columns of elements, and the chain of operations on each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from binfeed import _core
from binfeed.errors import FeatureError, suggestion
from binfeed.features import Cast, Divide, Feature, Operation, Reshape, Scale, Standardize, Transpose
from binfeed.layout import Field, Layout
from binfeed.reference import compute_dtype


@dataclass(frozen=True)
class Output:
    """One array of a batch: ``[B, *shape]`` of ``dtype``, and how the core makes it."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    spec: _core.OutputSpec


def plan_output(name: str, feature: Feature, layout: Layout) -> Output:
    """Work out what ``feature`` gives for records of ``layout``.

    Raises:
        FeatureError: naming the feature, if it does not fit the layout.
    """
    chain = _Chain(name, feature, layout)
    columns = [column.spec() for column in chain.columns]
    spec = _core.OutputSpec(name=name, type=chain.columns[0].core_type, columns=columns)
    return Output(name, chain.dtype, chain.shape, spec)


@dataclass
class _Column:
    """The elements of one field, and the operations on them so far.

    The values of an operand are flat, in the order of the elements.
    """

    source: Field
    dtype: np.dtype[Any]  # of the values so far
    elements: int
    offsets: npt.NDArray[np.int64] | None  # of each element from the source's; None: they are contiguous
    operations: list[tuple[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Field) -> _Column:
        elements = int(np.prod(source.shape, dtype=np.int64))
        contiguous = np.arange(elements) * source.dtype.itemsize
        offsets = np.zeros(source.shape, np.int64)
        for axis, stride in enumerate(source.strides):
            steps = np.arange(source.shape[axis]) * stride
            offsets += steps.reshape([-1 if other == axis else 1 for other in range(offsets.ndim)])
        is_contiguous = np.array_equal(offsets.ravel(), contiguous)
        return cls(source, source.dtype.newbyteorder("="), elements, None if is_contiguous else offsets.ravel())

    def cast(self, dtype: np.dtype[Any]) -> None:
        self.operations.append(("cast", dtype.name))
        self.dtype = dtype

    def compute(self, code: str, operand: npt.NDArray[np.float64]) -> None:
        self.operations.append((code, operand))
        self.dtype = compute_dtype(self.dtype)

    def permute(self, order: npt.NDArray[np.int64]) -> None:
        """Take the elements in another order; so must the operands."""
        offsets = self.offsets
        if offsets is None:
            offsets = np.arange(self.elements) * self.source.dtype.itemsize
        self.offsets = offsets[order]
        self.operations = [
            (code, operand[order] if code != "cast" and operand.size > 1 else operand)
            for code, operand in self.operations
        ]

    @property
    def parts(self) -> tuple[str, int]:
        """What the core takes an element of the source for: the type and number of its parts."""
        dtype = self.source.dtype
        if dtype.kind in "SV":
            return "uint8", dtype.itemsize
        if dtype.kind == "c":
            return f"float{dtype.itemsize * 4}", 2
        return dtype.name, 1

    @property
    def core_type(self) -> str:
        """The type of the values that come out, in the core's terms."""
        return self.parts[0] if self.dtype.kind in "SVc" else self.dtype.name

    def spec(self) -> _core.ColumnSpec:
        """The column in the core's terms: elements of several parts become that many elements."""
        core_type, parts = self.parts
        offsets = np.empty(0, np.int64) if self.offsets is None else self.offsets
        if parts > 1:
            part_offsets = np.arange(parts) * (self.source.dtype.itemsize // parts)
            offsets = (offsets[:, np.newaxis] + part_offsets).ravel()
        return _core.ColumnSpec(
            type=core_type,
            is_swapped=self.source.is_swapped,
            offset=self.source.offset,
            elements=self.elements * parts,
            offsets=offsets.astype(np.uint32),
            operations=[getattr(_core.Operation, code)(operand) for code, operand in self.operations],
        )


class _Chain:
    """Follows the operations of a feature over its columns: one of a field, several of a concatenation."""

    columns: list[_Column]
    shape: tuple[int, ...]  # of a record

    def __init__(self, name: str, feature: Feature, layout: Layout) -> None:
        self.where = f"feature {name!r}"
        if isinstance(feature.source, str):
            if feature.source not in layout.fields:
                raise FeatureError(
                    f"{self.where}: the layout has no field {feature.source!r}"
                    f"{suggestion(feature.source, layout.fields)}"
                )
            source = layout.fields[feature.source]
            self.columns = [_Column.of(source)]
            self.shape = source.shape
        else:
            self.columns = []
            for part in feature.source:
                chain = _Chain(name, part, layout)
                chain.require_numbers("concat")
                chain.cast(np.dtype(np.float32))
                self.columns += chain.columns
            self.shape = (sum(column.elements for column in self.columns),)
        self.is_computing = False
        self.result: np.dtype[Any] = np.dtype(np.float32)
        for operation in feature.operations:
            self.apply(operation)
        if self.is_computing:
            self.cast(self.result)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.columns[0].dtype

    def apply(self, operation: Operation) -> None:
        match operation:
            case Reshape(shape):
                self.shape = self.reshaped(shape)
            case Transpose(axes):
                self.transpose(operation, axes)
            case Cast(dtype):
                self.require_numbers("cast")
                self.cast(dtype)
                self.result = dtype if dtype.kind == "f" else np.dtype(np.float32)
            case Scale(factor, offset):
                self.compute(operation, "multiply", factor)
                if offset is not None:
                    self.compute(operation, "add", offset)
            case Divide(by):
                self.compute(operation, "divide", by)
            case Standardize(mean, std):
                self.compute(operation, "subtract", mean)
                self.compute(operation, "divide", std)

    def cast(self, dtype: np.dtype[Any]) -> None:
        for column in self.columns:
            column.cast(dtype)
        self.is_computing = False

    def compute(self, operation: Operation, code: str, operand: npt.NDArray[np.float64]) -> None:
        self.require_numbers(repr(operation).split("(")[0])
        if operand.ndim > 0:
            try:
                operand = np.broadcast_to(operand, self.shape).ravel()
            except ValueError:
                raise FeatureError(
                    f"{self.where}: the parameter of shape {operand.shape} in .{operation!r} does not broadcast to "
                    f"a record's shape {self.shape}"
                ) from None
        begin = 0
        for column in self.columns:
            end = begin + column.elements
            column.compute(code, operand[begin:end] if operand.ndim else operand)
            begin = end
        self.is_computing = True

    def reshaped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        try:
            # A view of one number: no memory, however large the shape.
            return np.broadcast_to(np.int8(0), self.shape).reshape(shape).shape
        except ValueError:
            raise FeatureError(f"{self.where}: a record of shape {self.shape} cannot be reshaped to {shape}") from None

    def transpose(self, operation: Operation, axes: tuple[int, ...] | None) -> None:
        elements = np.arange(int(np.prod(self.shape, dtype=np.int64))).reshape(self.shape)
        try:
            permuted = elements.transpose(axes)
        except ValueError as error:
            raise FeatureError(
                f"{self.where}: .{operation!r} does not fit a record of shape {self.shape}: {error}"
            ) from None
        self.shape = permuted.shape
        order = permuted.ravel()
        if np.array_equal(order, elements.ravel()):
            return
        if len(self.columns) > 1:
            raise FeatureError(f"{self.where}: transpose the features before concat, not what it gives")
        self.columns[0].permute(order)

    def require_numbers(self, operation: str) -> None:
        for column in self.columns:
            if column.dtype.kind in "SVc":
                kind = "complex" if column.dtype.kind == "c" else "bytes"
                raise FeatureError(
                    f"{self.where}: field {column.source.name!r} is {kind} ({column.dtype}), "
                    f"which .{operation}() does not take"
                )
