"""Streams the rows of a query, epoch after epoch, in lanes that read in parallel.

A lane reads one partition of the query with a connection of its own, and gives blocks of the same number of rows, of
which only the last has fewer. An epoch takes a block of each lane in turn.
"""

from __future__ import annotations

import datetime
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from binfeed.errors import DatabaseError, DataError, StateError, shown
from binfeed.tables.columns import Array, Block, Column, ColumnType, conformed, joined, rows_of
from binfeed.tables.database import Connection, Database
from binfeed.tables.query import Query, parts_of, qualified, selected

if TYPE_CHECKING:
    from concurrent.futures import Future

#: How long to wait before a lost connection is made again.
_RETRY_SECONDS = 0.5

T = TypeVar("T")

#: The key of a row in a state: what a column that orders rows holds.
Key = int | str


@dataclass(frozen=True)
class Table:
    """A query and how it is read.

    Attributes:
        database: where it is asked.
        query: what is asked.
        columns: the types of its columns.
        partition_on, partitions: the column whose ranges are read in parallel, and how many there are.
        order_by: the number of the column that orders the rows; None if there is none.
        rows_per_fetch: rows of a block, at least.
        retries: how often a lane connects again within an epoch.
    """

    database: Database
    query: Query
    columns: Sequence[ColumnType]
    partition_on: str | None
    partitions: int
    order_by: int | None
    rows_per_fetch: int
    retries: int


def ordered(table: Table, connection: Connection, after: Key | None) -> Query:
    """Return the query with its rows in order, from the first whose key is above ``after``."""
    if table.order_by is None:
        return table.query
    column = table.columns[table.order_by]
    name = qualified(column.name)
    if after is None:
        return selected(table.query, rest=f"ORDER BY {name}")
    name = name.replace("{", "{{").replace("}", "}}")
    return connection.with_key(table.query, f"WHERE {name} > {{}} ORDER BY {name}", _bound(column, after))


def _bound(column: ColumnType, key: Key) -> Any:
    """Return a key as a value that drivers take."""
    try:
        if column.key in ("timestamp", "timestamptz"):
            zone = datetime.timezone.utc if column.key == "timestamptz" else None
            return datetime.datetime(1970, 1, 1, tzinfo=zone) + datetime.timedelta(microseconds=int(key))
        if column.key == "date":
            return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(key))
    except OverflowError:
        raise StateError(f"no row can follow {shown(key)}: Python has no such date") from None
    return key


class Epoch:
    """One pass over a table: lanes that all read the same snapshot, where the database has such a thing.

    Lanes may be read by different threads, each by one.
    """

    def __init__(self, table: Table, rows: int, after: Key | None) -> None:
        self._table = table
        self._rows = rows
        self._is_whole = after is None
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._rows_given = 0
        self._connections: list[Connection | None] = []
        self._reading: list[_Lane] = []
        try:
            self._lanes = self._open(after)
        except BaseException:
            self.close()
            raise
        self._running = len(self._lanes)

    def _open(self, after: Key | None) -> list[Query]:
        table = self._table
        first = table.database.connect()
        self._connections.append(first)
        if table.partition_on is None or table.partitions == 1:
            return [ordered(table, first, after)]
        low, high = first.row(_bounds(table))
        lanes = parts_of(table.query, table.partition_on, low, high, table.partitions)
        snapshot = first.snapshot() if len(lanes) > 1 else None
        if snapshot is None:  # some connections serve only the thread that made them
            self._connections.clear()
            first.close()
        else:
            self._connections += [table.database.connect(snapshot) for _ in lanes[1:]]
        return lanes

    @property
    def lanes(self) -> int:
        """The number of lanes."""
        return len(self._lanes)

    def read(self, lane: int) -> Generator[Block]:
        """Yield the blocks of a lane, and close its connection. Each lane can be read once."""
        with self._lock:
            connection = None
            if self._connections:
                connection, self._connections[lane] = self._connections[lane], None
                if connection is None:
                    raise RuntimeError(f"lane {lane} is read already, or the epoch is closed")
        connection = connection or self._table.database.connect()
        reading = _Lane(self._table, connection, self._lanes[lane])
        self._reading.append(reading)
        try:
            for block in regrouped(reading.blocks(), self._rows):
                with self._lock:
                    self._rows_given += rows_of(block)
                yield block
            with self._lock:
                self._running -= 1
                is_empty = self._running == 0 and self._rows_given == 0
            if is_empty and self._is_whole:
                name = self._table.database.name
                raise DataError(f"{name}: the query gives no rows: {shown(str(self._table.query))}", name, 0)
        finally:
            reading.close()

    def interrupt(self) -> None:
        """Have lanes that wait for the database fail soon, where the driver can do that."""
        for reading in self._reading:
            reading.interrupt()

    def close(self) -> None:
        """Close the connections of lanes that were not read."""
        with self._lock:
            connections, self._connections = self._connections, [None] * len(self._connections)
        for connection in connections:
            if connection is not None and os.getpid() == self._process:
                connection.close()


def _bounds(table: Table) -> Query:
    column = qualified(str(table.partition_on))
    return selected(table.query, f"MIN({column}), MAX({column})")


