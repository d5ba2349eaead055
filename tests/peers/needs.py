"""Needs a package."""

from __future__ import annotations

import surely_not_there  # type: ignore[import-not-found]  # noqa: F401

title = "needs"
