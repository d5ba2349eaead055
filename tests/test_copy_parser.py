"""Streams of COPY in binary format, encoded here once more by means of struct and decimal, become columns."""

from __future__ import annotations

import json
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from decimal import Context, Decimal, localcontext
from math import inf, nan, nextafter, prod
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed._core import CopyParser
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.postgres import Postgres
from tests.helpers import Array, assert_identical, run_program

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + struct.pack(">iI", 0, 0)
TRAILER = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
DAYS_FROM_1970 = 10_957
DAY = 86_400_000_000  # microseconds

Taken = list[tuple[Array, Array | None]]


def field(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def row(*fields: bytes) -> bytes:
    return struct.pack(">h", len(fields)) + b"".join(fields)


def stream(*rows: bytes) -> bytes:
    return HEADER + b"".join(rows) + TRAILER


def numeric(value: Decimal) -> bytes:
    """As PostgreSQL writes it: digits of base 10,000, without zeros at the ends."""
    if value.is_nan():
        return struct.pack(">hhHh", 0, 0, 0xC000, 0)
    if value.is_infinite():
        return struct.pack(">hhHh", 0, 0, 0xD000 if value > 0 else 0xF000, 0)
    sign, decimals, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    integer = int("".join(map(str, decimals))) * 10 ** (exponent % 4)
    weight = exponent // 4 - 1
    digits: list[int] = []
    while integer:
        integer, digit = divmod(integer, 10_000)
        digits.insert(0, digit)
        weight += 1
    while digits and digits[-1] == 0:
        digits.pop()
    return struct.pack(
        f">hhHh{len(digits)}H", len(digits), weight if digits else 0, 0x4000 * sign, scale & 0x3FFF, *digits
    )


@dataclass(frozen=True)
class Kind:
    """How values of a kind are drawn, encoded, and what they become."""

    dtype: str
    values: st.SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Any] = lambda value: value
    oid: int = 0


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def packed(code: str) -> Callable[[Any], bytes]:
    return lambda value: struct.pack(f">{code}", value)


def extremes(low: int, high: int, shift: int) -> Callable[[int], int]:
    """Infinite dates and timestamps stay so, the others are counted from 1970."""
    return lambda value: {low: INT64_MIN, high: INT64_MAX}.get(value, value + shift)


decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False).filter(lambda value: abs(value.adjusted()) < 10_000),
    st.builds(Decimal, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(
        lambda integer, scale: Decimal(integer).scaleb(-scale), st.integers(-(10**15), 10**15), st.integers(0, 9)
    ),
    st.builds(lambda integer, scale: Decimal(f"{integer}e{scale}"), st.integers(), st.integers(-400, 400)),
    st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(0)]),
)
intervals = st.tuples(st.integers(-(2**62), 2**62), st.integers(-(10**7), 10**7))

KINDS = {
    "bool": Kind("?", st.booleans(), packed("?"), oid=16),
    "int16": Kind("i2", integers(16), packed("h"), oid=21),
    "int32": Kind("i4", integers(32), packed("i"), oid=23),
    "int64": Kind("i8", integers(64), packed("q"), oid=20),
    "uint32": Kind("u4", st.integers(0, 2**32 - 1), packed("I")),
    "float32": Kind("f4", st.floats(width=32), packed("f"), oid=700),
    "float64": Kind("f8", st.floats(), packed("d"), oid=701),
    "numeric": Kind("f8", decimals, numeric, float, oid=1700),
    "date": Kind("i8", integers(32), packed("i"), extremes(-(2**31), 2**31 - 1, DAYS_FROM_1970)),
    "time": Kind("i8", st.integers(0, DAY), packed("q")),
    "timestamp": Kind(
        "i8",
        st.integers(-(2**62), 2**62) | st.sampled_from([INT64_MAX, INT64_MIN]),
        packed("q"),
        extremes(INT64_MIN, INT64_MAX, DAYS_FROM_1970 * DAY),
    ),
    "interval": Kind(
        "i8",
        intervals,
        lambda value: struct.pack(">qii", *value, 0),
        lambda value: value[0] + value[1] * DAY,
    ),
    "uuid": Kind("V16", st.binary(min_size=16, max_size=16), lambda value: value, np.void),
    "bytes": Kind("O", st.binary(max_size=40), lambda value: value),
}
ARRAYS = [name for name, kind in KINDS.items() if kind.oid]
HAVE_NAN = ("float32", "float64", "numeric")


