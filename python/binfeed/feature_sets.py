"""The features that are asked for, by name: in the forms that :func:`binfeed.open` takes, with patterns of fields."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from binfeed.combinations import Combination, Concat
from binfeed.errors import FeatureError, shown
from binfeed.features import Feature, as_feature, features_in, field
from binfeed.layout import UNNAMED, Fields, is_name

#: The forms in which features are asked for.
FeaturesLike: TypeAlias = (
    Mapping[str, Feature | str] | list[Feature | str] | list[Feature] | list[str] | Feature | str | None
)


def as_features(features: FeaturesLike, layout: Fields) -> Mapping[str, Feature] | Feature:
    """Check ``features``, in the forms that :func:`open` takes; None stands for all fields of the layout.

    Returns:
        The features by name, or a single one without a name. None of them has patterns any more.

    Raises:
        FeatureError: if they have another form, or two have the same name.
    """
    if features is None:
        if layout.is_scalar:
            return field(UNNAMED)
        return {name: field(name) for name in layout.fields}
    if isinstance(features, Feature | str):
        return _single("the feature", as_feature(features), layout)
    if isinstance(features, list):
        return _listed(features, layout)
    if not isinstance(features, Mapping):
        raise FeatureError(
            f"features must be a dict of features by name, a list of them, or one feature, not {shown(features)}"
        )
    if not features:
        raise FeatureError("features is an empty dict: there is nothing to read")
    for name, feature in features.items():
        if not is_name(name):
            raise FeatureError(f"the name of a feature must be text of at least one character, not {shown(name)}")
        if not isinstance(feature, Feature | str):
            raise FeatureError(f"features must map names to features, but {shown(name)} is {shown(feature)}")
    return {name: _single(f"feature {shown(name)}", as_feature(each), layout) for name, each in features.items()}


def _listed(features: Sequence[Feature | str], layout: Fields) -> Mapping[str, Feature]:
    """Return features by their names: those given by ``.alias``, or those of their fields."""
    named: dict[str, Feature] = {}
    for given in features:
        if not isinstance(given, Feature | str):
            raise FeatureError(f"a list of features has features, or names of fields, not {shown(given)}")
        for feature in _expanded(as_feature(given), layout):
            name = feature.name or (feature.source if isinstance(feature.source, str) else None)
            if name is None:
                raise FeatureError(f"{feature!r} needs a name in a list of features: give it one with .alias()")
            if name in named:
                raise FeatureError(f"two features have the name {shown(name)}: give one another name with .alias()")
            named[name] = feature
    if not named:
        raise FeatureError("features is an empty list: there is nothing to read")
    return named


def _single(where: str, feature: Feature, layout: Fields) -> Feature:
    """Return a feature whose patterns stand for one field each, except within a concat."""
    return _only(where, feature, _expanded(feature, layout))


def _only(where: str, feature: Feature, found: Sequence[Feature]) -> Feature:
    if len(found) > 1:
        raise FeatureError(
            f"{where}: {feature!r} stands for {len(found)} fields: put them side by side with "
            "bf.concat(*bf.fields(...)), or into a list of features"
        )
    return found[0]


def _expanded(feature: Feature, layout: Fields) -> list[Feature]:
    """Return the features that one stands for: several if its source is a pattern."""
    found: dict[int, list[Feature]] = {}
    for part in features_in(feature):
        found[id(part)] = _matching(part, found, layout)
    return found[id(feature)]


def _matching(feature: Feature, found: Mapping[int, list[Feature]], layout: Fields) -> list[Feature]:
    """Return the features that one stands for; ``found`` has those of its parts."""
    source = feature.source
    if isinstance(source, Combination):
        parts = [part for given in source.parts for part in _parts(given, found, is_concat=isinstance(source, Concat))]
        if [*map(id, parts)] == [*map(id, source.parts)]:
            return [feature]  # itself, so that what several features have in common is recognised
        return [replace(feature, source=source.with_parts(parts))]
    if source in layout.fields or not any(wildcard in source for wildcard in "*?"):
        return [feature]
    names = fnmatch.filter(layout.fields, source.replace("[", "[[]"))
    if not names:
        raise FeatureError(f"no field matches {shown(source)}; the fields are {', '.join(layout.fields)}")
    return [replace(feature, source=name) for name in names]


def _parts(part: Any, found: Mapping[int, list[Feature]], *, is_concat: bool) -> list[Any]:
    if not isinstance(part, Feature):
        return [part]
    features = found[id(part)]
    return features if is_concat else [_only("a part of a feature", part, features)]
