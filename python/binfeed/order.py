"""The order of the samples in each epoch, before it is cut into the batches of a shard."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Union

import numpy as np

from binfeed._core import Shuffle as ShuffleKind
from binfeed.errors import checked_constructor, one_of, shortened, shown
from binfeed.numbers import positive, whole

#: The default size of a block of a block shuffle, in bytes of the files: enough for a disk to read at full speed.
_BLOCK_BYTES = 1 << 20
MAX_SEED = 2**64 - 1


@checked_constructor
@dataclass(frozen=True)
class BlockShuffle:
    """A shuffle for files far larger than memory: at any time, it reads from few places of the files.

    Blocks of consecutive samples are put in random order. Then the samples of every ``group_blocks`` successive blocks
    are shuffled among themselves. Memory grows with neither number, but the page cache should hold two groups.

    Args:
        block_samples: samples per block, by default as many as lie in 1 MiB of the files.
        group_blocks: the number of blocks whose samples are mixed.

    Raises:
        ValueError: if a number is less than 1.
        TypeError: if a number is not whole.
    """

    block_samples: int | None = None
    group_blocks: int = 64

    def __post_init__(self) -> None:
        # As ints, so that shuffles with equal numbers of any type are equal.
        if self.block_samples is not None:
            object.__setattr__(self, "block_samples", positive("block_samples", self.block_samples))
        object.__setattr__(self, "group_blocks", positive("group_blocks", self.group_blocks))


ShuffleName = Literal["global", "block"]
Shuffle = Union[bool, ShuffleName, BlockShuffle, None]  # noqa: UP007  (evaluated on Python 3.10 as well)


@dataclass(frozen=True)
class EpochOrder:
    """The order of the samples in every epoch, before it is cut into batches.

    Attributes:
        starts: the number of each file's first sample, followed by the number of all samples.
        cycle_length: the number of files that take turns.
        block_length: consecutive samples that a file gives in its turn.
        shuffle: ``"global"``, a block shuffle with both numbers filled in, or None.
        seed: the seed of the shuffle; 0 without a shuffle.
    """

    starts: Sequence[int]
    cycle_length: int
    block_length: int
    shuffle: str | BlockShuffle | None
    seed: int

    @property
    def samples(self) -> int:
        """The number of samples per epoch."""
        return self.starts[-1]

    @property
    def kind(self) -> ShuffleKind:
        """The kind of the shuffle."""
        if self.shuffle is None:
            return ShuffleKind.NONE
        return ShuffleKind.BLOCK if isinstance(self.shuffle, BlockShuffle) else ShuffleKind.GLOBAL

    def __str__(self) -> str:
        if isinstance(self.shuffle, BlockShuffle):
            return f"shuffle in blocks of {self.shuffle.block_samples}, {self.shuffle.group_blocks} per group"
        if self.shuffle is not None:
            return f"{self.shuffle} shuffle"
        if self.cycle_length == 1:
            return "sequential"
        return f"interleave of {self.cycle_length} files in blocks of {self.block_length}"


def make_epoch_order(
    starts: Sequence[int],
    sample_distance: int,
    *,
    shuffle: Shuffle,
    seed: int | None,
    state_seed: int | None,
    shards: int,
    cycle_length: int,
    block_length: int,
) -> EpochOrder:
    """Check the arguments of an order, and fill in what the user left out.

    Args:
        starts: the number of each file's first sample, followed by the number of all samples.
        sample_distance: bytes of the files from the start of one sample to the start of the next.
        shuffle: the shuffle, as the user gave it.
        seed: the seed of the shuffle, or None to take ``state_seed`` or draw one.
        state_seed: the seed of the state to go on from, if there is one.
        shards: the number of shards that share the order.
        cycle_length: the number of files that take turns.
        block_length: consecutive samples that a file gives in its turn.

    Raises:
        TypeError: if a number is not whole, or ``shuffle`` is of another type.
        ValueError: if a value is out of range, or arguments exclude each other.
    """
    cycle_length = positive("cycle_length", cycle_length)
    block_length = positive("block_length", block_length)
    kind = _shuffle_kind(shuffle, sample_distance)
    if kind is None:
        if seed is not None:
            raise ValueError(f"seed={shown(seed)} has no effect without a shuffle: leave it out, or give shuffle=True")
        return EpochOrder(starts, cycle_length, block_length, None, 0)
    if cycle_length > 1:
        raise ValueError(f"shuffle={shown(shuffle)} already mixes the files: leave out cycle_length={cycle_length}")
    if seed is None and state_seed is None and shards > 1:
        raise ValueError("shards that shuffle need the same seed: give one with seed=")
    return EpochOrder(starts, cycle_length, block_length, kind, find_seed(state_seed if seed is None else seed))


def find_seed(seed: int | None) -> int:
    """Return ``seed``, or draw a random one if it is None."""
    if seed is None:
        return secrets.randbits(53)  # 53 bits, which JSON readers of every language keep
    number = whole("seed", seed)
    if not 0 <= number <= MAX_SEED:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, not {shown(number)}")
    return number


def _shuffle_kind(shuffle: Shuffle, sample_distance: int) -> str | BlockShuffle | None:
    if shuffle is None:
        return None
    if isinstance(shuffle, bool | np.bool_):
        return "global" if shuffle else None
    if isinstance(shuffle, str):
        if one_of("shuffle", shuffle, ("global", "block")) == "global":
            return "global"
        shuffle = BlockShuffle()
    if not isinstance(shuffle, BlockShuffle):
        raise TypeError(
            f"shuffle must be True, False, 'global', 'block' or a BlockShuffle, not {shortened(shown(shuffle), 80)}; "
            "it is not the size of a buffer: True shuffles all samples"
        )
    block_samples = shuffle.block_samples or max(_BLOCK_BYTES // sample_distance, 1)
    return dataclasses.replace(shuffle, block_samples=block_samples)