def array(kind: Kind, values: Sequence[Any], shape: Sequence[int]) -> bytes:
    """An array as PostgreSQL writes it, from its elements, of which None is NULL."""
    header = struct.pack(">iiI", len(shape), int(None in values), kind.oid)
    bounds = b"".join(struct.pack(">ii", size, 1) for size in shape)
    return header + bounds + b"".join(NULL if value is None else field(kind.encode(value)) for value in values)


@dataclass(frozen=True)
class Column:
    """The rows of a column: what is sent, and the array that must come."""

    kind: str
    fields: list[bytes]
    values: Array
    valid: list[bool]


def column(kind: str, values: list[Any]) -> Column:
    """One without arrays; None is NULL."""
    model = KINDS[kind]
    expected = np.zeros(len(values), model.dtype)
    if model.dtype == "O":
        expected[:] = None
    for number, value in enumerate(values):
        if value is not None:
            expected[number] = model.decode(value)
    fields = [NULL if value is None else field(model.encode(value)) for value in values]
    return Column(kind, fields, expected, [value is not None for value in values])


def array_column(kind: str, shape: tuple[int, ...], values: list[list[Any] | None]) -> Column:
    """One of arrays, given as their elements."""
    model = KINDS[kind]
    is_known = any(value is not None for value in values)
    expected = np.zeros((len(values), *(shape if is_known and shape else (0,))), model.dtype)
    for number, value in enumerate(values):
        if value is not None and shape:
            elements = [nan if element is None else model.decode(element) for element in value]
            expected[number] = np.array(elements, model.dtype).reshape(shape)
    fields = [NULL if value is None else field(array(model, value, shape)) for value in values]
    return Column(f"{kind}[]", fields, expected, [value is not None for value in values])


@st.composite
def columns(draw: st.DrawFn, rows: int) -> Column:
    is_null = st.lists(st.booleans(), min_size=rows, max_size=rows) | st.just([False] * rows) | st.just([True] * rows)
    nulls = draw(is_null)
    kind = draw(st.sampled_from([*KINDS, *(f"{name}[]" for name in ARRAYS)]))
    if not kind.endswith("[]"):
        return column(kind, [None if null else draw(KINDS[kind].values) for null in nulls])
    kind = kind.removesuffix("[]")
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    size = prod(shape) if shape else 0
    element = KINDS[kind].values | st.none() if kind in HAVE_NAN else KINDS[kind].values
    arrays = st.lists(element, min_size=size, max_size=size)
    return array_column(kind, shape, [None if null else draw(arrays) for null in nulls])


tables = st.integers(0, 8).flatmap(lambda rows: st.lists(columns(rows), min_size=1, max_size=5))


def parser_of(table: list[Column]) -> CopyParser:
    return CopyParser([(f"c{number}", each.kind) for number, each in enumerate(table)])


def stream_of(table: list[Column]) -> bytes:
    return stream(*(row(*fields) for fields in zip(*(each.fields for each in table), strict=True)))


def check(table: list[Column], taken: Taken, first: int, end: int) -> None:
    """That these rows were taken."""
    assert len(taken) == len(table)
    for each, (values, valid) in zip(table, taken, strict=True):
        is_valid = each.valid[first:end]
        if each.kind.endswith("[]") and values.shape[1:] == (0,):
            assert values.dtype == each.values.dtype  # before the first array determined the shape
            assert not any(is_valid) or each.values.shape[1:] == (0,)
        else:
            assert_identical(values, each.values[first:end])
        assert valid is None if all(is_valid) else valid is not None and valid.tolist() == is_valid


def cut(data: bytes, places: list[int]) -> list[bytes]:
    places = sorted(place % (len(data) + 1) for place in places)
    return [data[first:end] for first, end in zip([0, *places], [*places, len(data)], strict=True)]


