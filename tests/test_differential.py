"""Random cases against the model, always the same ones; ``make fuzz`` checks others."""

from __future__ import annotations

import tempfile
from pathlib import Path

import binfeed as bf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.differential import check
from tests.strategies import TRAITS, Case, cases


def test_any_case_is_the_models_and_everything_occurs() -> None:
    seen: set[str] = set()

    @seed(11)
    @settings(max_examples=600, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases())
    def agrees(case: Case) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if check(case, Path(folder)):
                seen.update(case.traits())

    agrees()
    assert seen == TRAITS


# Warnings are errors in these tests.


def test_bounds_beyond_a_type_are_its_own() -> None:
    for dtype in ("<f2", "<bfloat16", "<f4"):
        values = bf.open(bytes(8), dtype, bf.field("value").clip(-1e40, 1e40))[:]
        assert not np.asarray(values).any()


@pytest.mark.parametrize("bounds", [(-1e40, 0), (-3e38, 3e38)])
def test_parameters_that_overflow_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(bf.FeatureError, match="becomes infinite as float32"):
        bf.open(bytes(8), "<f4", bf.field("value").minmax(*bounds))


def test_a_spread_that_overflows_is_refused() -> None:
    with pytest.raises(bf.FeatureError, match="must be finite"):
        bf.field("value").minmax(-1.7e308, 1.7e308)


@pytest.mark.parametrize("method", ["scale", "div", "clip", "fill", "is_missing"])
def test_a_number_too_large_for_any_float_is_refused(method: str) -> None:
    with pytest.raises(bf.FeatureError):
        bf.open(bytes(8), "<f8", getattr(bf.field("value"), method)(2**2000))
