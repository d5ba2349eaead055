"""Random cases against the model, always the same ones; ``make fuzz`` checks others."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import binfeed as bf
import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.differential import check
from tests.strategies import TRAITS, Case, cases


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # of which there is a test below
def test_any_case_is_the_models_and_everything_occurs() -> None:
    seen: set[str] = set()

    @seed(0)
    @settings(max_examples=600, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases())
    def agrees(case: Case) -> None:
        with tempfile.TemporaryDirectory() as folder:
            if check(case, Path(folder)):
                seen.update(case.traits())

    agrees()
    assert seen == TRAITS


@pytest.mark.xfail(strict=True, reason="NumPy warns of the overflow while the features are planned")
@pytest.mark.parametrize(
    ("dtype", "feature"),
    [
        ("<f2", bf.field("value").clip(-1e40, 1e40)),
        ("<bfloat16", bf.field("value").clip(high=1e40)),
        ("<f4", bf.field("value").minmax(-1e40, 0)),
        ("<f4", bf.field("value").minmax(-3e38, 3e38)),
    ],
    ids=str,
)
def test_parameters_overflow_without_a_warning(dtype: str, feature: bf.Feature) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            bf.open(bytes(8), dtype, feature)
        except bf.FeatureError as error:
            assert "infinite" in str(error)  # noqa: PT017  (bounds may be infinite, divisors may not)


@pytest.mark.xfail(strict=True, raises=OverflowError, reason="NumPy's error about the number comes through")
@pytest.mark.parametrize("method", ["scale", "div", "clip", "fill", "is_missing"])
def test_a_number_too_large_for_any_float_is_refused(method: str) -> None:
    with pytest.raises(bf.FeatureError):
        bf.open(bytes(8), "<f8", getattr(bf.field("value"), method)(2**2000))
