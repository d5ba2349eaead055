"""What features do with the records before a record."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

from binfeed.arguments import first_value, history_size, integer, number
from binfeed.errors import FeatureError, checked_keywords, shown
from binfeed.nodes import MAX_HISTORY
from binfeed.operations import history as past
from binfeed.operations.base import Operation

if TYPE_CHECKING:
    from typing_extensions import Self


class Lookback:
    """What a value becomes from those of earlier records of the same file, in any order of reading.

    Samples whose history is not there are left out, unless ``first`` says what they have: see :meth:`lag`.
    """

    @abstractmethod
    def _then(self, operation: Operation) -> Self:
        """Return the feature with one more operation."""

    @checked_keywords
    def lag(self, n: int, *, first: float | str | None = None) -> Self:
        """Take the value of the record that lies ``n`` before, in the dtype of ``x``.

        It is that of the same file, whatever the order in which samples are read. As with all that depends on earlier
        records, samples for which there is no such record are left out: the first ``n`` of each file. With ``first``
        they are kept, and have that value; ``"nan"`` stands for NaN.

        Raises:
            FeatureError: if ``n`` is not from 0 to 2^20, or ``first`` is not a number.
        """
        return self._then(past.Lag(first_value("lag", first), history_size("lag(n=)", n, lowest=0)))

    @checked_keywords
    def diff(self, n: int = 1, *, first: float | str | None = None) -> Self:
        """Compute ``x`` less the value ``n`` records before: exactly for integers, as int64. See :meth:`lag`."""
        return self._then(past.Diff(first_value("diff", first), history_size("diff(n=)", n)))

    @checked_keywords
    def pct_change(self, n: int = 1, *, first: float | str | None = None) -> Self:
        """Compute the change since ``n`` records before relative to the value there, in float64. See :meth:`lag`."""
        return self._then(past.PctChange(first_value("pct_change", first), history_size("pct_change(n=)", n)))

    @checked_keywords
    def log_return(self, n: int = 1, *, first: float | str | None = None) -> Self:
        """Compute ``log(x)`` less that of the value ``n`` records before, in float64. See :meth:`lag`."""
        return self._then(past.LogReturn(first_value("log_return", first), history_size("log_return(n=)", n)))

    @checked_keywords
    def rolling_sum(self, n: int, *, first: float | str | None = None) -> Self:
        """Compute the sum of ``x`` and the ``n - 1`` values before: exactly for integers, as int64, else in float64.

        Sums are made of sums of halves, in the same way for every record, so that they do not depend on where reading
        begins. See :meth:`lag` for ``first``.

        Raises:
            FeatureError: if ``n`` is not from 1 to 2^20, or ``first`` is not a number.
        """
        return self._then(past.RollingSum(first_value("rolling_sum", first), history_size("rolling_sum(n=)", n)))

    @checked_keywords
    def rolling_mean(self, n: int, *, first: float | str | None = None) -> Self:
        """Compute the mean of ``x`` and the ``n - 1`` values before, in float64. See :meth:`rolling_sum`."""
        return self._then(past.RollingMean(first_value("rolling_mean", first), history_size("rolling_mean(n=)", n)))

    @checked_keywords
    def rolling_std(self, n: int, *, ddof: int = 1, first: float | str | None = None) -> Self:
        """Compute the standard deviation of ``x`` and the ``n - 1`` values before, in float64.

        The sum of squares is divided by ``n - ddof``. It is that of deviations from the mean, which is accurate for
        values that lie close together. See :meth:`rolling_sum`.
        """
        size, less = history_size("rolling_std(n=)", n), integer("rolling_std(ddof=)", ddof)
        if not 0 <= less < size:
            raise FeatureError(f"rolling_std(): n must be greater than ddof, but they are {size} and {less}")
        return self._then(past.RollingStd(first_value("rolling_std", first), size, less))

    @checked_keywords
    def rolling_min(self, n: int, *, first: float | str | None = None) -> Self:
        """Take the lowest of ``x`` and the ``n - 1`` values before, in the dtype of ``x``. See :meth:`rolling_sum`.

        It is NaN if one of them is.
        """
        return self._then(past.RollingMin(first_value("rolling_min", first), history_size("rolling_min(n=)", n)))

    @checked_keywords
    def rolling_max(self, n: int, *, first: float | str | None = None) -> Self:
        """Take the highest of ``x`` and the ``n - 1`` values before, in the dtype of ``x``. See :meth:`rolling_sum`.

        It is NaN if one of them is.
        """
        return self._then(past.RollingMax(first_value("rolling_max", first), history_size("rolling_max(n=)", n)))

    @checked_keywords
    def ewm_mean(self, *, span: float, history: int | None = None, first: float | str | None = None) -> Self:
        """Compute the mean of ``x`` and the ``history`` values before with weights that decay, in float64.

        Each weight is ``1 - 2 / (span + 1)`` times that of the record after it, as with ``adjust=True`` in pandas, for
        whose records before ``history`` there is no weight here: by default those that would have a thousandth of all
        weight together. See :meth:`rolling_sum`.

        Raises:
            FeatureError: if ``span`` is less than 1, or ``history`` is not from 0 to 2^20.
        """
        width = number("ewm_mean(span=)", span)
        if width is None or not 1 <= width < math.inf:
            raise FeatureError(f"ewm_mean(span=) must be a number of at least 1, not {shown(span)}")
        needed = past.history_of(width) if history is None else history
        if history is None and needed > MAX_HISTORY:
            raise FeatureError(f"ewm_mean(span={shown(span)}) needs more than 2^20 records: give history= as well")
        return self._then(
            past.EwmMean(
                first_value("ewm_mean", first),
                float(width),
                history_size("ewm_mean(history=)", needed, lowest=0),
            )
        )

    def cum_sum(self) -> Self:
        """Add up the values of each window, from its first record on: as int64, float32 or float64.

        It needs a :class:`~binfeed.Window`, and is the last operation. Values are rounded before they are added, one
        after the other.
        """
        return self._then(past.CumSum())
