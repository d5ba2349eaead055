"""Windows: samples of several consecutive records, for time series and token files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from binfeed._core import Window as CoreWindow
from binfeed.errors import checked_constructor, shown
from binfeed.numbers import non_negative, positive

#: As in the core, where sums of two products of such numbers fit into 64 bits.
_MAX_NUMBER = 2**30


@checked_constructor
@dataclass(frozen=True)
class Window:
    """A sample of ``size`` records of one file: its features come out as ``[B, size, ...]``.

    No window crosses the end of a file, so a file shorter than a window has no samples. The windows are those of
    :func:`tf.keras.utils.timeseries_dataset_from_array`, whose names for the arguments are in brackets.

    Args:
        size: records in a window (``sequence_length``).
        stride: records from the first of one window to the first of the next (``sequence_stride``).
        dilation: records from one record of a window to the next (``sampling_rate``).
        target_offset: records from the first one of a window to the first one of its target
            (``targets=data[target_offset:]``). Features marked with :meth:`~binfeed.Feature.target` are read from the
            target. With a dilation of 1, an offset of ``size`` is the record after the window.
        target_size: records in the target, as far apart as those of the window: its features come out as
            ``[B, target_size, ...]``. None stands for one record, ``[B, ...]``.

    Raises:
        TypeError: if a number is not whole.
        ValueError: if a number is out of range, or ``target_size`` is given without ``target_offset``.
    """

    size: int
    stride: int = 1
    dilation: int = 1
    target_offset: int | None = None
    target_size: int | None = None

    def __post_init__(self) -> None:
        self._check(positive, "size", "stride", "dilation")
        if self.target_offset is not None:
            self._check(non_negative, "target_offset")
        if self.target_size is not None:
            self._check(positive, "target_size")
            if self.target_offset is None:
                raise ValueError("target_size needs a target: give target_offset as well")

    def _check(self, rule: Callable[[str, int], int], *names: str) -> None:
        """Check numbers and make them ints, so that windows with equal numbers of any type are equal."""
        for name in names:
            number = rule(name, getattr(self, name))
            if number > _MAX_NUMBER:
                raise ValueError(f"{name} must be at most 2^30, not {shown(number)}")
            object.__setattr__(self, name, number)

    def shape(self, is_target: bool) -> tuple[int, ...]:
        """Return the sides of the axes between the batch axis and those of a record, for the window or its target."""
        if not is_target:
            return (self.size,)
        return () if self.target_size is None else (self.target_size,)


def core_window(window: Window | None, history: int = 0) -> CoreWindow:
    """Return the window as the core takes it, with ``history`` more records before it.

    None, for samples of one record, is a window of size 1.
    """
    if window is None:
        return CoreWindow(size=1, stride=1, dilation=1, target_offset=0, target_size=0, history=history)
    has_target = window.target_offset is not None
    return CoreWindow(
        size=window.size,
        stride=window.stride,
        dilation=window.dilation,
        target_offset=window.target_offset or 0,
        target_size=(window.target_size or 1) if has_target else 0,
        history=history,
    )
