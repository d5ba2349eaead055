"""Packages that only some users need, which are imported when used."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, package: str, extra: str, purpose: str) -> Any:
    """Import ``module`` of ``package``, which ``purpose`` needs and pip installs with ``binfeed[extra]``.

    Raises:
        ImportError: saying so, if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:  # it is there, and what it imports is not
            raise
        raise ImportError(f"{purpose} need the package {package}: pip install 'binfeed[{extra}]'") from None
