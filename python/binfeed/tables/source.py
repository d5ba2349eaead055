"""The public face of tables: :func:`from_sql` opens a query of a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

from binfeed._core import default_instruction_set
from binfeed.errors import DataError, FeatureError, checked_keywords, options_of, shown, suggestion
from binfeed.feature_sets import FeaturesLike, as_features
from binfeed.features import Feature
from binfeed.layout import LayoutLike
from binfeed.numbers import flag, non_negative, positive
from binfeed.reader import Reader
from binfeed.records import RecordSamples
from binfeed.tables import cache as caches
from binfeed.tables.columns import ColumnType, null_error
from binfeed.tables.database import Connection, Database
from binfeed.tables.decoder import TableDecoder, for_cache
from binfeed.tables.query import Parameters, Query, as_query, qualified, selected
from binfeed.tables.reader import TableReader
from binfeed.tables.schema import Schema, as_layouts
from binfeed.tables.stream import Table

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: A URI, or a function that connects.
Connectable = str | Callable[[], Any]


#: Each partition has a connection and a thread.
_MAX_PARTITIONS = 256


class QueryOptions(TypedDict, total=False):
    """The types of :func:`make_table`'s options, for :func:`from_sql`, which passes them on."""

    parameters: Parameters
    layouts: Mapping[str, LayoutLike] | None
    partition_on: str | None
    partitions: int | None
    order_by: str | None
    rows_per_fetch: int
    retries: int


def make_table(
    query: str,
    connection: Connectable,
    *,
    parameters: Parameters = None,
    layouts: Mapping[str, LayoutLike] | None = None,
    partition_on: str | None = None,
    partitions: int | None = None,
    order_by: str | None = None,
    rows_per_fetch: int = 32_768,
    retries: int = 0,
) -> tuple[Table, Schema]:
    """Check the arguments that :func:`from_sql` documents, and ask the database which columns there are."""
    from binfeed.tables.connect import find_database  # noqa: PLC0415  (drivers are imported when used)

    asked = as_query(query, parameters)
    rows = positive("rows_per_fetch", rows_per_fetch)
    again = non_negative("retries", retries)
    _check_order(partition_on, partitions, order_by, again)
    known_layouts = as_layouts(layouts)
    database = find_database(connection)
    opened = database.connect()
    try:
        columns = opened.describe(asked, rows)
        if not columns:
            raise ValueError(f"the query has no columns: {shown(str(asked))}")
        names = [column.name for column in columns]
        if partition_on is not None:
            _check_partitioned(_column("partition_on", partition_on, columns))
        if order_by is not None:
            _check_keys(opened, database, asked, _column("order_by", order_by, columns))
    finally:
        opened.close()
    table = Table(
        database=database,
        query=asked,
        columns=columns,
        partition_on=partition_on,
        partitions=1 if partition_on is None else 2 if partitions is None else partitions,
        order_by=None if order_by is None else names.index(order_by),
        rows_per_fetch=rows,
        retries=again,
    )
    return table, Schema(columns, known_layouts)