@given(tables, st.lists(st.integers(0, 10_000), max_size=6), st.data())
def test_a_stream_becomes_columns(table: list[Column], places: list[int], data: st.DataObject) -> None:
    parser = parser_of(table)
    rows = len(table[0].fields)
    taken = 0
    for part in cut(stream_of(table), places):
        ready = parser.feed(part)
        count = data.draw(st.none() | st.integers(0, ready))
        check(table, parser.take(count), taken, taken + (ready if count is None else count))
        taken += ready if count is None else count
    assert parser.is_finished
    check(table, parser.take(), taken, rows)
    check(table, parser.take(), rows, rows)


@given(tables)
def test_a_stream_byte_by_byte(table: list[Column]) -> None:
    parser = parser_of(table)
    ready = 0
    for byte in stream_of(table):
        ready = parser.feed(bytes([byte]))
    assert ready == len(table[0].fields)
    check(table, parser.take(), 0, ready)


EVERYTHING = [
    column("bool", [True, None, False]),
    column("int16", [-2, 3, None]),
    column("float64", [0.5, -inf, nan]),
    column("numeric", [Decimal("-123.4500"), None, Decimal("1e40")]),
    column("date", [-DAYS_FROM_1970, 2**31 - 1, -(2**31)]),
    column("timestamp", [0, INT64_MAX, INT64_MIN]),
    column("interval", [(1, 2), None, (-5, 0)]),
    column("uuid", [bytes(range(16)), None, bytes(16)]),
    column("bytes", [b"", None, b"text"]),
    array_column("int32", (2, 1), [None, [1, 2], [-3, 4]]),
    array_column("float32", (2,), [[1.5, None], None, [2.0, 3.0]]),
]


def test_every_cut() -> None:
    data = stream_of(EVERYTHING)
    for place in range(len(data) + 1):
        parser = parser_of(EVERYTHING)
        parser.feed(data[:place])
        assert parser.is_finished == (place == len(data))
        assert parser.feed(memoryview(data)[place:]) == 3
        assert parser.is_finished
        check(EVERYTHING, parser.take(), 0, 3)


def test_a_stream_that_ends_anywhere_gives_its_complete_rows() -> None:
    data = stream_of(EVERYTHING)
    for size in range(len(data)):
        parser = parser_of(EVERYTHING)
        rows = parser.feed(data[:size])
        assert not parser.is_finished
        check(EVERYTHING, parser.take(), 0, rows)


def error_of(parser: CopyParser, *parts: bytes | bytearray) -> tuple[str, int] | None:
    """The message and the place of the error in these parts of a stream, if there is one."""
    try:
        for part in parts:
            parser.feed(part)
    except bf.DataError as error:
        return str(error), error.offset
    return None


def test_every_flipped_bit_is_an_error_or_another_value() -> None:
    data = stream_of(EVERYTHING)
    errors = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        parser = parser_of(EVERYTHING)
        if error := error_of(parser, flipped):
            errors += 1
            assert error_of(parser, b"") == error
        taken = parser.take()
        assert len({len(values) for values, _ in taken}) == 1
        for (values, _), each in zip(taken, EVERYTHING, strict=True):
            assert values.dtype == each.values.dtype
            values.tolist()
    assert 0.3 < errors / (8 * len(data)) < 0.9


# Streams of servers.

#: What PostgreSQL 15 wrote for three rows of 17 columns: values of each kind, NULL, and values at the ends of ranges.
WRITTEN = bytes.fromhex(
    "5047434f50590aff0d0a0000000000000000000011000000010100000002fffe00000004fffffffd00000008000000000000000400000004"
    "ffffffff000000043fc0000000000008bfb999999999999a0000000e0003000100000004000c0d801ed200000004ffffffff000000080000"
    "00141dd75fff00000008fffca2fec4d762400000001000000000001e8480ffffffff000000000000001000112233445566778899aabbccdd"
    "eeff000000056772c3bc6e0000004c0000000200000000000000170000000200000001000000030000000100000004000000010000000400"
    "0000020000000400000003000000040000000400000004000000050000000400000006000000240000000100000001000002bd0000000200"
    "000001000000083fe0000000000000ffffffff0000002e0000000100000000000006a400000002000000010000000a0001fffe0000000700"
    "0a0000000800000000c00000000011ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffff00110000000100000000027fff00000004800000000000000880000000"
    "000000000000000400000000000000047fc0000000000008fff00000000000000000000a0001fffb400000140001000000047fffffff0000"
    "0008000000000000000000000008800000000000000000000010000000000000000000000000000000000000001000000000000000000000"
    "000000000000000000000000004c000000020000000000000017000000020000000000000003000000050000000400000007000000040000"
    "000800000004000000090000000400000000000000040000000000000004ffffffff0000002c0000000100000000000002bd000000020000"
    "000100000008fff00000000000000000000840080000000000000000002c0000000100000000000006a40000000200000001000000080000"
    "0000d0000020000000080000000000000000ffff"
)
WRITTEN_KINDS = [
    *("bool", "int16", "int32", "int64", "uint32", "float32", "float64", "numeric", "date", "time", "timestamp"),
    *("interval", "uuid", "bytes", "int32[]", "float64[]", "numeric[]"),
]


