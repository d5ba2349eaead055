"""decode and FixedLengthRecordDataset: in place of decode_raw and of TensorFlow's own class."""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from pathlib import Path
from typing import Any

import binfeed as bf
import binfeed.tensorflow as bft
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Array, assert_identical

RECORD = np.dtype([("id", "<u4"), ("price", ">i8"), ("image", "u1", (2, 3)), ("tag", "S30")])
FEATURES = {"image": bf.field("image").div(255), "price": bf.field("price").scale(1e-9), "tag": bf.field("tag")}
COUNTS = [30, 1, 69]
LAYOUT = bf.Layout(RECORD, header_bytes=4, footer_bytes=5)


@pytest.fixture
def expected(records: Array, tmp_path: Path) -> Any:
    records.tofile(tmp_path / "all")
    return next(bf.open(tmp_path / "all", RECORD, FEATURES).to_tf_dataset(1000).as_numpy_iterator())


def strings(records: Array) -> tf.Tensor:
    return tf.constant([record.tobytes() for record in records])


def as_numpy(tensors: Any) -> Any:
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), tensors)


def test_decode_gives_what_the_reader_does(records: Array, expected: Any) -> None:
    assert_identical(as_numpy(bft.decode(strings(records), RECORD, FEATURES)), expected)
    one = bft.decode(records[7].tobytes(), RECORD, FEATURES)
    assert_identical(as_numpy(one), {name: values[7] for name, values in expected.items()})
    square = bft.decode(tf.reshape(strings(records), (10, 5, 2)), RECORD, "price")
    assert_identical(square.numpy(), records["price"].astype("i8").reshape(10, 5, 2))
    assert bft.decode(tf.constant([], tf.string), RECORD, "price").shape == (0,)


def test_decode_takes_large_records_and_long_strings() -> None:
    content = np.random.default_rng(0).random((5, 3000)).astype("<f4")
    found = bft.decode([row.tobytes() for row in content], np.dtype(("<f4", 3000)), bf.field("value").scale(2))
    assert_identical(found.numpy(), content * np.float32(2))


def test_decode_takes_whole_files(paths: list[Path], expected: Any) -> None:
    contents = tf.stack([tf.io.read_file(str(path)) for path in paths])
    assert_identical(as_numpy(bft.decode(contents, LAYOUT, FEATURES, many=True)), expected)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"string 1 of 3 bytes is not a whole number of records of 48"
    ):
        bft.decode(tf.constant([b"headfeet!", b"cut"]), LAYOUT, FEATURES, many=True)


def test_decode_names_the_string_of_another_size(records: Array) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="string 2 has 47 bytes, but a record has 48; use many"):
        bft.decode(tf.tensor_scatter_nd_update(strings(records), [[2]], [b"x" * 47]), RECORD)
    with pytest.raises(TypeError, match="did you mean 'features'"):
        bft.decode(strings(records), RECORD, feature="price")


def test_decode_works_in_functions_and_datasets(records: Array, expected: Any) -> None:
    function = tf.function(lambda batch: bft.decode(batch, RECORD, FEATURES))
    assert_identical(as_numpy(function(strings(records))), expected)
    dataset = tf.data.Dataset.from_tensor_slices(strings(records)).batch(100, drop_remainder=True)
    mapped = dataset.map(lambda batch: bft.decode(batch, RECORD, FEATURES), num_parallel_calls=2)
    assert mapped.element_spec["image"] == tf.TensorSpec((100, 2, 3), tf.float32)
    assert_identical(next(iter(mapped.as_numpy_iterator())), expected)


