"""Packages that only some users need, and that are imported when they are used."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, package: str, extra: str, purpose: str) -> Any:
    """Import ``module`` of ``package``, which ``purpose`` needs and pip installs with ``binfeed[extra]``.

    Raises:
        ImportError: saying how to install it, if it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:  # the module is installed, but one that it imports is not
            raise
        raise ImportError(f"{purpose} need the package {package}: pip install 'binfeed[{extra}]'") from None
