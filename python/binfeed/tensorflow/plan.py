"""Plans: all that an op needs to know, as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from binfeed._core import FileSpec, ScheduleSpec, read_plan_bytes
from binfeed.layout import Layout
from binfeed.planning import Output, Plan
from binfeed.tensorflow.elements import tensor_spec
from binfeed.window import Window, core_window


def plan_bytes(
    layout: Layout,
    plan: Plan,
    *,
    window: Window | None = None,
    files: Sequence[FileSpec] = (),
    schedule: ScheduleSpec | None = None,
) -> bytes:
    """Return the attribute ``plan`` of an op that decodes records, from strings or from ``files`` by ``schedule``."""
    return read_plan_bytes(
        files=files,
        record_bytes=layout.record_bytes,
        header_bytes=layout.header_bytes,
        footer_bytes=layout.footer_bytes,
        window=core_window(window, plan.history),
        program=plan.program,
        arrays=[_array_spec(output) for output in plan.outputs],
        schedule=schedule,
    )


def _array_spec(output: Output) -> tuple[list[int], int, bool]:
    """Return the shape of a sample's tensor, the bytes per item, and whether the items are strings."""
    spec = tensor_spec(output, ())
    is_string = spec.dtype == tf.string
    return list(spec.shape), output.dtype.itemsize if is_string else spec.dtype.size, is_string
