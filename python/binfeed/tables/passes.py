"""What is read of a table, in which order: the options of batches, and the epochs that follow from them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from binfeed.errors import StateError
from binfeed.numbers import flag, positive
from binfeed.order import find_seed
from binfeed.state import State
from binfeed.tables.columns import Array
from binfeed.tables.decoder import TableDecoder
from binfeed.tables.state import check_state
from binfeed.tables.stream import Epoch, Key, Table, shuffled

#: Rows of the buffer of ``shuffle=True``.
_SHUFFLE_ROWS = 65_536


class TableOptions(TypedDict, total=False):
    """The types of :func:`make_pass`'s options, for the methods that pass them on."""

    drop_remainder: bool
    shuffle: bool | int
    seed: int | None
    epochs: int | None
    state: State | None


def make_pass(
    table: Table,
    decoder: TableDecoder,
    batch_size: int,
    *,
    drop_remainder: bool = False,
    shuffle: bool | int = False,
    seed: int | None = None,
    epochs: int | None = 1,
    state: State | None = None,
) -> Pass:
    """Check the arguments that :meth:`TableReader.batches` documents."""
    batch_size = positive("batch_size", batch_size)
    rows = 0 if shuffle is False else _SHUFFLE_ROWS if shuffle is True else positive("shuffle", shuffle)
    if seed is not None and rows == 0:
        raise ValueError("seed= is for a shuffle: give shuffle= as well")
    if state is not None and rows > 0:
        raise StateError("a state is of rows in order: leave out shuffle=, or open the table with cache=")
    end = None if epochs is None else positive("epochs", epochs)
    epoch, key = (0, None) if state is None else check_state(table, decoder.features, state)
    if end is not None and (epoch, key is not None) > (end, False):
        raise ValueError(f"the state is in epoch {epoch}, counted from 0, but epochs={end} ends before it")
    return Pass(
        table=table,
        decoder=decoder,
        batch_size=batch_size,
        drop_remainder=flag("drop_remainder", drop_remainder),
        buffer_rows=rows,
        seed=0 if rows == 0 else find_seed(seed),
        epochs=end,
        first_epoch=epoch,
        after=key,
    )


@dataclass(frozen=True)
class Pass:
    """What is read of a table, in which order.

    Attributes:
        table: what is read.
        decoder: what makes features of it.
        batch_size: rows per batch.
        drop_remainder: whether a last batch of an epoch that is not full is left out.
        buffer_rows: rows of the buffers that rows are drawn from, of all lanes together; 0 for no shuffle.
        seed: the seed of the shuffle.
        epochs: the epoch to end before; None for no end.
        first_epoch: where to begin.
        after: the key of the last row before that; None at the start of an epoch.
    """

    table: Table
    decoder: TableDecoder
    batch_size: int
    drop_remainder: bool
    buffer_rows: int
    seed: int
    epochs: int | None
    first_epoch: int
    after: Key | None

    @property
    def block_rows(self) -> int:
        """The rows of a block: a multiple of the batch size."""
        return -(-self.table.rows_per_fetch // self.batch_size) * self.batch_size

    def open(self, epoch: int) -> Epoch:
        """Begin an epoch."""
        return Epoch(self.table, self.block_rows, self.after if epoch == self.first_epoch else None)

    def lane_order(self, epoch: int, lanes: int) -> list[int]:
        """Return the lanes in the order in which they take turns."""
        if self.buffer_rows == 0:
            return list(range(lanes))
        return [int(lane) for lane in self._random(epoch, 0).permutation(lanes)]

    def read(self, opened: Epoch, epoch: int, lane: int) -> Generator[list[Array]]:
        """Yield the outputs of a lane, flat, and the keys of the rows last if the table has an order."""
        blocks = self._decoded(opened, lane)
        if self.buffer_rows == 0:
            return blocks
        return shuffled(blocks, -(-self.buffer_rows // opened.lanes), self._random(epoch, 1 + lane))

    def _decoded(self, opened: Epoch, lane: int) -> Generator[list[Array]]:
        table, decoder = self.table, self.decoder
        row = 0
        for block in opened.read(lane):
            arrays = decoder.decode(block, row)
            row += len(block[0])
            if table.order_by is not None:
                arrays.append(block[table.order_by].values)
            yield arrays

    def _random(self, epoch: int, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, stream, epoch]))