def test_decode_is_saved_with_a_model(records: Array, expected: Any, tmp_path: Path) -> None:
    class Model(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
        def serve(self, batch: tf.Tensor) -> Any:
            return bft.decode(batch, RECORD, FEATURES)

    tf.saved_model.save(Model(), str(tmp_path / "model"))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert_identical(as_numpy(loaded.serve(strings(records))), expected)


def both(*args: Any, **kwargs: Any) -> tuple[list[bytes], list[bytes]]:
    """The elements of our class, and of TensorFlow's."""
    ours, theirs = bft.FixedLengthRecordDataset, tf.data.FixedLengthRecordDataset
    assert isinstance(ours(*args, **kwargs), theirs)
    return list(ours(*args, **kwargs).as_numpy_iterator()), list(theirs(*args, **kwargs).as_numpy_iterator())


@pytest.mark.parametrize(
    "options",
    [{}, {"num_parallel_reads": 3}, {"buffer_size": 64}, {"name": "records"}, {"num_parallel_reads": tf.data.AUTOTUNE}],
)
def test_without_a_layout_it_is_tensorflows_class(paths: list[Path], records: Array, options: dict[str, Any]) -> None:
    names = list(map(str, paths))
    for filenames in (names, tf.constant(names), tf.data.Dataset.from_tensor_slices(names)):
        found, expected = both(filenames, 48, 4, 5, **options)
        assert found == expected
        assert sorted(found) == sorted(record.tobytes() for record in records)
    assert both(names[0], 48, header_bytes=4, footer_bytes=5)[0] == [record.tobytes() for record in records[:30]]


@pytest.mark.parametrize(("kind", "compress"), [("GZIP", gzip.compress), ("ZLIB", zlib.compress)])
def test_compressed_files(records: Array, expected: Any, tmp_path: Path, kind: str, compress: Any) -> None:
    path = tmp_path / "compressed"
    path.write_bytes(compress(b"head" + records.tobytes()))
    found, theirs = both(str(path), 48, 4, compression_type=kind)
    assert found == theirs == [record.tobytes() for record in records]
    decoded = bft.FixedLengthRecordDataset(
        str(path), 48, 4, compression_type=kind, layout=RECORD, features=FEATURES, batch_size=1000
    )
    assert_identical(next(iter(decoded.as_numpy_iterator())), expected)


def test_the_errors_are_tensorflows(paths: list[Path]) -> None:
    for arguments in ((str(paths[0]), 11), ("missing.bin", 48), (str(paths[0]), 0), (str(paths[0]), 48, -1)):
        errors = []
        for dataset in (bft.FixedLengthRecordDataset, tf.data.FixedLengthRecordDataset):
            with pytest.raises((tf.errors.OpError, ValueError)) as caught:
                list(dataset(*arguments))
            words = re.sub(r"FlatMapDataset:\d+", "", str(caught.value))  # they are numbered
            errors.append((type(caught.value), words))
        assert errors[0] == errors[1]
    with pytest.raises(TypeError):
        bft.FixedLengthRecordDataset(str(paths[0]))


@pytest.mark.parametrize("reads", [None, 1, 2])
def test_with_a_layout_it_gives_decoded_batches(paths: list[Path], reads: int | None) -> None:
    names = list(map(str, paths))
    options: dict[str, Any] = {"layout": RECORD, "features": FEATURES, "batch_size": 32, "num_parallel_reads": reads}
    expected = list(bf.open(paths, LAYOUT, FEATURES).to_tf_dataset(32, cycle_length=reads or 1).as_numpy_iterator())
    for filenames in (names, tf.constant(names), tf.data.Dataset.from_tensor_slices(names)):
        found = list(bft.FixedLengthRecordDataset(filenames, 48, 4, 5, **options).as_numpy_iterator())
        assert_identical(found, expected)
    with pytest.raises(bf.LayoutError, match="record_bytes is 47, but the layout's records have 48"):
        bft.FixedLengthRecordDataset(names, 47, layout=RECORD)
    with pytest.raises(ValueError, match="header_bytes must be at least 0, not -1"):
        bft.FixedLengthRecordDataset(names, 48, -1, layout=RECORD)


READS = st.sampled_from([None, 1, 2, 3, 20, tf.data.AUTOTUNE])


@settings(max_examples=40)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=8), reads=READS)
def test_files_take_turns_as_in_tensorflows_class(counts: list[int], reads: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{number}" for number in range(len(counts))]
        values = np.arange(sum(counts), dtype="<u4")
        for name, part in zip(names, np.split(values, np.cumsum(counts)[:-1]), strict=True):
            part.tofile(name)
        theirs = tf.data.FixedLengthRecordDataset(names, 4, num_parallel_reads=reads)
        expected = [int.from_bytes(record, "little") for record in theirs.as_numpy_iterator()]
        ours = bft.FixedLengthRecordDataset(names, 4, num_parallel_reads=reads, layout="<u4", batch_size=5)
        assert [value for batch in ours.as_numpy_iterator() for value in batch] == expected


def test_names_of_files_are_no_patterns(tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("part-[1].bin", "part-1.bin", "part-*.bin")]
    for number, name in enumerate(names):
        name.write_bytes(bytes([number, 9]))
    for given_names, expected in ((names[0], [0, 9]), (str(names[2]), [2, 9]), (names[:2], [0, 9, 1, 9]), ([], [])):
        found = bft.FixedLengthRecordDataset(given_names, 1, layout="u1").as_numpy_iterator()
        assert [value for batch in found for value in batch] == expected
    names[2].unlink()
    with pytest.raises(tf.errors.NotFoundError):
        list(bft.FixedLengthRecordDataset(str(names[2]), 1, layout="u1"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("missing", {}),
        ("folder", {}),
        ("five bytes", {}),
        ("five bytes", {"header_bytes": 3, "footer_bytes": 3}),
        ("four bytes", {"num_parallel_reads": 0}),
        ("four bytes", {"num_parallel_reads": -2}),
        ("four bytes", {"num_parallel_reads": 2.5}),
    ],
)
def test_errors_come_when_and_as_without_a_layout(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "five bytes").write_bytes(bytes(5))
    (tmp_path / "four bytes").write_bytes(bytes(4))

    def outcome(**options: Any) -> tuple[str, type[Exception]]:
        stage = "making"
        try:
            dataset = bft.FixedLengthRecordDataset(str(tmp_path / name), 4, **arguments, **options)
            stage = "iterating"
            list(dataset)
        except (tf.errors.OpError, TypeError, ValueError) as error:
            return stage, type(error)
        raise AssertionError("there is no error")

    assert outcome(layout="<u4", batch_size=1) == outcome()


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("empty", "four bytes")]
    Path(names[0]).write_bytes(b"")
    Path(names[1]).write_bytes(b"\1\0\0\0")
    (batch,) = bft.FixedLengthRecordDataset(names, 4, layout="<u4").as_numpy_iterator()
    assert batch.tolist() == [1]


