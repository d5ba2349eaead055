"""Planning: features become the outputs of a batch, and the program with which the C++ core makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from binfeed._core import Program
from binfeed.chain import Chain
from binfeed.element_types import value_dtype
from binfeed.errors import FeatureError, LayoutError, shown
from binfeed.features import Feature
from binfeed.layout import Field, Fields
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


@dataclass(frozen=True)
class Plan:
    """How features are made.

    Attributes:
        outputs: the arrays that come out, in the order of the features.
        program: the program of the core that makes them.
        never_null: the fields that must have a value, each with the feature that needs it, as errors name it.
    """

    outputs: list[Output]
    program: Program
    never_null: list[tuple[Field, str]]


def plan_features(features: Mapping[str, Feature] | Feature, layout: Fields, window: Window | None = None) -> Plan:
    """Plan ``features`` of the fields of ``layout``, or of windows of them.

    Returns:
        The outputs, one per feature, and the program that makes them.

    Raises:
        FeatureError: naming the feature that does not fit the layout, or that is a target without a window for it.
    """
    plan = Plan([], Program(), [])
    named: Mapping[Any, Feature] = {None: features} if isinstance(features, Feature) else features
    for name, feature in named.items():
        _plan_output(plan, name, feature, layout, window)
    return plan


def name_of(name: str | None) -> str:
    """Return a feature as errors name it; it has no name if it stands alone."""
    return "the feature" if name is None else f"feature {shown(name)}"


def _plan_output(plan: Plan, name: str | None, feature: Feature, layout: Fields, window: Window | None) -> None:
    """Add one feature to ``plan``."""
    # Parameters that overflow in the compute type are errors of the chain: NumPy need not warn of them.
    with np.errstate(all="ignore"):
        chain = _chain_of(name_of(name), feature, layout)
    name = "feature" if name is None else name
    if feature.is_target and (window is None or window.target_offset is None):
        raise FeatureError(f"{chain.where} is a target: give open() a window=Window(..., target_offset=...) for it")
    values = [column.add_to(plan.program) for column in chain.columns]
    plan.program.output(name=name, type=chain.columns[0].core_type, is_target=feature.is_target, values=values)
    time = () if window is None else window.shape(feature.is_target)
    plan.outputs.append(Output(name, value_dtype(chain.type), (*time, *chain.shape)))
    plan.never_null.extend((column.source, chain.where) for column in chain.columns if column.validity is not None)


def _chain_of(where: str, feature: Feature, layout: Fields) -> Chain:
    """Follow a feature from its source to its last operation."""
    if isinstance(feature.source, str):
        try:
            chain = Chain.of_field(where, layout[feature.source])
        except LayoutError as error:
            raise FeatureError(f"{where}: {error}") from None
    else:
        chain = Chain.of_parts(where, [_chain_of(where, part, layout) for part in feature.source])
    for operation in feature.operations:
        if operation.takes_numbers:
            chain.require_numbers(operation.name)
        operation.plan(chain)
    chain.finish()
    return chain
