"""Samples that are records of files, decoded into features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from binfeed._core import AccessPattern, Order, RecordReader
from binfeed.errors import FeatureError
from binfeed.features import Feature
from binfeed.files import Source, explained
from binfeed.layout import Layout
from binfeed.listing import listed
from binfeed.planning import Output, plan_features
from binfeed.samples import Array, Samples
from binfeed.state import Identity
from binfeed.window import Window, core_window

T = TypeVar("T")


class RecordSamples(Samples):
    """Samples of one record, or of one window of records, each.

    Attributes:
        sources: the files, or bytes in memory.
        layout: the layout of the files.
        window: how many records a sample is made of; None for one.
        plan: how they become features.
        files: the files as they were opened, for plans that open them again.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        layout: Layout,
        features: Mapping[str, Feature] | Feature,
        window: Window | None,
        instruction_set: str,
    ) -> None:
        self.sources = sources
        self.layout = layout
        self.window = window
        self._features = features
        chains = [features] if isinstance(features, Feature) else features.values()
        has_target = any(feature.is_target for feature in chains)
        if window is not None and window.target_offset is not None and not has_target:
            raise FeatureError("the window has a target, but no feature reads it: mark one with .target()")
        self.plan = plan_features(features, layout, window)
        with explained(sources):
            self._core = RecordReader(
                sources=sources,
                record_bytes=layout.record_bytes,
                header_bytes=layout.header_bytes,
                footer_bytes=layout.footer_bytes,
                program=self.plan.program,
                array_types=[(output.dtype, output.shape) for output in self.plan.outputs],
                window=core_window(window, self.plan.history),
                instruction_set=instruction_set,
            )
        # Kept, since they may be asked for when the reader is closed.
        self._starts = self._core.starts()
        self._sample_bytes = self._core.sample_bytes()
        self.files = self._core.files()

    @property
    def are_in_files(self) -> bool:
        """Whether all samples are in files, rather than in bytes in memory."""
        return all(isinstance(source, bytes) for source in self.sources)

    @property
    def outputs(self) -> Sequence[Output]:
        return self.plan.outputs

    def unflatten(self, values: Iterable[T]) -> Any:
        if isinstance(self._features, Feature):
            (value,) = values
            return value
        return {output.name: value for output, value in zip(self.plan.outputs, values, strict=True)}

    @property
    def starts(self) -> Sequence[int]:
        return self._starts

    @property
    def sample_bytes(self) -> int:
        return self._sample_bytes

    @property
    def sample_distance(self) -> int:
        return self.layout.record_bytes * (1 if self.window is None else self.window.stride)

    def read(self, order: Order, position: int, count: int) -> list[Array]:
        return self._core.read(order, position, count)

    def advise(self, pattern: AccessPattern) -> None:
        self._core.advise(pattern)

    def read_ahead(self, order: Order, position: int, count: int) -> None:
        self._core.read_ahead(order, position, count)

    def parts(self) -> Sequence[Samples]:
        return [self]

    def identities(self) -> Sequence[Identity]:
        return [Identity(self.layout, self._features, self.window, self.sources, self.files)]

    @property
    def listing(self) -> str:
        return listed(self.plan, self.layout)

    def close(self) -> None:
        self._core.close()

    @property
    def closed(self) -> bool:
        return self._core.is_closed()