def test_many_is_true_or_false(records: Array) -> None:
    with pytest.raises(TypeError, match="many must be True or False, not 'no'"):
        bft.decode(strings(records), RECORD, many="no")


def test_the_layout_may_have_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    np.arange(12, dtype="<i4").tofile(path)
    layout = bf.Layout("<i4", header_bytes=8, footer_bytes=4)
    for frame in ({}, {"header_bytes": 8}, {"header_bytes": 8, "footer_bytes": 4}):
        for names in (str(path), tf.data.Dataset.from_tensors(str(path))):
            batches = list(bft.FixedLengthRecordDataset(names, 4, **frame, layout=layout))
            assert batches[0].numpy().tolist() == list(range(2, 11))
    for frame in ({"header_bytes": 0}, {"header_bytes": 4}, {"footer_bytes": 8}):
        with pytest.raises(bf.LayoutError, match=r"(header|footer)_bytes is \d, but the layout's is \d"):
            bft.FixedLengthRecordDataset(str(path), 4, **frame, layout=layout)


def test_without_a_layout_it_is_tensorflows(tmp_path: Path) -> None:
    path = str(tmp_path / "x.bin")
    np.arange(12, dtype="<i4").tofile(path)
    expected = list(tf.data.FixedLengthRecordDataset(path, 4).as_numpy_iterator())
    for dataset in (bft.FixedLengthRecordDataset(path, 4), bft.FixedLengthRecordDataset(path, 4, layout=None)):
        assert list(dataset.as_numpy_iterator()) == expected
