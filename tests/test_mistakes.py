"""What people get wrong: each is told what it is and what to write instead, in few words whatever the value was."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import mmap
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed.features import Feature

from tests.helpers import WriteFiles, assert_identical, run_python

HUGE = 10**5000  # of more digits than Python writes out
LONG = 100_000
MAX_MESSAGE = 300
X = bf.field("x")


# Files that are none.


def test_open_files_are_refused_rather_than_read_line_by_line(write_files: WriteFiles) -> None:
    (path,) = write_files(np.frombuffer(b"ab\ncd\n", "u1"))
    with (
        path.open("rb") as plain,
        path.open() as text,
        mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        gzip.open(path) as packed,
    ):
        for file in (plain, text, mapped, packed, io.BytesIO(b"ab")):
            for files in (file, [path, file]):
                with pytest.raises(TypeError, match=r"must not be open.*give its path, or its bytes with \.read\(\)"):
                    bf.open(files, "u1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("s3://bucket/ticks.bin", "copy it"),
        ("gs://bucket/*.bin", "copy it"),
        ("https://example.org/ticks.bin", "copy it"),
        ("file:///data/ticks.bin", "leave out 'file://'"),
    ],
)
def test_urls_are_told_from_paths(url: str, remedy: str) -> None:
    for files in (url, [url]):
        with pytest.raises(ValueError, match=f"is a URL, but files must be local: {remedy}"):
            bf.open(files, "u1")


def test_tensors_are_no_files() -> None:
    tf = pytest.importorskip("tensorflow")
    for tensor in (tf.constant(["a.bin", "b.bin"]), tf.constant("a.bin"), tf.constant([1, 2], tf.uint8)):
        with pytest.raises(TypeError, match=r"must not be tensors.*paths as strings, bytes as \.numpy\(\)"):
            bf.open(tensor, "u1")


def test_the_name_of_a_file_as_bytes(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(3, "u1"))
    with pytest.raises(bf.DataError, match=r"the name of a file: give it as os\.fsdecode"):
        bf.open(os.fsencode(path), "(1000)u1")
    with pytest.raises(bf.DataError) as caught:
        bf.open(b"/no/such/file.bin", "(1000)u1")
    assert "fsdecode" not in str(caught.value)
    with pytest.warns(UserWarning, match="read as records, but these bytes are the name of a file"):
        bf.open(os.fsencode(path), "u1")


def test_a_directory_names_the_pattern_of_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        bf.open(tmp_path, "u1")
    assert repr(str(tmp_path / "*")) in str(caught.value)
    assert caught.value.filename == str(tmp_path)


# Arrays in memory.


@pytest.mark.parametrize(
    ("dtype", "shape", "layout"),
    [
        ("<f4", (6,), "<f4"),
        ("<f4", (6, 2, 3), "(2,3)<f4"),
        ("<f4", (2, 3), "(2,3)<f4"),
        (">u2", (6,), ">u2"),
        ([("a", "<u4"), ("b", "u1", (3,))], (6,), [("a", "<u4"), ("b", "u1", (3,))]),
        ([("a", "<u4")], (6,), {"a": "<u4"}),
        ("i1", (8,), "<f4"),
        ("S1", (8,), "<f4"),
        ("V1", (8,), "<f4"),
    ],
)
def test_arrays_are_bytes_or_records(dtype: Any, shape: tuple[int, ...], layout: Any) -> None:
    array = np.zeros(shape, dtype)
    assert_identical(bf.open(array, layout)[:], bf.open(array.tobytes(), layout)[:])


@pytest.mark.parametrize(
    ("dtype", "shape", "layout"),
    [
        ("<f8", (6,), "<f4"),
        ("<f4", (6,), ">f4"),
        ("<f4", (6, 2), "(2,3)<f4"),
        ("<f4", (6,), {"a": "<f4"}),
        ([("a", "<u4")], (6,), [("b", "<u4")]),
        ("<M8[s]", (6,), "<i8"),
    ],
)
def test_arrays_of_something_else_are_to_be_viewed_as_bytes(dtype: Any, shape: tuple[int, ...], layout: Any) -> None:
    array = np.zeros(shape, dtype)
    for files in (array, [array]):
        with pytest.raises(TypeError, match=r"does not consist of the layout's records; with \.view\(np\.uint8\)"):
            bf.open(files, layout)
    bf.open(array.view(np.uint8), layout)


def test_arrays_have_no_header() -> None:
    with pytest.raises(TypeError, match="its dtype fits, but the layout of an array must not have header_bytes"):
        bf.open(np.zeros(6, "<f4"), bf.Layout("<f4", header_bytes=4))


def test_other_buffers_and_arrays_of_names() -> None:
    with pytest.raises(TypeError, match=r"with \.cast\('B'\) it is read as bytes"):
        bf.open(memoryview(np.zeros(6)), "<f4")
    bf.open(memoryview(np.zeros(6)).cast("B"), "<f4")
    for names in (np.array(["a.bin", "b.bin"]), np.array(["a.bin", "b.bin"], object)):
        with pytest.raises(TypeError, match="give names of files as a list"):
            bf.open(names, "u1")


# Files of other formats.


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ticks.bin", data)
    return file.getvalue()


def npy(data: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.frombuffer(data, "u1"))
    return file.getvalue()


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: b"\x28\xb5\x2f\xfd" + data,  # as its specification says a frame begins
    "lz4": lambda data: b"\x04\x22\x4d\x18" + data,  # likewise
    "zip": zipped,
    "NPY": npy,
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_another_format_is_called_by_its_name(name: str, tmp_path: Path) -> None:
    data = FORMATS[name](bytes(1000))
    path = tmp_path / "ticks.bin"
    path.write_bytes(data)
    fitting = tmp_path / "fitting.bin"
    fitting.write_bytes(bytes(len(data) + 1))
    remedy = "np.load" if name == "NPY" else "decompress it first"
    wide = bf.Layout(f"({len(data) + 1})u1")
    for files in ([fitting, path], data):
        with pytest.raises(bf.DataError, match=f"looks like {name}: .*{remedy}") as caught:
            bf.open(files, wide)
        assert "is not a whole number of records" in str(caught.value)
    assert caught.value.offset == 0
    with pytest.warns(UserWarning, match=rf"ticks\.bin' is read as records, but it looks like {name}") as found:
        reader = bf.open([path, path], "u1")
    assert len(found) == 1
    assert found[0].filename == __file__
    assert len(reader) == 2 * len(data)


def test_nothing_is_said_of_files_with_a_header_nor_of_all_files_but_the_first(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.bin", tmp_path / "packed.bin"
    plain.write_bytes(bytes(30))
    packed.write_bytes(gzip.compress(bytes(30)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bf.open([plain, packed], "u1")
        bf.open(packed, bf.Layout("u1", header_bytes=10))
    with pytest.raises(bf.DataError) as caught:
        bf.open(plain, "(4)u1")
    assert "looks like" not in str(caught.value)


# Features.


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("standardise", "standardize"),
        ("normalize", "standardize"),
        ("to", "cast"),
        ("astype", "cast"),
        ("transposed", "transpose"),
        ("is_mising", "is_missing"),
    ],
)
def test_an_unknown_method_suggests_one(name: str, method: str) -> None:
    with pytest.raises(AttributeError, match=f"'{name}'; did you mean '{method}'"):
        getattr(X, name)


def test_features_are_still_copied_pickled_and_asked_for_attributes() -> None:
    feature = bf.concat("a", X.scale(2).reshape(2, 3)).cast("float64")
    for same in (copy.copy(feature), copy.deepcopy(feature), pickle.loads(pickle.dumps(feature))):
        assert isinstance(same, Feature)
        assert repr(same) == repr(feature)
    for name in ("shape", "__array__", "__array_interface__", "_private"):
        assert not hasattr(feature, name)
    with pytest.raises(AttributeError) as caught:
        feature.__len__  # type: ignore[attr-defined]  # noqa: B018
    assert str(caught.value) == "__len__"


def test_tensorflows_dtypes_are_dtypes() -> None:
    tf = pytest.importorskip("tensorflow")
    for name in ("bool", "int16", "uint64", "float32", "bfloat16"):
        assert repr(X.cast(getattr(tf, name))) == repr(X.cast(name))
    assert bf.Layout({"a": tf.uint16}) == bf.Layout({"a": np.uint16})
    with pytest.raises(bf.FeatureError, match=r"cast\(tf\.string\): the dtypes to cast to are bool"):
        X.cast(tf.string)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: X.cast(None), "cast(None): the dtypes to cast to are bool"),
        (lambda: X.cast(f"{'9' * LONG}f4"), "the dtypes to cast to are bool"),
        (lambda: X.cast(np.zeros(LONG)), "the dtypes to cast to are bool"),
        (lambda: X.scale(HUGE), "scale(factor=) must be a number"),
        (lambda: X.scale(10**400), "scale(factor=) must be a number"),
        (lambda: X.scale(1, 10**400), "scale(offset=) must be a number"),
        (lambda: X.scale("9" * LONG + "x"), "scale(factor=) must be a number"),
        (lambda: X.scale(np.full(LONG, np.nan)), "scale(factor=) must be finite"),
        (lambda: X.clip(10**400), "clip(low=) must be a number that fits float64"),
        (lambda: X.clip(0, HUGE), "clip(high=) must be a number that fits float64"),
        (lambda: X.fill(10**400), "fill(value=) must be a number that fits float64"),
        (lambda: X.fill(0, missing=HUGE), "fill(missing=) must be a number that fits float64"),
        (lambda: X.is_missing(b"x" * LONG), "is_missing(missing=) must be a number"),
        (lambda: X.one_hot(10**400), "one_hot(depth=) must be within 64 bits"),
        (lambda: X.one_hot(HUGE), "one_hot(depth=) must be within 64 bits"),
        (lambda: X.one_hot(True), "one_hot(depth=) must be a whole number, not True"),
        (lambda: X.bits(True, 3), "bits(start=) must be a whole number, not True"),
        (lambda: X.bits(0, np.True_), "bits(width=) must be a whole number"),
        (lambda: X.bits(HUGE, 3), "bits(start=) must be within 64 bits"),
        (lambda: X.reshape(HUGE), "a side in reshape() must be within 64 bits"),
        (lambda: X.transpose(0, True), "an axis in transpose() must be a whole number, not True"),
        (lambda: X[True], "indexed by integers, slices and ..., not by True"),
        (lambda: X["a":"b"], "indexed by integers, slices and ..., not by slice"),
        (lambda: X[["a" * LONG]], "indexed by integers, slices and ..., not by ['aaa"),
        (lambda: X.codes({None: 1}), "codes(): keys are strings or whole numbers, not None"),
        (lambda: X.codes({1.5: 1}), "codes(): keys are strings or whole numbers, not 1.5"),
        (lambda: X.codes({True: 1}), "codes(): keys are strings or whole numbers, not True"),
        (lambda: X.codes({"\ud800": 1}), "codes(): keys are strings or whole numbers, not '\\ud800'"),
        (lambda: X.codes({"A": True}), "a code in codes() must be a whole number, not True"),
        (lambda: X.codes({"A": HUGE}), "a code in codes() must be within 64 bits"),
        (lambda: X.codes(list(range(LONG))), "codes() takes a dict that maps values to codes, not [0, 1"),
        (lambda: bf.concat([X, X]), "concat() takes features one by one, not in a list: concat(*features)"),
        (lambda: bf.field(bytes(LONG)), "field() takes the name of a field, not b'"),
    ],
)
def test_parameters_out_of_range_give_short_errors(make: Any, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        make()
    assert words in str(caught.value)
    assert len(str(caught.value)) < MAX_MESSAGE


MANY = bf.Layout({f"field_number_{number}": "u1" for number in range(1000)})
PAIRS = bf.Layout({"image": "(4,5)u1", "code": "u1", "name": "S8"})


@pytest.mark.parametrize(
    ("layout", "feature", "words"),
    [
        ("u1", bf.field("valeu"), "the feature: the layout has no field 'valeu'; did you mean 'value'?"),
        ("u1", bf.field("x" * LONG), "the feature: the layout has no field 'xxx"),
        ("u1", {"y" * LONG: bf.field("x")}, "the layout has no field 'x'"),
        (MANY, bf.field("price"), "the layout has no field 'price'; there are 'field_number_0', 'field_number_1'"),
        (PAIRS, bf.field("image").transpose(0, 2, 1), "(4, 5): axes don't match array; the batch axis is not counted"),
        (PAIRS, bf.field("image").transpose(2**60, 0), "the batch axis is not counted"),
        (PAIRS, bf.field("image").reshape(2**62, 2**62), "cannot be reshaped"),
        (PAIRS, bf.field("image").reshape(*[1] * 1000), "cannot be reshaped"),
        (PAIRS, bf.field("image")[HUGE], "does not fit a record of shape (4, 5)"),
        (PAIRS, bf.field("image")[(0,) * 1000], "does not fit a record of shape (4, 5)"),
        (PAIRS, bf.field("image").clip(10**300, 10**301).fill(10**300, missing=1), "cannot be represented as uint8"),
        (PAIRS, bf.field("code").codes({HUGE: 1}), "in .codes("),
        (PAIRS, bf.field("name").codes({b"x" * LONG: 1}), "is longer than S8"),
        (PAIRS, bf.field("name").codes({str(key): 1 for key in range(LONG)}).bits(40, 2), "reaches beyond an integer"),
        (PAIRS, bf.field("image").div(np.ones((6,) * 5)), "does not broadcast to a record's shape (4, 5)"),
        (PAIRS, {"": "code"}, "the name of a feature must be text of at least one character, not ''"),
        (PAIRS, {"\ud800": "code"}, "the name of a feature must be text of at least one character, not '\\ud800'"),
        (PAIRS, {"x": list(range(LONG))}, "'x' is [0, 1"),
        (PAIRS, list(range(LONG)), "a list of features has features, or names of fields, not 0"),
    ],
)
def test_features_that_do_not_fit_give_short_errors(layout: Any, feature: Any, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        bf.open(bytes(1000 * 29), layout, feature)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 2 * MAX_MESSAGE


# Other arguments.


def test_windows_are_equal_whoever_counted() -> None:
    counted = bf.Window(np.int64(4), target_offset=np.uint8(4), target_size=np.int16(2))  # type: ignore[arg-type]
    plain = bf.Window(4, target_offset=4, target_size=2)
    assert counted == plain
    assert hash(counted) == hash(plain)
    assert repr(counted) == repr(plain)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: bf.Window(True), TypeError, "size must be a whole number, not True"),
        (lambda: bf.Window(4, target_offset=True), TypeError, "target_offset must be a whole number, not True"),
        (lambda: bf.Window(4, stride=2**31), ValueError, "stride must be at most 2^30, not 2147483648"),
        (lambda: bf.Window(-HUGE), ValueError, "size must be at least 1, not <int of"),
        (lambda: bf.Layout("u1", header_bytes=True), bf.LayoutError, "header_bytes must be a whole number, not True"),
        (lambda: bf.field("x").scale("2"), bf.FeatureError, "scale(factor=) must be a number or an array of numbers"),
        (lambda: bf.field("x").scale(2 + 5j), bf.FeatureError, "scale(factor=) must be a number"),
        (lambda: bf.field("x").scale(np.datetime64("2020")), bf.FeatureError, "scale(factor=) must be a number"),
        (lambda: bf.field("x").div(np.ma.array([1, 2], mask=[0, 1])), bf.FeatureError, "div(by=) must be a number"),
        (lambda: bf.field("x").bits(0, 1, signed="no"), TypeError, "signed must be True or False, not 'no'"),  # type: ignore[arg-type]
        (lambda: bf.Layout("u1", footer_bytes=HUGE), bf.LayoutError, "footer_bytes must be at most 2^62"),
        (lambda: bf.open(b"", "u1", window=MANY), TypeError, "window must be a Window, such as"),
        (lambda: bf.open(MANY, "u1"), TypeError, "files must be a path, a glob, bytes in memory, or a list of them"),
        (lambda: bf.open([MANY], "u1"), TypeError, "files must be paths, globs or bytes in memory, not Layout"),
        (lambda: bf.open({"a.bin", "b.bin"}, "u1"), TypeError, "bytes in memory, or a list of them, not {'a.bin', "),
        (lambda: bf.open({"a.bin": 1}, "u1"), TypeError, "bytes in memory, or a list of them, not {'a.bin': 1}"),
        (lambda: bf.open(HUGE, "u1"), TypeError, "not <int of"),
        (lambda: bf.open("\0" * LONG, "u1"), ValueError, "a path must not have a NUL byte"),
        (lambda: bf.zip(["a" * LONG]), TypeError, "zip() takes readers one by one, not in a list: zip(*readers)"),
        (lambda: bf.zip("a" * LONG), TypeError, "zip() takes readers, not 'aaa"),
        (lambda: bf.open(b"1", "u1").batches(True), TypeError, "batch_size must be a whole number, not True"),
        (lambda: bf.open(b"1", "u1", **{"x" * LONG: 1}), TypeError, "unexpected keyword argument 'xxx"),
    ],
)
def test_arguments_of_another_kind_give_short_errors(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
    assert len(str(caught.value)) < MAX_MESSAGE


@pytest.mark.parametrize(
    ("module", "program", "extra"),
    [
        ("tensorflow", "bf.open(b'abc', 'u1').to_tf_dataset(2)", "tensorflow"),
        ("tensorflow", "import binfeed.tensorflow", "tensorflow"),
        ("yaml", "bf.Layout('u1').save('layout.yaml')", "yaml"),
        ("yaml", "bf.Layout.load('layout.yaml')", "yaml"),
        ("ml_dtypes", "bf.open(b'ab', '<bfloat16')", "bfloat16"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_installs_it(
    module: str, program: str, extra: str, tmp_path: Path
) -> None:
    source = f"import sys; sys.modules[{module!r}] = None; import binfeed as bf; {program}"
    result = run_python("-c", source, cwd=tmp_path)
    assert result.stderr.splitlines()[-1].startswith("ImportError: ")
    assert result.stderr.splitlines()[-1].endswith(f": pip install 'binfeed[{extra}]'")


@pytest.mark.parametrize("codes", [{"A": 0, b"A": 1}, {"A": 0, "A\0": 1}])
def test_a_value_has_one_code(codes: dict[Any, int]) -> None:
    with pytest.raises(bf.FeatureError, match="has two codes"):
        bf.open(b"AB", "S2", bf.field("value").codes(codes))


@pytest.mark.parametrize("offset", [[], [0, 0], [1, 1]])
def test_an_offset_has_the_records_shape(offset: list[int]) -> None:
    with pytest.raises(bf.FeatureError, match="does not broadcast"):
        bf.open(bytes(8), "<f4", bf.field("value").scale(1, offset))


def test_a_path_has_a_character() -> None:
    with pytest.raises(ValueError, match="a path must have at least one character"):
        bf.open("", "<f4")


def test_errors_within_a_tf_function_are_our_own() -> None:
    tf = pytest.importorskip("tensorflow")
    import binfeed.tensorflow as bft  # noqa: PLC0415

    strings = tf.data.Dataset.from_tensors([b"a", b"b"])
    with pytest.raises(bf.FeatureError, match="the layout has no field 'valeu'; did you mean 'value'"):
        strings.map(lambda string: bft.decode(string, "u1", "valeu"))
    with pytest.raises(bf.LayoutError, match="the record is 'uint23': types are"):
        strings.map(lambda string: bft.decode(string, "uint23"))
