"""Kaitai Struct: a class as its compiler writes it, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from binfeed.bench.workload import Workload
from kaitaistruct import BytesIO, KaitaiStream, KaitaiStruct

from benchmarks.peers._ticks import tick_batches

title = "Kaitai Struct in from_generator, record by record"


class Tick(KaitaiStruct):  # type: ignore[misc]
    """A tick."""

    def __init__(self, stream: KaitaiStream) -> None:
        super().__init__(stream)
        self.time = stream.read_u8le()
        self.instrument = stream.read_u4le()
        self.action = stream.read_u1()
        self.side = stream.read_u1()
        self.padding = stream.read_bytes(2)
        self.price = stream.read_s8le()
        self.size = stream.read_u4le()
        self.bid = stream.read_f4le()
        self.ask = stream.read_f4le()
        self.orders = stream.read_u4le()
        self.average = stream.read_f8le()


def _parse(content: bytes) -> Iterator[Tick]:
    stream = KaitaiStream(BytesIO(content))
    while not stream.is_eof():
        yield Tick(stream)


def batches(workload: Workload, threads: int, folder: Path) -> tf.data.Dataset:
    return tick_batches(workload, _parse)
