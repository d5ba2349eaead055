"""The instruction sets of this build of binfeed, and the one in use on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from binfeed._core import (
    __version__,
    compiled_instruction_sets,
    default_instruction_set,
    supported_instruction_sets,
)


@dataclass(frozen=True)
class BuildInfo:
    """The version of binfeed, and its instruction sets.

    Attributes:
        version: the version of binfeed.
        compiled: the instruction sets that the loops were compiled for, from the plainest to the best.
        supported: those of ``compiled`` that this machine has.
        running: the one in use: the best that is supported, or the one that ``BINFEED_INSTRUCTION_SET`` names.
    """

    version: str
    compiled: tuple[str, ...]
    supported: tuple[str, ...]
    running: str


def build_info() -> BuildInfo:
    """Return the version of binfeed, and which instruction sets it has and uses on this machine.

    Raises:
        ValueError: if ``BINFEED_INSTRUCTION_SET`` names a set that is unknown or that this machine lacks.
    """
    return BuildInfo(
        version=__version__,
        compiled=tuple(compiled_instruction_sets()),
        supported=tuple(supported_instruction_sets()),
        running=default_instruction_set(),
    )
