"""Feed binary record files, as they are, to NumPy and TensorFlow.

There are four ideas: a :class:`Layout` says what the bytes are, features (:func:`field`, :func:`concat`) say what the
model gets, an order says which sample comes when, and an engine brings the batches to the consumer. See :func:`open`.
"""

from __future__ import annotations

from binfeed._build_info import BuildInfo, build_info
from binfeed._core import __version__
from binfeed.errors import DatabaseError, DataError, Error, FeatureError, LayoutError, StateError
from binfeed.features import Feature, Time, concat, cross, field, fields, maximum, minimum, where
from binfeed.layout import Layout
from binfeed.order import BlockShuffle
from binfeed.reader import Reader, open, zip
from binfeed.tables.reader import TableBatches, TableReader
from binfeed.tables.source import from_sql
from binfeed.window import Window

__all__ = [
    "BlockShuffle",
    "BuildInfo",
    "DataError",
    "DatabaseError",
    "Error",
    "Feature",
    "FeatureError",
    "Layout",
    "LayoutError",
    "Reader",
    "StateError",
    "TableBatches",
    "TableReader",
    "Time",
    "Window",
    "__version__",
    "build_info",
    "concat",
    "cross",
    "field",
    "fields",
    "from_sql",
    "maximum",
    "minimum",
    "open",
    "where",
    "zip",
]


def __dir__() -> list[str]:
    return __all__