def test_a_stream_that_a_server_wrote() -> None:
    parser = CopyParser([(f"c{number}", kind) for number, kind in enumerate(WRITTEN_KINDS)])
    assert parser.feed(WRITTEN) == 3
    assert parser.is_finished
    taken = parser.take()
    for _, valid in taken:
        assert valid is not None
        assert valid.tolist() == [True, False, True]
    expected = [
        np.array([True, False, False]),
        np.array([-2, 0, 32767], "i2"),
        np.array([-3, 0, -(2**31)], "i4"),
        np.array([4, 0, INT64_MIN]),
        np.array([4294967295, 0, 0], "u4"),
        np.array([1.5, 0, nan], "f4"),
        np.array([-0.1, 0, -inf]),
        np.array([123456.789, 0, -1e-20]),
        np.array([10_956, 0, INT64_MAX]),
        np.array([DAY - 1, 0, 0]),
        np.array([1_000_000, 0, INT64_MIN]),
        np.array([2_000_000 - DAY, 0, 0]),
        np.array([bytes.fromhex("00112233445566778899aabbccddeeff"), bytes(16), bytes(16)], "V16"),
        np.array(["gr\xfcn".encode(), None, b""], "O"),
        np.array([[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [0, 0, 0]], [[7, 8, 9], [0, 0, -1]]], "i4"),
        np.array([[0.5, nan], [0, 0], [-inf, 3]]),
        np.array([[1e-7, nan], [0, 0], [inf, 0]]),
    ]
    for (values, _), array in zip(taken, expected, strict=True):
        assert_identical(values, array)


EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)


def as_float(element: Any) -> Any:
    return nan if element is None else float(element)


def elements_as_floats(rows: list[Any]) -> list[Any]:
    return [elements_as_floats(each) if isinstance(each, list) else as_float(each) for each in rows]


def time_of_day(value: time) -> timedelta:
    return datetime.combine(EPOCH.date(), value) - datetime.combine(EPOCH.date(), time())


def since_epoch(value: datetime) -> int:
    return (value.replace(tzinfo=value.tzinfo or timezone.utc) - EPOCH) // MICROSECOND


