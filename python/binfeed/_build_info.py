"""What this build of binfeed has, and what it uses on this machine."""

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
    """What was compiled, and what runs.

    Attributes:
        version: of binfeed.
        compiled: instruction sets that the loops were compiled for, from the plainest to the best.
        supported: those of them that this machine has.
        running: the one in use: the best supported, or what ``BINFEED_INSTRUCTION_SET`` names.
    """

    version: str
    compiled: tuple[str, ...]
    supported: tuple[str, ...]
    running: str


def build_info() -> BuildInfo:
    """What was compiled, and what runs.

    Raises:
        ValueError: if ``BINFEED_INSTRUCTION_SET`` names a set that is unknown or that this machine lacks.
    """
    return BuildInfo(
        version=__version__,
        compiled=tuple(compiled_instruction_sets()),
        supported=tuple(supported_instruction_sets()),
        running=default_instruction_set(),
    )
