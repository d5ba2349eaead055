"""Planning: features become the outputs of a batch, and the program with which the C++ core makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any

import numpy as np

from binfeed._core import Program
from binfeed.chain import Chain
from binfeed.combinations import Combination, Literal, Part
from binfeed.element_types import value_dtype
from binfeed.errors import FeatureError, LayoutError, shown
from binfeed.features import Feature, features_in
from binfeed.layout import Field, Fields
from binfeed.nodes import MAX_HISTORY, Node
from binfeed.window import Window


@dataclass(frozen=True)
class ArraySpec:
    """The dtype and shape of one array of a sample, without the batch axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Output:
    """One array of a batch: ``[B, *shape]`` of ``dtype``."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        is_bytes = self.dtype.kind == "S" or self.dtype.type is np.void
        type_ = self.dtype.str[1:] if is_bytes else self.dtype.name
        return f"{self.name}: {type_}{list(self.shape) or ''}"


@dataclass
class Plan:
    """How features are made.

    Attributes:
        outputs: the arrays that come out, in the order of the features.
        program: the program of the core that makes them.
        never_null: the fields that must have a value, each with the feature that needs it, as errors name it.
        history: how many records before the first of a sample the features depend on.
        looking_back: the features that depend on any, as errors name them, even if ``first`` fills in for records.
    """

    outputs: list[Output]
    program: Program
    never_null: list[tuple[Field, str]]
    history: int = 0
    looking_back: list[str] = attribute(default_factory=list)


def plan_features(features: Mapping[str, Feature] | Feature, layout: Fields, window: Window | None = None) -> Plan:
    """Plan ``features`` of the fields of ``layout``, or of windows of them.

    Returns:
        The outputs, one per feature, and the program that makes them.

    Raises:
        FeatureError: naming the feature that does not fit the layout, or that is a target without a window for it.
    """
    planner = _Planner(layout, window)
    named: Mapping[Any, Feature] = {None: features} if isinstance(features, Feature) else features
    for name, feature in named.items():
        planner.add_output(name, feature)
    return planner.plan


def name_of(name: str | None) -> str:
    """Return a feature as errors name it; it has no name if it stands alone."""
    return "the feature" if name is None else f"feature {shown(name)}"


class _Planner:
    """Adds features to a plan one by one; what they have in common is planned once."""

    def __init__(self, layout: Fields, window: Window | None) -> None:
        self.plan = Plan([], Program(), [])
        self._layout = layout
        self._window = window
        self._chains: dict[int, Chain] = {}  # of features that were followed, by identity
        self._nodes: dict[Node, int] = {}  # in the program

    def add_output(self, name: str | None, feature: Feature) -> None:
        """Add one feature."""
        # Parameters that overflow in the compute type are errors of the chain: NumPy need not warn of them.
        with np.errstate(all="ignore"):
            for part in features_in(feature):
                self._follow(name_of(name), part)
            chain = self._chain_of(name_of(name), feature)
            chain.finish()
        self._check(chain, feature)
        plan, window = self.plan, self._window
        name = "feature" if name is None else name
        values = [column.add_to(plan.program, self._nodes) for column in chain.columns]
        plan.program.output(
            name=name,
            type=chain.columns[0].core_type,
            is_target=feature.is_target,
            is_cumulative=chain.is_cumulative,
            values=values,
        )
        time = () if window is None else window.shape(feature.is_target)
        plan.outputs.append(Output(name, value_dtype(chain.type), (*time, *chain.shape)))
        plan.never_null.extend((field, chain.where) for column in chain.columns for field in column.validity)
        plan.history = max(plan.history, chain.history - self._target_offset(feature))
        if any(column.looks_back for column in chain.columns):
            plan.looking_back.append(chain.where)

    def _target_offset(self, feature: Feature) -> int:
        """Return how many records after the first of a sample the feature's first one is."""
        return (self._window.target_offset or 0) if feature.is_target and self._window is not None else 0

    def _check(self, chain: Chain, feature: Feature) -> None:
        if feature.is_target and (self._window is None or self._window.target_offset is None):
            raise FeatureError(f"{chain.where} is a target: give open() a window=Window(..., target_offset=...) for it")
        if chain.is_cumulative and self._window is None:
            raise FeatureError(f"{chain.where}: .cum_sum() adds up the records of a window: give open() a window=")
        if chain.history > MAX_HISTORY:
            raise FeatureError(f"{chain.where} depends on {chain.history} records before; the most are 2^20")

    def _follow(self, where: str, feature: Feature) -> None:
        """Follow a feature from its source, whose parts were followed before, to its last operation."""
        if id(feature) in self._chains:
            return
        chain = self._source_of(where, feature)
        for operation in feature.operations:
            if chain.is_cumulative:
                raise FeatureError(f"{where}: .cum_sum() must be the last operation, not before {operation.name}")
            if operation.takes_numbers:
                chain.require_numbers(f".{operation.name}()")
            operation.plan(chain)
        self._chains[id(feature)] = chain

    def _chain_of(self, where: str, feature: Feature) -> Chain:
        """Return the chain of a feature that was followed, to go on from there."""
        chain = self._chains[id(feature)].copy()
        chain.where = where
        return chain

    def _source_of(self, where: str, feature: Feature) -> Chain:
        if isinstance(feature.source, Combination):
            return feature.source.plan(where, [self._part_of(where, part) for part in feature.source.parts])
        try:
            return Chain.of_field(where, self._layout[feature.source])
        except LayoutError as error:
            raise FeatureError(f"{where}: {error}") from None

    def _part_of(self, where: str, part: Feature | Literal) -> Part:
        """Return a part of a combination, whose arithmetic is not rounded in between."""
        if isinstance(part, Literal):
            return part
        chain = self._chain_of(where, part)
        if chain.is_cumulative:
            raise FeatureError(f"{where}: .cum_sum() must be the last operation, not part of another feature")
        return chain