#: Expressions of i, the number of a row, by kind; and what psycopg's value of each must become.
SELECTED: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("bool", "i % 3 = 0", bool),
    ("int16", "(i * 131 - 32000)::int2", int),
    ("int32", "i * 7919 - 1000000", int),
    ("int64", "i::int8 * 1234567890123", int),
    ("uint32", "(4294967295 - i)::oid", int),
    ("float32", "(i / 7.0)::float4", np.float32),
    ("float64", "ln(i + 1.0)::float8", float),
    ("numeric", "(i * 1234567.891011 - 1e8) / 7", float),
    ("numeric", "10::numeric ^ (i - 100) * 1.000000000000000111022302462516 / 3", float),
    ("date", "date '1969-07-20' + i * 97", lambda value: (value - EPOCH.date()).days),
    ("time", "time '00:00:00.000001' + i * interval '1 minute'", lambda value: time_of_day(value) // MICROSECOND),
    ("timestamp", "timestamp '1969-12-31 23:59:59.5' + i * interval '1.25 days'", since_epoch),
    ("timestamp", "timestamptz '2024-02-29 12:00+02' - i * interval '365 days'", since_epoch),
    ("interval", "i * interval '-3 days 1 hour 0.000001 seconds'", lambda value: value // MICROSECOND),
    ("uuid", "md5(i::text)::uuid", lambda value: np.void(value.bytes)),
    ("bytes", "repeat('\u00e9', i % 5)", str.encode),
    ("bytes", "decode(md5(i::text), 'hex')", bytes),
    ("bytes", "('column_' || i)::name", str.encode),
    ("bytes", "json_build_object('i', i)", lambda value: json.dumps(value).replace('"i":', '"i" :').encode()),
    ("bool[]", "array[i % 2 = 0, i % 3 = 0]", list),
    ("int16[]", "array[[i, -i], [1, 2]]::int2[]", list),
    ("int32[]", "array[[[i], [i + 1]]]", list),
    ("int64[]", "array[i]::int8[]", list),
    ("float32[]", "array[i / 3.0, null]::float4[]", elements_as_floats),
    ("float64[]", "'{}'::float8[]", list),
    ("numeric[]", "array[[i / 3.0, 'NaN'], [null, -i]]", elements_as_floats),
]


@pytest.mark.parametrize("nulls", [False, True])
def test_every_kind_as_a_server_sends_it(postgres: Postgres, nulls: bool) -> None:
    import psycopg  # noqa: PLC0415

    # In another row of each column.
    columns = [
        f"case when {nulls} and (i + {number}) % 5 = 0 then null else {expression} end as c{number}"
        for number, (_, expression, _) in enumerate(SELECTED)
    ]
    query = f"select {', '.join(columns)} from generate_series(0, 199) as i order by i"
    parser = CopyParser([(f"c{number}", kind) for number, (kind, _, _) in enumerate(SELECTED)])
    with psycopg.connect(postgres.url) as connection, connection.cursor() as cursor:
        rows = cursor.execute(query).fetchall()
        with cursor.copy(f"copy ({query}) to stdout (format binary)") as copy:
            for data in copy:
                parser.feed(data)
    assert parser.is_finished
    taken = parser.take()
    for number, ((values, valid), (_, _, decode)) in enumerate(zip(taken, SELECTED, strict=True)):
        sent = [row[number] for row in rows]
        assert len(values) == len(rows)
        assert (valid is not None) == nulls
        assert valid is None or valid.tolist() == [each is not None for each in sent]
        empty = None if values.dtype == object else np.zeros(values.shape[1:], values.dtype)[()]
        for value, each in zip(values, sent, strict=True):
            expected = np.empty(values.shape[1:], values.dtype)
            expected[...] = empty if each is None else decode(each)
            assert_identical(np.asarray(value, values.dtype), expected)


# Values.


@pytest.mark.parametrize("kind", KINDS)
def test_the_dtypes(kind: str) -> None:
    ((values, valid),) = CopyParser([("x", kind)]).take()
    assert (values.dtype, values.shape, valid) == (np.dtype(KINDS[kind].dtype), (0,), None)


def only_value(kind: str, data: bytes) -> Any:
    parser = CopyParser([("x", kind)])
    parser.feed(stream(row(field(data))))
    ((values, _),) = parser.take()
    return values[0]


def rounded(value: Decimal) -> float:
    result = only_value("numeric", numeric(value))
    assert isinstance(result, float)
    return result


positive_floats = st.floats(min_value=0, allow_infinity=False)


@given(positive_floats | st.sampled_from([0.0, 2.0**53, 1.7976931348623157e308]), st.integers(0, 2000))
@example(nextafter(2.0**-1022, 0), 0)
def test_numerics_round_to_the_nearest_float_and_halves_to_even(low: float, zeros: int) -> None:
    high = nextafter(low, inf)
    with localcontext(Context(prec=10_000, Emin=-20_000, Emax=20_000)):
        step = Decimal(low) - Decimal(nextafter(low, 0)) if high == inf else Decimal(high) - Decimal(low)
        half = Decimal(low) + step / 2
        beside = step.scaleb(-zeros - 2)
        for value in (Decimal(low), half - beside, half, half + beside):
            assert rounded(value) == float(value)
            assert rounded(-value) == float(-value)
        assert rounded(half - beside) == low
        assert rounded(half + beside) == high


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e400", inf),
        ("-1e400", -inf),
        ("1e131071", inf),
        ("1e-400", 0.0),
        ("-1e-16383", -0.0),
        ("Infinity", inf),
        ("-Infinity", -inf),
        ("NaN", nan),
        ("9007199254740993", 9007199254740992.0),
        ("0.1", 0.1),
        ("123456789012345678.90123", 123456789012345678.90123),
        ("1e22", 1e22),
        ("1e23", 1e23),
    ],
)
def test_numerics(text: str, expected: float) -> None:
    assert_identical(np.float64(rounded(Decimal(text))), np.float64(expected))
    assert_identical(np.float64(expected), np.float64(float(Decimal(text))))


