"""Hashes, crosses, buckets and indices, against TensorFlow, Keras and NumPy."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import binfeed as bf
import ml_dtypes
import numpy as np
import pytest
from binfeed.reader import open_with
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, assert_identical, random_records

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
BINS = [1, 2, 7, 1000, 2**31, 2**62]
SALTS: list[Any] = [5, 0, -1, (1, 2), [133, 137], (2**63 - 1, -(2**63))]


def texts(size: int, count: int, seed: int = 0) -> Array:
    """Fixed bytes of any content, with texts of all sizes up to ``size`` among them."""
    random = np.random.default_rng([seed, size])
    full = np.frombuffer(random.bytes(size * count), f"S{size}").copy()
    for k, length in enumerate(range(size + 1)):
        if k < count // 2:
            full[k] = full[k][:length]
    return full


def integers(type_: str, count: int) -> Array:
    """Integers of all numbers of digits, with the bounds of the type."""
    limits = np.iinfo(type_)
    random = np.random.default_rng(0)
    magnitudes = (2.0 ** random.uniform(0, 8 * np.dtype(type_).itemsize, count)).astype(object)
    signs = random.choice([-1, 1], count)
    numbers = [
        min(max(int(each) * int(sign), limits.min), limits.max) for each, sign in zip(magnitudes, signs, strict=True)
    ]
    return np.array(
        [*numbers, limits.min, limits.max, 0, 1, 9, 10, 99, 100, *(-n for n in (1, 9, 10) if limits.min)], type_
    )


def in_tensorflow(values: list[bytes], bins: int, salt: Any = None) -> Array:
    import tensorflow as tf  # noqa: PLC0415

    if salt is None:
        return np.asarray(tf.strings.to_hash_bucket_fast(values, bins).numpy())
    key = list(salt) if isinstance(salt, list | tuple) else [salt, salt]
    return np.asarray(tf.strings.to_hash_bucket_strong(values, bins, key).numpy())


@pytest.mark.parametrize("salt", [None, *SALTS], ids=str)
def test_bytes_of_all_sizes_have_the_hashes_of_tensorflow(salt: Any) -> None:
    sizes = [*range(1, 81), 127, 128, 129, 191, 192, 193, 255, 256, 257, 300]
    columns = {f"s{size}": texts(size, 100) for size in sizes}
    rows = np.zeros(100, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    with bf.open(rows, rows.dtype, {name: bf.field(name).hash(2**62, salt) for name in columns}) as reader:
        found: Any = reader[:]
    for name, values in columns.items():
        assert_identical(found[name], in_tensorflow(values.tolist(), 2**62, salt))


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("salt", [None, 7], ids=str)
def test_bins_are_those_of_tensorflow(bins: int, salt: Any, instruction_set: str) -> None:
    values = texts(20, 500)
    with open_with(values.view(np.uint8), {"s": "S20"}, bf.field("s").hash(bins, salt), instruction_set) as reader:
        found = np.asarray(reader[:])
    assert found.min() >= 0
    assert found.max() < bins
    assert_identical(found, in_tensorflow(values.tolist(), bins, salt))


def test_zeros_at_the_end_of_bytes_are_no_part_of_them() -> None:
    values = [b"", b"\0", b"a", b"a\0", b"\0a", b"a\0b\0\0", b"\0\0\0\0\0\0\0\0\0x", b"12345678\0\0\0", b"1234567\0009"]
    rows = np.frombuffer(b"".join(value.ljust(12, b"\0") for value in values), "S12")
    for salt in (None, 3):
        with bf.open(rows.view(np.uint8), {"s": "S12"}, bf.field("s").hash(10**6, salt)) as reader:
            assert_identical(reader[:], in_tensorflow([value.rstrip(b"\0") for value in values], 10**6, salt))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("type_", INTEGERS)
def test_integers_have_the_hashes_of_keras(type_: str, order: str, instruction_set: str) -> None:
    import keras  # noqa: PLC0415

    values = integers(type_, 300)
    stored = values.astype(f"{order}{type_}").view(np.uint8)
    features = {str(salt): bf.field("x").hash(1000, salt) for salt in (None, 11, (3, 4))}
    with open_with(stored, {"x": f"{order}{type_}"}, features, instruction_set) as reader:
        found: Any = reader[:]
    for salt in (None, 11, (3, 4)):
        layer = keras.layers.Hashing(1000, salt=salt)
        as_text = [str(value).encode() for value in values.tolist()]
        assert_identical(found[str(salt)], in_tensorflow(as_text, 1000, salt))
        if type_ != "u8":  # of which Keras would make int64
            assert_identical(found[str(salt)], np.asarray(layer(values)).astype(np.int64))


@pytest.mark.parametrize("type_", ["<u3", ">i3", "<u5", ">i6", "<i7", "(8)>uint12", "(4)<int12"])
def test_integers_of_other_sizes_are_hashed_as_the_numbers_they_are(type_: str) -> None:
    layout = bf.Layout({"x": type_})
    data = np.frombuffer(np.random.default_rng(0).bytes(layout.record_bytes * 50), np.uint8)
    with bf.open(data, layout, {"x": "x", "hash": bf.field("x").hash(500)}) as reader:
        found: Any = reader[:]
    expected = in_tensorflow([str(value).encode() for value in found["x"].ravel().tolist()], 500)
    assert_identical(found["hash"], expected.reshape(found["x"].shape))


def test_strings_have_the_hashes_of_keras() -> None:
    import keras  # noqa: PLC0415

    values = np.array([f"user-{k}" for k in range(500)], "S10")
    for salt in (None, 133, (133, 137)):
        with bf.open(values.view(np.uint8), {"s": "S10"}, bf.field("s").hash(64, salt)) as reader:
            layer = keras.layers.Hashing(64, salt=salt)
            assert_identical(reader[:], np.asarray(layer(values.astype(str).tolist())).astype(np.int64))


def test_hashes_are_features_like_others(instruction_set: str) -> None:
    record = np.dtype([("name", "S6"), ("ids", ">i4", (2, 3)), ("tags", "S3", 4)])
    rows = random_records(record, 200)
    name, ids = bf.field("name"), bf.field("ids")
    features = {
        "tags": bf.field("tags").hash(50),
        "ids": ids.transpose().hash(50),
        "hot": name.hash(8).one_hot(8),
        "before": name.hash(99).lag(1, first=0),
        "of a sum": (ids[0, 0] + 1).hash(99),
        "chosen": bf.where(ids[0, 0] > 0, name.hash(10), 10 + ids[0, 1].hash(10)),
        "many": bf.field("tags").hash(30).multi_hot(30),
        "block": bf.concat(name.hash(5), ids.hash(6)),
    }
    with open_with(rows, record, features, instruction_set) as reader:
        found: Any = reader[:]

    def hashed(values: Array, bins: int) -> Array:
        flat = [each if isinstance(each, bytes) else str(each).encode() for each in values.ravel().tolist()]
        return in_tensorflow(flat, bins).reshape(values.shape)

    tags = hashed(rows["tags"], 30)
    expected = {
        "tags": hashed(rows["tags"], 50),
        "ids": hashed(rows["ids"].transpose(0, 2, 1), 50),
        "hot": np.eye(8, dtype=np.float32)[hashed(rows["name"], 8)],
        "before": np.concatenate([[0], hashed(rows["name"], 99)[:-1]]),
        "of a sum": hashed(rows["ids"][:, 0, 0].astype(np.int64) + 1, 99),
        "chosen": np.where(
            rows["ids"][:, 0, 0] > 0, hashed(rows["name"], 10), 10 + hashed(rows["ids"][:, 0, 1].astype(int), 10)
        ),
        "many": (tags[:, :, np.newaxis] == np.arange(30)).any(axis=1).astype(np.float32),
        "block": np.column_stack([hashed(rows["name"], 5), hashed(rows["ids"], 6).reshape(-1, 6)]).astype(np.float32),
    }
    assert_identical(found, expected)


# Crosses.

CROSSED = np.dtype(
    [("text", "S9"), ("other", "S70"), ("small", "i1"), ("big", ">i8"), ("unsigned", "<u4"), ("u8", "<u8")]
)


def crossed_rows(count: int = 300) -> Array:
    rows = random_records(CROSSED, count).copy()
    rows["text"] = np.array([f"key{k % 17}" for k in range(count)], "S9")
    rows["other"] = texts(70, count)
    rows["u8"] = rows["u8"] % 2**63
    return rows


def crossed_in_tensorflow(columns: list[Array], bins: int) -> Array:
    import tensorflow as tf  # noqa: PLC0415

    tensors = [
        tf.constant(column.tolist() if column.dtype.kind == "S" else column.astype(np.int64))[:, tf.newaxis]
        for column in columns
    ]
    return np.asarray(tf.sparse.to_dense(tf.sparse.cross_hashed(tensors, num_buckets=bins)).numpy())[:, 0]


@pytest.mark.parametrize(
    "names", [*itertools.permutations(CROSSED.names or (), 2), ("text", "big", "other"), CROSSED.names]
)
def test_crosses_have_the_hashes_of_tensorflow(names: tuple[str, ...], instruction_set: str) -> None:
    rows = crossed_rows()
    features = {str(bins): bf.cross(*names, bins=bins) for bins in (1, 10, 2**40)}
    with open_with(rows, CROSSED, features, instruction_set) as reader:
        found: Any = reader[:]
    for bins in (1, 10, 2**40):
        assert_identical(found[str(bins)], crossed_in_tensorflow([rows[name] for name in names], bins))


@pytest.mark.parametrize("names", [("text", "other"), ("small", "text"), ("big", "unsigned")])
def test_crosses_have_the_hashes_of_keras(names: tuple[str, str]) -> None:
    import keras  # noqa: PLC0415

    rows = crossed_rows()
    rows["other"] = np.array([f"item {k % 23}" for k in range(len(rows))])
    with bf.open(rows, CROSSED, bf.cross(*names, bins=100)) as reader:
        layer = keras.layers.HashedCrossing(100)
        columns = [
            rows[name].astype(str) if rows[name].dtype.kind == "S" else rows[name].astype(np.int64) for name in names
        ]
        assert_identical(reader[:], np.asarray(layer(tuple(map(list, columns)))).astype(np.int64).reshape(-1))


def test_a_cross_takes_features_and_broadcasts(instruction_set: str) -> None:
    rows = np.zeros(100, [("hour", "u1"), ("ids", "<i4", 3), ("word", "S5"), ("price", ">f4")])
    random = np.random.default_rng(0)
    rows["hour"], rows["ids"] = random.integers(0, 24, 100), random.integers(-9, 9, (100, 3))
    rows["word"], rows["price"] = texts(5, 100), random.uniform(0, 100, 100)
    features = {
        "each": bf.cross("hour", "ids", bins=1000),
        "other way": bf.cross(bf.field("ids"), "hour", bins=1000),
        "bucket": bf.cross(bf.field("price").bucketize([10, 50]), "word", bins=1000),
        "again": bf.cross(bf.cross("hour", "word", bins=2**62), "hour", bins=1000),
        "sum": bf.cross(bf.field("hour") + 1, bf.field("word").hash(7), bins=1000),
        "before": bf.cross("hour", bf.field("hour").lag(1, first=99), bins=1000),
        "u1": bf.cross("hour", "hour", bins=1000),
    }
    with open_with(rows, rows.dtype, features, instruction_set) as reader:
        found: Any = reader[:]

    def crossed(*columns: Any, bins: int = 1000) -> Array:
        return crossed_in_tensorflow(list(columns), bins)

    hour, word = rows["hour"], rows["word"]
    by_id = [(crossed(hour, rows["ids"][:, k]), crossed(rows["ids"][:, k], hour)) for k in range(3)]
    expected = {
        "each": np.column_stack([one for one, _ in by_id]),
        "other way": np.column_stack([other for _, other in by_id]),
        "bucket": crossed(np.digitize(rows["price"], [10, 50]), word),
        "again": crossed(crossed(hour, word, bins=2**62), hour),
        "sum": crossed(hour.astype(int) + 1, in_tensorflow(word.tolist(), 7)),
        "before": crossed(hour, np.concatenate([[99], hour[:-1]])),
        "u1": crossed(hour, hour),
    }
    assert_identical(found, expected)


# Buckets.


@settings(max_examples=200)
@given(
    type_=st.sampled_from([*INTEGERS, "f2", "f4", "f8", "bfloat16"]),
    edges=st.lists(st.integers(-300, 300), min_size=1, max_size=40, unique=True).map(sorted),
    values=st.lists(st.integers(-310, 310), min_size=1, max_size=50),
)
def test_buckets_are_those_of_numpy_and_keras(type_: str, edges: list[int], values: list[int]) -> None:
    import keras  # noqa: PLC0415

    dtype = np.dtype(ml_dtypes.bfloat16) if type_ == "bfloat16" else np.dtype(type_)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    given_values = np.array(values if limits is None else np.clip(values, limits.min, limits.max)).astype(dtype)
    with bf.open(given_values.view(np.uint8), {"x": f"<{type_}"}, bf.field("x").bucketize(edges)) as reader:
        found = np.asarray(reader[:])
    wide = given_values.astype(np.float64)
    assert_identical(found, np.digitize(wide, edges).astype(np.int32))
    layer = keras.layers.Discretization(bin_boundaries=[float(edge) for edge in edges])
    assert np.array_equal(found, np.asarray(layer(wide.astype(np.float32)[:, np.newaxis]))[:, 0])


@pytest.mark.parametrize("type_", ["<f4", ">f8"])
def test_buckets_of_floats_begin_at_their_edges(type_: str, instruction_set: str) -> None:
    edges = [-np.inf, -1e30, -0.1, 0.0, 1e-30, 0.1, 1 / 3, 1e30, np.inf]
    computed = np.array(edges, type_[1:])
    around = [np.nextafter(computed, computed.dtype.type(to)) for to in (-np.inf, np.inf)]
    values = np.concatenate([computed, *around, [np.nan, -np.nan, -0.0, np.inf, -np.inf]]).astype(type_)
    with open_with(values.view(np.uint8), {"x": type_}, bf.field("x").bucketize(edges), instruction_set) as reader:
        assert_identical(reader[:], np.digitize(values.astype(type_[1:]), computed).astype(np.int32))
    assert np.digitize(np.nan, edges) == len(edges)


@pytest.mark.parametrize("type_", ["i1", "u1", "i8", "u8"])
def test_buckets_of_integers_are_exact(type_: str, instruction_set: str) -> None:
    limits = np.iinfo(type_)
    edges = [
        -(2**63),
        -(2**53) - 1,
        -129,
        -128,
        -1,
        0,
        1,
        127,
        128,
        255,
        256,
        2**53,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64 - 1,
    ]
    edges = [edge for edge in edges if edge >= 0] if type_ == "u8" else [edge for edge in edges if edge < 2**63]
    near = {edge + step for edge in edges for step in (-1, 0, 1)}
    values = np.array(sorted(near & {*range(-300, 300), *(n for n in near if limits.min <= n <= limits.max)}), object)
    values = values[(values >= limits.min) & (values <= limits.max)]
    feature = bf.field("x").bucketize(np.array(edges, "u8" if type_ == "u8" else "i8"))
    with open_with(values.astype(type_).view(np.uint8), {"x": f"<{type_}"}, feature, instruction_set) as reader:
        found = np.asarray(reader[:])
    assert found.tolist() == [sum(edge <= value for edge in edges) for value in values.tolist()]


def test_buckets_of_integers_between_floats() -> None:
    values = np.arange(-5, 6, dtype="<i8")
    with bf.open(values, "<i8", bf.field("value").bucketize([-2.5, 0, 0.5, 3])) as reader:
        assert_identical(reader[:], np.digitize(values, [-2.5, 0, 0.5, 3]).astype(np.int32))
    many = np.random.default_rng(0).uniform(-1e6, 1e6, 5000)
    edges = np.unique(np.random.default_rng(1).uniform(-1e6, 1e6, 3000))
    with bf.open(many.reshape(1000, 5), np.dtype(("<f8", 5)), bf.field("value").bucketize(edges)) as reader:
        assert_identical(reader[:], np.digitize(many, edges).astype(np.int32).reshape(1000, 5))


# Several indices.


@pytest.mark.parametrize("type_", ["u1", ">i2", "<i8", "<u8", "<f2", ">f4", "<f8", "<bfloat16", "?"])
def test_several_indices_are_those_of_keras(type_: str, instruction_set: str) -> None:
    import keras  # noqa: PLC0415

    indices = np.random.default_rng(0).integers(0, 2 if type_ == "?" else 12, (200, 4))
    stored = indices.astype(ml_dtypes.bfloat16 if type_ == "<bfloat16" else type_)
    features = {"x": bf.field("x").multi_hot(12), "some": bf.field("x")[::3].multi_hot(12)}
    with open_with(stored.tobytes(), {"x": f"(4){type_}"}, features, instruction_set) as reader:
        found: Any = reader[:]
    layer = keras.layers.CategoryEncoding(12, output_mode="multi_hot")
    assert_identical(found["x"], np.asarray(layer(indices)))
    assert_identical(found["some"], np.asarray(layer(indices[:, ::3])))


def test_what_is_no_index_has_no_effect(instruction_set: str) -> None:
    values = np.array([[-1, 0, 5], [4, 4, 4], [-128, 127, 5], [0, 1, 2]], "i1")
    floats = np.array([[0.5, 1.0, np.nan], [np.inf, -np.inf, 3.0], [-0.0, 5.0, 1e30], [-1.0, 4.999, 4.0]], "<f8")
    for array in (values, floats):
        spelled = np.dtype((array.dtype, 3))
        with open_with(array, spelled, bf.field("value").multi_hot(5), instruction_set) as reader:
            expected = (array[:, :, np.newaxis] == np.arange(5)).any(axis=1).astype(np.float32)
            assert_identical(reader[:], expected)


def test_indices_along_the_last_of_several_axes() -> None:
    values = np.random.default_rng(0).integers(0, 9, (50, 2, 3, 4)).astype("u1")
    grid = bf.field("value")
    features = {
        "all": grid.multi_hot(9),
        "rearranged": grid.transpose(2, 0, 1).multi_hot(9),
        "one": grid[0, 0, :1].multi_hot(9),
    }
    with bf.open(values, np.dtype(("u1", (2, 3, 4))), features) as reader:
        found: Any = reader[:]
    hot = values[..., np.newaxis] == np.arange(9)
    assert_identical(found["all"], hot.any(axis=-2).astype(np.float32))
    moved = values.transpose(0, 3, 1, 2)[..., np.newaxis] == np.arange(9)
    assert_identical(found["rearranged"], moved.any(axis=-2).astype(np.float32))
    assert_identical(found["one"], np.eye(9, dtype=np.float32)[values[:, 0, 0, 0]])


# Text of tables.


def test_text_of_a_table_has_the_same_hashes_with_a_cache(tmp_path: Path) -> None:
    pytest.importorskip("adbc_driver_sqlite", reason="the extra 'sql' is not installed")
    words = ["a", None, "word", "", None, "x" * 70]
    with contextlib.closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER, word TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(words)))
    word = bf.field("word").fill("longer " * 20)  # than any text there is
    features = {
        "fast": word.hash(1000),
        "strong": word.hash(1000, salt=5),
        "cross": bf.cross(word.hash(2**62), "id", bins=1000),
        "known": word.is_in(["a", "longer " * 20]),
        "missing": bf.field("word").hash(10).is_missing(),
    }
    texts_or_filler = [("longer " * 20 if each is None else each).encode() for each in words]
    expected = {
        "fast": in_tensorflow(texts_or_filler, 1000),
        "strong": in_tensorflow(texts_or_filler, 1000, 5),
        "cross": crossed_in_tensorflow([in_tensorflow(texts_or_filler, 2**62), np.arange(6)], 1000),
        "known": np.array([True, True, False, False, True, False]),
        "missing": np.array([False, True, False, False, True, False]),
    }
    for cache in (None, tmp_path / "cache"):
        reader = bf.from_sql("SELECT * FROM t ORDER BY id", f"sqlite:///{tmp_path}/t.db", features, cache=cache)
        (batch,) = reader.batches(10)
        assert_identical(batch, expected)


# In graphs.

IN_GRAPHS = np.dtype([*((name, CROSSED[name]) for name in CROSSED.names or ()), ("three", "<u2", 3)])
FEATURES: dict[str, bf.Feature] = {
    "hash": bf.field("text").hash(100),
    "strong": bf.field("other").hash(100, salt=(1, 2)),
    "number": bf.field("big").hash(100),
    "cross": bf.cross("text", "big", "other", bins=1000),
    "bucket": bf.field("small").bucketize([-100, -1, 0, 50]),
    "many": (bf.field("three") % 9).multi_hot(9),
}


def test_graphs_and_saved_models_find_the_same_bins(tmp_path: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415
    from binfeed import tensorflow as bft  # noqa: PLC0415

    rows = random_records(IN_GRAPHS, 300).copy()
    rows["text"] = crossed_rows()["text"]
    rows.tofile(tmp_path / "rows.bin")
    with bf.open(tmp_path / "rows.bin", IN_GRAPHS, FEATURES) as reader:
        everything: Any = reader[:]
        for engine in ("graph", "generator"):
            batches = list(reader.to_tf_dataset(64, engine=engine).as_numpy_iterator())  # type: ignore[arg-type]
            assert_identical(
                {name: np.concatenate([batch[name] for batch in batches]) for name in FEATURES}, everything
            )
        picked = np.random.default_rng(0).integers(0, 300, 100)
        assert_identical(reader.take(picked), {name: values[picked] for name, values in everything.items()})
    assert_identical(everything["hash"], in_tensorflow(rows["text"].tolist(), 100))
    assert_identical(everything["strong"], in_tensorflow(rows["other"].tolist(), 100, (1, 2)))
    assert_identical(
        everything["cross"], crossed_in_tensorflow([rows[name] for name in ("text", "big", "other")], 1000)
    )

    strings = tf.constant([bytes(row) for row in rows.view((np.uint8, IN_GRAPHS.itemsize))])
    model = tf.Module()
    model.serve = tf.function(
        lambda strings: bft.decode(strings, IN_GRAPHS, FEATURES), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(model, str(tmp_path / "model"))
    served = tf.saved_model.load(str(tmp_path / "model")).serve(strings)
    for decoded in (bft.decode(strings, IN_GRAPHS, FEATURES), served):
        assert_identical({name: tensor.numpy() for name, tensor in decoded.items()}, everything)


# What is refused.

X = bf.field("x")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: X.hash(0), r"hash\(bins=0\): there must be at least 1 bin"),
        (lambda: X.hash(-5), "at least 1 bin"),
        (lambda: X.hash(2.5), r"hash\(bins=\) must be a whole number, not 2.5"),
        (lambda: X.hash(2**63), "within 64 bits"),
        (lambda: X.hash(5, salt="pepper"), "must be a whole number, not 'pepper'"),
        (lambda: X.hash(5, salt=(1, 2, 3)), r"is one integer or two, not \(1, 2, 3\)"),
        (lambda: X.hash(5, salt=[1]), "is one integer or two"),
        (lambda: X.hash(5, salt=2**63), "within 64 bits"),
        (lambda: X.hash(5, salt=1.5), "must be a whole number, not 1.5"),
        (lambda: bf.cross("x", bins=5), r"cross\(\) needs at least two features"),
        (lambda: bf.cross("x", "y", bins=0), "at least 1 bin"),
        (lambda: bf.cross("x", 5, bins=5), "takes the name of a field, not 5"),
        (lambda: X.bucketize([]), "takes a list of at least one edge"),
        (lambda: X.bucketize(5), "takes a list of at least one edge, not 5"),
        (lambda: X.bucketize([[1, 2]]), "takes a list of at least one edge"),
        (lambda: X.bucketize([1, 1]), "the edges must rise"),
        (lambda: X.bucketize([2, 1]), "the edges must rise"),
        (lambda: X.bucketize([1, float("nan")]), r"bucketize\(\) takes finite numbers, not nan"),
        (lambda: X.bucketize(["a"]), "takes features, numbers and arrays of numbers"),
        (lambda: X.multi_hot(0), r"multi_hot\(0\): the depth must be at least 1"),
        (lambda: X.multi_hot(1.5), "must be a whole number"),
    ],
)
def test_what_makes_no_bins_is_refused(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(bf.FeatureError, match=message):
        made()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (bf.field("real").hash(5), r".hash\(\) takes fixed bytes or integers, not 'real' of float32"),
        (bf.field("flag").hash(5), "fixed bytes or integers, not 'flag' of bool"),
        (bf.field("raw").hash(5), "fixed bytes or integers"),
        (bf.cross("x", "real", bins=5), r".cross\(\) takes fixed bytes or integers"),
        (bf.cross("three", "four", bins=5), r"the shapes .* of a record's values in cross\(\) do not broadcast"),
        (X.multi_hot(5), "takes an array of indices"),
        (bf.concat("three", "four").multi_hot(5), "takes an array of indices, before any concat"),
        (bf.field("three")[:0].multi_hot(5), "takes an array with at least one index"),
        (bf.field("text").multi_hot(5), "field 'text' is bytes"),
        (bf.field("text").bucketize([1]), "field 'text' is bytes"),
    ],
)
def test_what_has_no_bins_is_refused(feature: bf.Feature, message: str) -> None:
    layout = bf.Layout(
        {"x": "<i4", "real": "<f4", "flag": "?", "raw": "V4", "text": "S4", "three": "(3)<i4", "four": "(4)<i4"}
    )
    with pytest.raises(bf.FeatureError, match=message):
        bf.open(bytes(layout.record_bytes), layout, feature)
