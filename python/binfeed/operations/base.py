"""What all operations of a feature have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from binfeed.chain import Chain
from binfeed.errors import shortened
from binfeed.values import Value

Parameter = npt.NDArray[np.float64]


class Operation(ABC):
    """What is done to the values of a feature.

    Attributes:
        name: the method of a feature that makes it.
        takes_numbers: False if it takes bytes and complex numbers as well.
    """

    name: ClassVar[str]
    takes_numbers: ClassVar[bool] = True

    @abstractmethod
    def reference(self, value: Value) -> Value:
        """The result for the values of all records, in NumPy."""

    @abstractmethod
    def plan(self, chain: Chain) -> None:
        """Add the steps of the operation to ``chain``.

        Raises:
            FeatureError: naming the feature, if the operation does not fit its values.
        """


def shown_numbers(numbers: npt.NDArray[Any]) -> str:
    """Return a number as it is written, or the beginning of an array."""
    if numbers.ndim == 0:
        number = float(numbers)
        return str(int(number)) if number.is_integer() and math.fabs(number) < 1e15 else repr(number)
    return shortened(np.array2string(numbers, separator=", ", threshold=8).replace("\n", ""), 200)