def test_infinite_intervals() -> None:
    for value, expected in ((INT64_MAX, INT64_MAX), (INT64_MIN, INT64_MIN)):
        bound = max(-(2**31), min(2**31 - 1, value))
        assert only_value("interval", struct.pack(">qii", value, bound, bound)) == expected


def test_arrays_of_types_of_users_are_told_by_their_size() -> None:
    domain = struct.pack(">iiI", 1, 0, 16_384) + struct.pack(">ii", 2, 1) + 2 * field(struct.pack(">i", 7))
    assert only_value("int32[]", domain).tolist() == [7, 7]


def test_the_shape_of_arrays_is_that_of_the_first_row_that_is_not_null() -> None:
    table = [array_column("int16", (2, 3), [None, None, list(range(6)), None])]
    data = stream_of(table)
    parser = parser_of(table)
    nulls = len(HEADER) + 2 * 6
    assert parser.feed(data[:nulls]) == 2
    ((values, valid),) = parser.take(1)
    assert (values.shape, values.dtype) == ((1, 0), np.dtype("i2"))
    assert valid is not None
    assert valid.tolist() == [False]
    assert parser.feed(data[nulls:]) == 3
    check(table, parser.take(), 1, 4)


def test_what_was_taken_stays_as_it_is() -> None:
    table = [column("int64", list(range(1000))), column("bytes", [b"%d" % number for number in range(1000)])]
    parser = parser_of(table)
    data = stream_of(table)
    taken = []
    for part in cut(data, list(range(0, len(data), 100))):
        parser.feed(part)
        taken.append(parser.take())
        taken[-1][0][0][:] += 1  # an array is its owner's, who may write to it
    assert_identical(np.concatenate([values for (values, _), _ in taken]), np.arange(1, 1001))
    assert [text for _, (values, _) in taken for text in values] == [b"%d" % number for number in range(1000)]


def test_the_header_may_have_an_extension_and_flags_that_readers_may_ignore() -> None:
    header = SIGNATURE + struct.pack(">iI", 0xFFFF, 1000) + bytes(1000)
    for part in (1, 7, 10_000):
        parser = CopyParser([("x", "int16")])
        data = header + row(field(b"\0\5")) + TRAILER
        for first in range(0, len(data), part):
            parser.feed(data[first : first + part])
        ((values, _),) = parser.take()
        assert values.tolist() == [5]
        assert parser.is_finished


# Buffers, threads and memory.


def test_what_can_be_fed() -> None:
    data = stream(row(field(b"\0\5")))
    for each in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert CopyParser([("x", "int16")]).feed(each) == 1  # type: ignore[arg-type]
    parser = CopyParser([("x", "int16")])
    with pytest.raises(TypeError):
        parser.feed("text")  # type: ignore[arg-type]
    with pytest.raises(BufferError):
        parser.feed(memoryview(bytes(20))[::2])
    assert parser.feed(b"") == 0


def test_one_thread_may_feed_while_another_takes() -> None:
    rows = 20_000
    data = stream(*(row(field(struct.pack(">q", number))) for number in range(rows)))
    parser = CopyParser([("x", "int64")])
    taken: list[Array] = []

    def take() -> None:
        while not parser.is_finished:
            taken.append(parser.take()[0][0])

    thread = threading.Thread(target=take)
    thread.start()
    for first in range(0, len(data), 1000):
        parser.feed(data[first : first + 1000])
    thread.join()
    taken.append(parser.take()[0][0])
    assert_identical(np.concatenate(taken), np.arange(rows))