class _Lane:
    """Reads one query; with ``retries`` it goes on after the last key when the connection is lost."""

    def __init__(self, table: Table, connection: Connection, query: Query) -> None:
        self._table = table
        self._connection = connection
        self._query = query
        self._rows = 0
        self._key: Key | None = None
        self._is_interrupted = False
        self._is_lost = False
        self._process = os.getpid()

    def blocks(self) -> Iterator[Block]:
        retries = self._table.retries
        while True:
            try:
                yield from self._read()
                return
            except DatabaseError as error:
                if self._table.order_by is None or self._key is None or self._is_interrupted:
                    raise
                if retries == 0:
                    raise DatabaseError(
                        f"{error}; the last key was {shown(self._key)}, after {self._rows} rows: go on from a "
                        "state, or give retries="
                    ) from None
            retries -= 1
            self._is_lost = True

    def _connect_again(self) -> None:
        self._connection.close()
        time.sleep(_RETRY_SECONDS)
        self._connection = self._table.database.connect()
        self._query = ordered(self._table, self._connection, self._key)
        self._is_lost = False

    def _read(self) -> Iterator[Block]:
        table = self._table
        if self._is_lost:
            self._connect_again()
        for block in self._connection.read(self._query, table.columns, table.rows_per_fetch):
            conforming = [
                conformed(column, type_, table.database.name, self._rows)
                for column, type_ in zip(block, table.columns, strict=True)
            ]
            if table.order_by is not None:
                self._check_keys(conforming[table.order_by], table.columns[table.order_by].name)
            self._rows += rows_of(conforming)
            yield conforming

    def _check_keys(self, keys: Column, name: str) -> None:
        """Check that keys ascend, and remember the last."""
        first = self._rows
        if keys.valid is not None and not keys.valid.all():
            row = first + int(np.argmin(keys.valid))
            raise DataError(
                f"order_by={name!r} is NULL in row {row}: it must be unique", self._table.database.name, row
            )
        values = keys.values
        if self._key is not None:
            last = self._key.encode(errors="surrogateescape") if isinstance(self._key, str) else self._key
            values = np.concatenate([np.array([last], values.dtype), values])
            first -= 1
        # The order of text is that of the database.
        is_same = values[1:] == values[:-1] if values.dtype == object else values[1:] <= values[:-1]
        wrong = np.flatnonzero(is_same)
        if wrong.size:
            row = first + int(wrong[0]) + 1
            before, key = (key_of(values[int(wrong[0]) + step]) for step in (0, 1))
            raise DataError(
                f"order_by={name!r} has {shown(key)} in row {row} after {shown(before)}: it must be unique",
                self._table.database.name,
                row,
            )
        self._key = key_of(values[-1])

    def interrupt(self) -> None:
        self._is_interrupted = True
        self._connection.interrupt()

    def close(self) -> None:
        if os.getpid() == self._process:  # a connection belongs to the process that made it
            self._connection.close()


def key_of(value: Any) -> Key:
    """Return a value of a column that orders rows as states keep it."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else int(value)


def regrouped(blocks: Iterator[Block], rows: int) -> Iterator[Block]:
    """Yield the same rows in blocks of ``rows``; the last may have fewer."""
    pending: list[Block] = []
    count = 0
    for given in blocks:
        block = given
        while count + rows_of(block) >= rows:
            taken = rows - count
            yield joined([*pending, [column[:taken] for column in block]])
            block = [column[taken:] for column in block]
            pending, count = [], 0
        if rows_of(block) > 0:
            pending.append(block)
            count += rows_of(block)
    if count > 0:
        yield joined(pending)


def in_turn(lanes: Sequence[Generator[T]], interrupt: Callable[[], None]) -> Generator[T]:
    """Yield an item of each lane in turn. Each lane makes the next of its items meanwhile, in a thread of its own.

    If that ends early, ``interrupt`` is called to end what the lanes wait for.
    """
    if len(lanes) == 1:
        yield from lanes[0]
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (slow to import)

    pool, process = ThreadPoolExecutor(len(lanes), thread_name_prefix="binfeed-lane"), os.getpid()
    waiting: deque[tuple[Generator[T], Future[T | None]]]
    waiting = deque((lane, pool.submit(next, lane, None)) for lane in lanes)
    try:
        while waiting:
            lane, future = waiting.popleft()
            item = future.result()
            if item is not None:
                waiting.append((lane, pool.submit(next, lane, None)))
                yield item
    finally:
        if os.getpid() == process:  # a fork has no threads to wait for
            if waiting:
                interrupt()
            for lane, future in waiting:
                future.exception()  # a generator cannot be closed while it runs
                lane.close()
            pool.shutdown()


def shuffled(blocks: Iterator[list[Array]], buffer_rows: int, random: np.random.Generator) -> Generator[list[Array]]:
    """Yield the rows of ``blocks`` in random order, from a buffer of at least ``buffer_rows`` rows.

    Each block that comes in takes the places of rows that are drawn from the buffer, as in
    :meth:`tf.data.Dataset.shuffle`, except that whole blocks are drawn at a time.
    """
    filling: list[list[Array]] = []
    rows = 0
    buffer: list[Array] | None = None
    for block in blocks:
        size = len(block[0])
        if buffer is None:
            filling.append(block)
            rows += size
            if rows >= buffer_rows:
                buffer = [np.concatenate(parts) for parts in zip(*filling, strict=True)]
                filling.clear()
            continue
        drawn = random.choice(rows, size, replace=False)
        given = [array[drawn] for array in buffer]
        for array, new in zip(buffer, block, strict=True):
            array[drawn] = new
        yield given
    if buffer is None and filling:
        buffer = [np.concatenate(parts) for parts in zip(*filling, strict=True)]
    if buffer is not None:
        order = random.permutation(rows)
        yield [array[order] for array in buffer]
