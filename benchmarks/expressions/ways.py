"""Ways to compute features of ticks: from the same mapped files, into float32 blocks with a column per feature.

The others compute with columns, which they copy out of the records or read with strides, whichever is faster. The
default sizes of their chunks are the fastest for them: what they compute with fits into the cache. A block is valid
until the next one, where that saves time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import binfeed as bf
import numpy as np

from benchmarks.expressions.data import COLUMNS, LAYOUT, SPAN, Array, mapped

#: Arrays whose columns lie side by side: those of float32 ``[n, columns]``, or of windows of them.
Block = Sequence[Array]

PRICES = ("spread", "mid")
RETURNS = (*PRICES, "log return")
BATCH_SIZE = 65_536
WINDOW_BATCH_SIZE = 1_024
WINDOW = bf.Window(64, stride=16)


@dataclass(frozen=True)
class Way:
    """One way to compute features of all ticks.

    Attributes:
        title: what it is called.
        columns: the names of the features, which are in ``data.COLUMNS``.
        blocks: computes them.
        goal: how many times as fast the first way of the experiment should be, at least; None if it says nothing.
    """

    title: str
    columns: Sequence[str]
    blocks: Callable[[], Iterator[Block]]
    goal: float | None = None

    def run(self) -> int:
        """Compute everything, and return how many samples there were."""
        return sum(len(block[0]) for block in self.blocks())


@dataclass(frozen=True)
class Experiment:
    """Ways that take turns.

    Attributes:
        title: what they compute.
        ways: the first one, of binfeed, is what the others are compared with.
        window: of the samples.
    """

    title: str
    ways: Sequence[Way]
    window: bf.Window | None = None


def experiments(paths: Sequence[str], loops: ctypes.CDLL) -> dict[str, Experiment]:
    """All of them, on files of ticks."""
    files = mapped(paths)
    windows = f"Windows of {WINDOW.size} ticks at every {WINDOW.stride}th: spread, mid price"
    return {
        "prices": Experiment("Spread and mid price", price_ways(paths, files, loops)),
        "returns": Experiment("Spread, mid price and its log return", return_ways(paths, files, loops)),
        "rolling": Experiment(f"Rolling mean of {SPAN} mid prices", rolling_ways(paths, files)),
        "shared": Experiment("Two arrays that share the mid price", shared_ways(paths)),
        "lags": Experiment(f"{windows} and that of the tick before", window_ways(paths, "mid before", "mid"), WINDOW),
        "window-returns": Experiment(
            f"{windows} and its log return", window_ways(paths, "log return", "log mid"), WINDOW
        ),
    }


def price_ways(paths: Sequence[str], files: Sequence[Array], loops: ctypes.CDLL) -> list[Way]:
    return [
        *our_ways(paths, PRICES),
        Way("loop by hand", PRICES, lambda: loop_by_hand(files, loops.prices, PRICES), goal=0.75),
        *their_ways("NumPy", PRICES, files, numpy_prices, goal=1.6),
        *their_ways("numexpr", PRICES, files, numexpr_prices, goal=1.6),
        *their_ways("polars", PRICES, files, polars_prices, goal=1.6),
    ]


def return_ways(paths: Sequence[str], files: Sequence[Array], loops: ctypes.CDLL) -> list[Way]:
    return [
        *our_ways(paths, RETURNS),
        Way("loop by hand", RETURNS, lambda: loop_by_hand(files, loops.returns, RETURNS, before=1)),
        *their_ways("NumPy", RETURNS, files, numpy_returns, goal=3),
        *their_ways("numexpr", RETURNS, files, numexpr_returns, goal=3),
        *their_ways("polars", RETURNS, files, polars_returns, goal=3),
    ]


def rolling_ways(paths: Sequence[str], files: Sequence[Array]) -> list[Way]:
    columns = ("rolling mean",)
    return [
        *our_ways(paths, columns),
        *their_ways("polars", columns, files, polars_rolling, goal=5),
        *their_ways("pandas", columns, files, pandas_rolling),
        *their_ways("NumPy cumsum", columns, files, numpy_rolling),
        *their_ways("Bottleneck", columns, files, bottleneck_rolling),
    ]


def shared_ways(paths: Sequence[str]) -> list[Way]:
    both = ("mid", "relative spread")
    arrays = {name: bf.concat(COLUMNS[name].feature) for name in both}
    cheaper, dearer = (in_batches(f"binfeed, {name} alone", paths, (name,)) for name in both)
    return [
        Way("binfeed, both", both, batches_of(bf.open(paths, LAYOUT, arrays), BATCH_SIZE)),
        replace(dearer, goal=1 / 1.3),
        cheaper,
    ]


def window_ways(paths: Sequence[str], last: str, other: str) -> list[Way]:
    """With a column that depends on earlier records, without it, and with one in its place that does not."""
    return [
        in_batches(f"binfeed, with {last}", paths, (*PRICES, last), WINDOW_BATCH_SIZE, WINDOW),
        replace(in_batches("binfeed, without it", paths, PRICES, WINDOW_BATCH_SIZE, WINDOW), goal=0.7),
        in_batches(f"binfeed, {other} in its place", paths, (*PRICES, other), WINDOW_BATCH_SIZE, WINDOW),
    ]


# binfeed.


def open_block(paths: Sequence[str], columns: Sequence[str], window: bf.Window | None = None) -> Any:
    return bf.open(paths, LAYOUT, {"block": bf.concat(*(COLUMNS[name].feature for name in columns))}, window=window)


def batches_of(reader: Any, batch_size: int) -> Callable[[], Iterator[Block]]:
    return lambda: (list(batch.values()) for batch in reader.batches(batch_size))


def in_batches(
    title: str, paths: Sequence[str], columns: Sequence[str], size: int = BATCH_SIZE, window: bf.Window | None = None
) -> Way:
    return Way(title, columns, batches_of(open_block(paths, columns, window), size))


def our_ways(paths: Sequence[str], columns: Sequence[str]) -> list[Way]:
    reader = open_block(paths, columns)
    return [
        *(in_batches(f"binfeed, batches of {size:,}", paths, columns, size) for size in (BATCH_SIZE, 4_096)),
        Way("binfeed, one read of all", columns, lambda: iter([list(reader[:].values())])),
    ]


# Others.


def their_ways(
    title: str,
    columns: Sequence[str],
    files: Sequence[Array],
    compute: Callable[..., Iterator[Block]],
    goal: float | None = None,
) -> list[Way]:
    """With as many records at a time as is fastest, and with a file at a time."""
    return [
        Way(title, columns, lambda: compute(files), goal),
        Way(f"{title}, a file at a time", columns, lambda: compute(files, size=max(map(len, files)))),
    ]


def chunks(files: Sequence[Array], size: int, before: int = 0) -> Iterator[Array]:
    """Cut files into chunks of ``size`` records, each after the ``before`` records before it."""
    for records in files:
        for begin in range(before, len(records), size):
            yield records[begin - before : begin + size]


def loop_by_hand(
    files: Sequence[Array], loop: Callable[..., None], columns: Sequence[str], before: int = 0
) -> Iterator[Block]:
    block = np.empty((BATCH_SIZE, len(columns)), "float32")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for records in chunks(files, BATCH_SIZE, before):
        loop(pointer(records.ctypes.data), size(len(records)), pointer(block.ctypes.data))
        yield [block[: len(records) - before]]


def numpy_prices(files: Sequence[Array], size: int = 16_384) -> Iterator[Block]:
    block, mid = np.empty((size, 2), "float32"), np.empty(size)
    for records in chunks(files, size):
        rows = len(records)
        bid, ask = records["bid"], records["ask"]
        np.subtract(ask, bid, out=block[:rows, 0], casting="same_kind")
        np.add(ask, bid, out=mid[:rows])
        np.multiply(mid[:rows], 0.5, out=block[:rows, 1], casting="same_kind")
        yield [block[:rows]]


def numpy_returns(files: Sequence[Array], size: int = 8_192) -> Iterator[Block]:
    block, buffer = np.empty((size, 3), "float32"), np.empty(size + 1)
    for records in chunks(files, size, before=1):
        rows = len(records) - 1
        bid, ask, mid = records["bid"], records["ask"], buffer[: len(records)]
        np.subtract(ask[1:], bid[1:], out=block[:rows, 0], casting="same_kind")
        np.add(ask, bid, out=mid)
        np.multiply(mid, 0.5, out=mid)
        block[:rows, 1] = mid[1:]
        logarithm = np.log(mid, out=mid)
        np.subtract(logarithm[1:], logarithm[:-1], out=block[:rows, 2], casting="same_kind")
        yield [block[:rows]]


def numpy_rolling(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    block, buffer = np.empty((size, 1), "float32"), np.zeros(size + SPAN)
    for records in chunks(files, size, before=SPAN - 1):
        rows = len(records) - SPAN + 1
        sums = buffer[: len(records) + 1]
        np.cumsum(records["bid"] + records["ask"], out=sums[1:])
        np.multiply(sums[SPAN:] - sums[:rows], 1 / (2 * SPAN), out=block[:rows, 0], casting="same_kind")
        yield [block[:rows]]


def numexpr_prices(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    from numexpr import evaluate  # noqa: PLC0415

    block = np.empty((size, 2), "float32")
    for records in chunks(files, size):
        rows = len(records)
        prices = {name: records[name] for name in ("bid", "ask")}
        evaluate("ask - bid", prices, out=block[:rows, 0], casting="same_kind")
        evaluate("(ask + bid) / 2", prices, out=block[:rows, 1], casting="same_kind")
        yield [block[:rows]]


def numexpr_returns(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    from numexpr import evaluate  # noqa: PLC0415

    block, buffer = np.empty((size, 3), "float32"), np.empty(size + 1)
    for records in chunks(files, size, before=1):
        rows = len(records) - 1
        mid = evaluate("(ask + bid) / 2", {name: records[name] for name in ("bid", "ask")}, out=buffer[: rows + 1])
        prices = {name: records[name][1:] for name in ("bid", "ask")}
        evaluate("ask - bid", prices, out=block[:rows, 0], casting="same_kind")
        block[:rows, 1] = mid[1:]
        logarithm = evaluate("log(mid)", {"mid": mid}, out=mid)
        pair = {"newer": logarithm[1:], "older": logarithm[:-1]}
        evaluate("newer - older", pair, out=block[:rows, 2], casting="same_kind")
        yield [block[:rows]]


def polars_columns(records: Array) -> list[Any]:
    """The bids and the asks, whose columns polars needs contiguous."""
    from polars import Series  # noqa: PLC0415

    return [Series(name, np.ascontiguousarray(records[name])) for name in ("bid", "ask")]


def polars_prices(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    block = np.empty((size, 2), "float32")
    for records in chunks(files, size):
        rows = len(records)
        bid, ask = polars_columns(records)
        block[:rows, 0] = ask - bid
        block[:rows, 1] = (ask + bid) / 2
        yield [block[:rows]]


def polars_returns(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    from polars import DataFrame, col  # noqa: PLC0415

    block = np.empty((size, 3), "float32")
    mid = (col("ask") + col("bid")) / 2
    features = {"spread": col("ask") - col("bid"), "mid": mid, "log return": mid.log().diff()}
    for records in chunks(files, size, before=1):
        rows = len(records) - 1
        computed = DataFrame(polars_columns(records)).select(**features)
        for number, name in enumerate(features):
            block[:rows, number] = computed[name][1:]
        yield [block[:rows]]


def polars_rolling(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    block = np.empty((size, 1), "float32")
    for records in chunks(files, size, before=SPAN - 1):
        rows = len(records) - SPAN + 1
        bid, ask = polars_columns(records)
        block[:rows, 0] = ((ask + bid) / 2).rolling_mean(SPAN)[SPAN - 1 :]
        yield [block[:rows]]


def pandas_rolling(files: Sequence[Array], size: int = 65_536) -> Iterator[Block]:
    from pandas import Series  # noqa: PLC0415

    for records in chunks(files, size, before=SPAN - 1):
        mid = Series((records["ask"] + records["bid"]) / 2)
        yield [mid.rolling(SPAN).mean().to_numpy("float32")[SPAN - 1 :, np.newaxis]]


def bottleneck_rolling(files: Sequence[Array], size: int = 16_384) -> Iterator[Block]:
    from bottleneck import move_mean  # noqa: PLC0415

    for records in chunks(files, size, before=SPAN - 1):
        mid = records["ask"] + records["bid"]
        mid *= 0.5
        yield [move_mean(mid, SPAN).astype("float32")[SPAN - 1 :, np.newaxis]]