def test_a_large_field_may_come_in_many_parts() -> None:
    text = bytes(range(256)) * 8192
    parser = CopyParser([("x", "bytes"), ("y", "bytes")])
    data = stream(row(field(text), field(text)))
    for first in range(0, len(data), 64):  # looking at all of it each time would take hours
        parser.feed(data[first : first + 64])
    assert [values.tolist() for values, _ in parser.take()] == [[text], [text]]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_claims_of_a_stream_take_no_memory() -> None:
    result = run_program(
        """
        import resource, struct
        from binfeed import DataError
        from binfeed._core import CopyParser

        header = b"PGCOPY\\n\\xff\\r\\n\\0" + struct.pack(">iI", 0, 0)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))

        def feed(kind, data):
            parser = CopyParser([("x", kind)])
            try:
                parser.feed(header + data)
            except DataError as error:
                print(error)
            return parser

        huge = 2**31 - 1
        feed("bytes", struct.pack(">hi", 1, huge) + bytes(1000))
        feed("int32[]", struct.pack(">hiiiIii", 1, 20, 1, 0, 23, huge, 1))
        feed("int32[]", struct.pack(">hiiiI12i", 1, 60, 6, 0, 23, *(6 * (huge, 1))))
        # Rows of NULL beside one of 100,000 bytes: 25 GB, if all of them were taken at once.
        size = 100_000
        array = struct.pack(">hiiiIii", 1, 20 + 5 * size, 1, 0, 16, size, 1) + size * struct.pack(">i?", 1, 1)
        parser = feed("bool[]", array + 250_000 * struct.pack(">hi", 1, -1))
        try:
            parser.take()
        except MemoryError:
            print("MemoryError")
        try:
            parser.take(0)
        except DataError as error:
            print(error)
        """
    )
    assert result.stdout.splitlines() == [
        "row 0, column 'x': an array of the shape (2147483647,), but with only 0 bytes for its elements",
        "row 0, column 'x': an array of the shape (2147483647, 2147483647, 2147483647, 2147483647, 2147483647,"
        " 2147483647), but with only 0 bytes for its elements",
        "MemoryError",
        "memory ran out when rows were taken",
    ], result.stderr


# Errors.


def array_header(dimensions: int, *sizes: int, oid: int = 23) -> bytes:
    bounds = b"".join(struct.pack(">ii", size, 1) for size in sizes)
    return struct.pack(">iiI", dimensions, 0, oid) + bounds


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("int16", bytes(3), "3 bytes, but a field of the kind int16 has 2"),
        ("float64", b"", "0 bytes, but a field of the kind float64 has 8"),
        ("time", bytes(12), "12 bytes, but a field of the kind time has 8"),
        ("bool", b"\2", "the bool 2, but it must be 0 or 1"),
        (
            "timestamp",
            struct.pack(">q", INT64_MAX - 1),
            "microseconds since 1970: 9223372036854775806 . 946684800000000",
        ),
        ("interval", struct.pack(">qii", 0, 0, -3), r"an interval of -3 months: .* select extract\(epoch from"),
        ("interval", struct.pack(">qii", 0, 2**31 - 1, 0), "microseconds of days: 2147483647 x 86400000000 is too"),
        ("interval", struct.pack(">qii", INT64_MAX, 1, 0), "microseconds of an interval: 9223372036854775807 . 86400"),
        ("numeric", bytes(7), "7 bytes, but a numeric has at least 8"),
        ("numeric", struct.pack(">hhHh", 1, 0, 0, 0), "8 bytes, but a numeric of 1 digit has 10"),
        ("numeric", struct.pack(">hhHh", -1, 0, 0, 0), "a numeric of -1 digits"),
        (
            "numeric",
            struct.pack(">hhHhH", 1, 0, 0, 0, 10_000),
            "a numeric with the digit 10000, but they are from 0 to 9999",
        ),
        ("numeric", struct.pack(">hhHhH", 1, 0, 1, 0, 7), "a numeric with the unknown sign 0x0001"),
        ("int32[]", bytes(3), "an array that ends too early"),
        ("int32[]", array_header(2, 1), "an array that ends too early"),
        ("int32[]", array_header(7), "an array of 7 dimensions, but there are at most 6"),
        ("int32[]", array_header(-1), "an array of -1 dimensions"),
        ("int32[]", array_header(1, -1), r"an array of the shape \(-1,\)"),
        ("int32[]", array_header(2, 2, 3), r"of the shape \(2, 3\), but with only 0 bytes for its elements"),
        ("int32[]", array_header(0, oid=25), "of the type with OID 25, but int32 has OID 23"),
        ("int32[]", array_header(1, 1) + NULL, "an array with a NULL element, but int32 has no NaN"),
        ("int32[]", array_header(1, 1) + struct.pack(">i", -2), "an array with an element of -2 bytes"),
        ("int32[]", array_header(1, 1) + struct.pack(">i", 4), "an array that ends too early"),
        ("int32[]", array_header(1, 1) + field(bytes(2)), "2 bytes, but a field of the kind int32 has 4"),
        ("int32[]", array_header(0) + b"abc", "3 bytes after the last element of an array"),
    ],
)
def test_wrong_fields(kind: str, data: bytes, words: str) -> None:
    parser = CopyParser([("x", "int16"), ("price", kind)])
    begin = HEADER + row(field(b"\0\1"), NULL)
    with pytest.raises(bf.DataError, match=rf"^row 1, column 'price': .*{words}") as caught:
        parser.feed(begin + row(field(b"\0\2"), field(data)))
    assert (caught.value.file, caught.value.offset) == ("<COPY>", len(begin) + 2 + 6)
    (values, _), (_, valid) = parser.take()
    assert values.tolist() == [1]
    assert valid is not None
    assert valid.tolist() == [False]