@overload
def from_sql(
    query: str,
    connection: Connectable,
    features: FeaturesLike = None,
    *,
    cache: None = None,
    refresh: bool = False,
    **options: Unpack[QueryOptions],
) -> TableReader[Any]: ...
@overload
def from_sql(
    query: str,
    connection: Connectable,
    features: FeaturesLike = None,
    *,
    cache: str | os.PathLike[str],
    refresh: bool = False,
    **options: Unpack[QueryOptions],
) -> Reader[Any]: ...
@checked_keywords
@options_of(make_table)
def from_sql(
    query: str,
    connection: Connectable,
    features: FeaturesLike = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    refresh: bool = False,
    **options: Unpack[QueryOptions],
) -> TableReader[Any] | Reader[Any]:
    """Open the rows of a query, as samples.

    The columns take the place of fields. NULL is an error that names column and row, unless the feature has
    :meth:`Feature.fill` or :meth:`Feature.is_missing`. Nothing is ever written to a database.

    Args:
        query: a SELECT, or what else only reads.
        connection: a URI: ``"sqlite:///relative.db"``, ``"sqlite:////absolute.db"``, ``"duckdb:///ticks.duckdb"``,
            ``"postgresql://user:password@host/database"``. Or a function without arguments that makes a connection of
            psycopg, DuckDB, ADBC, or any driver of the DB-API (PEP 249).
        features: what comes out, as in :func:`open`; by default every column.
        parameters: values for the placeholders of the query, in the style of the driver, which binds them.
        layouts: what the bytes of a column are, by name: ``{"embedding": "(128)<f4"}``. A struct gives fields with the
            names ``"column.field"``.
        partition_on: a column of integers, best one with an index. Its range is divided into ``partitions`` equal
            ranges, which are read in parallel: each row is in one of them.
        partitions: how many; 2 by default.
        order_by: a column with unique values, in whose order rows come. States need it.
        rows_per_fetch: rows to fetch at a time.
        retries: how often to connect again within an epoch when the connection is lost, and go on after the last key of
            ``order_by``.
        cache: a folder. The query is asked once, and its rows are kept there as binary records. What comes back is a
            :class:`Reader` of files. The same query, parameters, URI and types of columns find them again.
        refresh: ask the query again although it is in the cache.

    Returns:
        A :class:`TableReader`, which streams the rows; or a :class:`Reader` with a ``cache``.

    Raises:
        TypeError: if ``connection`` is an open connection, or the query is no text.
        ValueError: if the query does not begin like one that only reads, or a number is out of range.
        DatabaseError: if the database cannot be reached, refuses the query, or has a type that cannot be read.
        DataError: naming column and row, if a value cannot be read.
        FeatureError: naming the feature that does not fit its column, or that depends on rows before without a cache,
            or a column that the query does not have.
        ImportError: without the driver: ``pip install 'binfeed[sql]'``.
    """
    table, schema = make_table(query, connection, **options)
    checked = as_features(features, schema)
    decoder = TableDecoder(checked, schema, table.database.name)  # so that mistakes show before anything is read
    if cache is None:
        if flag("refresh", refresh):
            raise ValueError("refresh= is for a cache: give cache= as well")
        if decoder.looking_back:
            where = decoder.looking_back[0]
            raise FeatureError(f"{where} depends on rows before, which only a cache keeps: give cache= as well")
        return TableReader(table, decoder)
    if table.database.identity is None:
        raise ValueError("cache= needs the URI of a database: a function does not say which one it connects to")
    return _cached(Path(cache), table, schema, checked, is_stale=flag("refresh", refresh))


def _cached(
    folder: Path, table: Table, schema: Schema, features: Mapping[str, Feature] | Feature, *, is_stale: bool
) -> Reader[Any]:
    path = caches.path_of(folder, table, schema)
    found = None if is_stale else caches.find(path, schema)
    cached = found or caches.write(path, table, schema, replaces=is_stale)
    source = os.fsencode(cached.path.absolute())
    samples = RecordSamples([source], cached.layout, for_cache(features), None, default_instruction_set())
    for field, where in samples.plan.never_null:
        row = cached.nulls.get(table.columns[schema.number_of(field.name)].name)
        if row is not None:
            raise null_error(field.name, row, where, table.database.name)
    return Reader(samples)


def _check_order(partition_on: str | None, partitions: int | None, order_by: str | None, retries: int) -> None:
    if partitions is not None and partition_on is None:
        raise ValueError("partitions= needs partition_on=, the column whose ranges are read in parallel")
    if partitions is not None and positive("partitions", partitions) > _MAX_PARTITIONS:
        raise ValueError(f"partitions: {partitions} connections at a time are more than {_MAX_PARTITIONS}")
    if partition_on is not None and order_by is not None:
        raise ValueError("order_by= and partition_on= exclude each other: partitions are read at the same time")
    if retries > 0 and order_by is None:
        raise ValueError("retries= needs order_by=, a column that says which rows were read")


def _column(argument: str, name: str, columns: Sequence[ColumnType]) -> ColumnType:
    names = [column.name for column in columns]
    if name not in names:
        raise ValueError(f"{argument}: the query has no column {shown(name)}{suggestion(str(name), names)}")
    if "%" in name:
        raise ValueError(f"{argument}: drivers take the % in {shown(name)} for a placeholder: rename it with AS")
    return columns[names.index(name)]


def _check_partitioned(column: ColumnType) -> None:
    if column.key != "int":
        raise ValueError(f"partition_on: rows are divided by ranges of integers, not by {column}")


def _check_keys(connection: Connection, database: Database, query: Query, column: ColumnType) -> None:
    """Check that a column can order rows: the rows after a key would leave out those that are NULL or equal to it."""
    if not column.key:
        raise ValueError(f"order_by: rows are ordered by integers, text, dates or timestamps, not by {column}")
    name = qualified(column.name)
    (nulls,) = connection.row(selected(query, "COUNT(*)", f"WHERE {name} IS NULL"))
    if nulls:
        raise DataError(f"order_by={column.name!r} is NULL in {nulls} rows: it must be unique", database.name, 0)
    if column.key == "text":  # of which the database may take different ones for equal
        rows, different = connection.row(selected(query, f"COUNT(*), COUNT(DISTINCT {name})"))
        if rows != different:
            what = f"has {different} values in {rows} rows"
            raise DataError(f"order_by={column.name!r} {what}: it must be unique", database.name, 0)
