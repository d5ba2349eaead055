import enum
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__version__: str

def compiled_instruction_sets() -> list[str]: ...
def supported_instruction_sets() -> list[str]: ...
def default_instruction_set() -> str: ...
def buffer_pool_bytes() -> tuple[int, int]: ...

class Order:
    @staticmethod
    def sequential(size: int) -> Order: ...
    @staticmethod
    def listed(samples: npt.NDArray[np.int64], size: int) -> Order: ...
    @staticmethod
    def interleaved(starts: Sequence[int], cycle_length: int, block_length: int) -> Order: ...
    @staticmethod
    def shuffled(size: int, *, seed: int, epoch: int, instruction_set: str) -> Order: ...
    @staticmethod
    def block_shuffled(
        size: int, *, block_samples: int, window_blocks: int, seed: int, epoch: int, instruction_set: str
    ) -> Order: ...
    @staticmethod
    def sharded(
        order: Order, *, shard: int, shards: int, first: int, batch_size: int, drops_remainder: bool, pads: bool
    ) -> Order: ...
    def __len__(self) -> int: ...
    def samples(self, position: int, count: int) -> npt.NDArray[np.int64]: ...

class Operation:
    @staticmethod
    def cast(type: str) -> Operation: ...
    @staticmethod
    def multiply(operand: npt.NDArray[np.float64]) -> Operation: ...
    @staticmethod
    def add(operand: npt.NDArray[np.float64]) -> Operation: ...
    @staticmethod
    def subtract(operand: npt.NDArray[np.float64]) -> Operation: ...
    @staticmethod
    def divide(operand: npt.NDArray[np.float64]) -> Operation: ...
    @staticmethod
    def log1p() -> Operation: ...
    @staticmethod
    def clip(words: npt.NDArray[np.uint64]) -> Operation: ...
    @staticmethod
    def fill(words: npt.NDArray[np.uint64]) -> Operation: ...
    @staticmethod
    def is_missing(words: npt.NDArray[np.uint64]) -> Operation: ...
    @staticmethod
    def bits(words: npt.NDArray[np.uint64]) -> Operation: ...
    @staticmethod
    def codes(words: npt.NDArray[np.uint64]) -> Operation: ...
    @staticmethod
    def one_hot(words: npt.NDArray[np.uint64]) -> Operation: ...

class ColumnSpec:
    def __init__(
        self,
        *,
        type: str,
        is_swapped: bool,
        offset: int,
        elements: int,
        offsets: npt.NDArray[np.uint32],
        operations: Sequence[Operation],
        packing: str,
        packed_bits: int,
        packed_elements: int,
    ) -> None: ...

class OutputSpec:
    def __init__(self, *, name: str, type: str, is_target: bool, columns: Sequence[ColumnSpec]) -> None: ...

class AccessPattern(enum.Enum):
    NORMAL = 0
    SEQUENTIAL = 1
    RANDOM = 2

class Window:
    def __init__(self, *, size: int, stride: int, dilation: int, target_offset: int, target_size: int) -> None: ...
    def span(self) -> int: ...

class Reader:
    def __init__(
        self,
        *,
        sources: Sequence[bytes | tuple[bytes, npt.NDArray[np.uint8]]],
        record_bytes: int,
        header_bytes: int,
        footer_bytes: int,
        outputs: Sequence[OutputSpec],
        array_types: Sequence[tuple[np.dtype[np.generic], Sequence[int]]],
        window: Window,
        instruction_set: str,
    ) -> None: ...
    def read(self, order: Order, position: int, count: int) -> list[npt.NDArray[np.generic]]: ...
    def expect(self, pattern: AccessPattern) -> None: ...
    def read_ahead(self, order: Order, position: int, count: int) -> None: ...
    def starts(self) -> list[int]: ...
    def sample_bytes(self) -> int: ...
    def files(self) -> list[FileSpec]: ...
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...

class Shuffle(enum.Enum):
    NONE = 0
    GLOBAL = 1
    BLOCK = 2

class ScheduleSpec:
    def __init__(
        self,
        *,
        starts: Sequence[int],
        shuffle: Shuffle,
        seed: int,
        block_samples: int,
        window_blocks: int,
        cycle_length: int,
        block_length: int,
        batch_size: int,
        drops_remainder: bool,
        shard: int,
        shards: int,
        pads: bool,
        first_epoch: int,
        first_position: int,
    ) -> None: ...

class Schedule:
    def __init__(self, spec: ScheduleSpec) -> None: ...
    def order(self, epoch: int) -> Order: ...
    def access_pattern(self) -> AccessPattern: ...
    def locate(self, number: int) -> tuple[int, int, int]: ...

class ReadAhead:
    def __init__(self, *, sample_bytes: int, pattern: AccessPattern, batch_size: int) -> None: ...
    def next(self, epoch: int, position: int, count: int, size: int) -> tuple[int, int]: ...

class FileSpec:
    def check(self) -> None: ...

def validate_plan(plan: bytes) -> None: ...
def read_plan_bytes(
    *,
    files: Sequence[FileSpec],
    record_bytes: int,
    header_bytes: int,
    footer_bytes: int,
    window: Window,
    outputs: Sequence[OutputSpec],
    arrays: Sequence[tuple[Sequence[int], int, bool]],
    schedule: ScheduleSpec | None,
) -> bytes: ...