def test_arrays_of_different_shapes() -> None:
    kind = KINDS["float32"]
    parser = CopyParser([("x", "float32[]")])
    with pytest.raises(bf.DataError, match=r"row 2, column 'x': .*shape \(3,\), but .*\(2, 2\)"):
        parser.feed(
            stream(row(NULL), row(field(array(kind, [1, 2, 3, 4], (2, 2)))), row(field(array(kind, [1, 2, 3], (3,)))))
        )


@pytest.mark.parametrize(
    ("data", "words", "offset"),
    [
        (b"1\t2\t3\n4\t5\t6\n", "the stream does not begin with the signature of COPY in binary format", 0),
        (
            SIGNATURE + struct.pack(">iI", 1 << 16, 0),
            "the header says that rows have OIDs, which are not supported",
            11,
        ),
        (SIGNATURE + struct.pack(">II", 3 << 30, 0), "the header has the unknown critical flags 0xc0000000", 11),
        (SIGNATURE + struct.pack(">ii", 0, -1), "the header's extension has -1 bytes", 11),
        (HEADER + row(NULL), "row 0: 1 field for 2 columns", 19),
        (HEADER + row(NULL, NULL) + row(), "row 1: 0 fields for 2 columns", 29),
        (HEADER + struct.pack(">h", -2), "row 0: -2 fields for 2 columns", 19),
        (HEADER + struct.pack(">hi", 2, -2), "row 0, column 'a': a field of -2 bytes", 21),
        (stream(row(NULL, NULL)) + b"x", "1 byte after the trailer, which ends a stream", 31),
    ],
)
def test_wrong_streams(data: bytes, words: str, offset: int) -> None:
    for parts in ([data], [data[place : place + 1] for place in range(len(data))]):
        parser = CopyParser([("a", "int16"), ("b", "bytes")])
        assert error_of(parser, *parts) == (words, offset)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"'x' cannot be of the kind 'int8'; there are bool, bool\[\], int16"):
        CopyParser([("x", "int8")])
    with pytest.raises(ValueError, match=r"kind 'date\[\]'"):
        CopyParser([("x", "date[]")])
    with pytest.raises(ValueError, match="from 1 to 32767 columns, not 0"):
        CopyParser([])
    with pytest.raises(ValueError, match="not 32768"):
        CopyParser([("x", "bool")] * 32_768)
    parser = CopyParser([("x", "int16")])
    parser.feed(stream(row(NULL)))
    with pytest.raises(ValueError, match="rows must be from 0 to 1, the number of complete rows, not 2"):
        parser.take(2)
    with pytest.raises(TypeError):
        parser.take(-1)
