"""Everything that can be wrong with files and arguments: one clear error each, which names the file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest

from tests.helpers import WriteFiles

RECORD = np.dtype([("a", "<u4"), ("b", "u1", (6,))])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        bf.open(tmp_path / "ticks.bin", RECORD)
    assert caught.value.filename == str(tmp_path / "ticks.bin")


def test_a_missing_file_among_others(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(3, RECORD))
    with pytest.raises(FileNotFoundError, match=r"gone\.bin"):
        bf.open([path, path.with_name("gone.bin")], RECORD)


def test_a_glob_that_matches_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file matches the pattern.*tick_\*\.bin"):
        bf.open(tmp_path / "tick_*.bin", RECORD)


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        bf.open(tmp_path, RECORD)
    assert caught.value.filename == str(tmp_path)


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        bf.open(tmp_path / "pipe", RECORD)


def test_no_permission(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(3, RECORD))
    path.chmod(0)
    is_superuser = os.geteuid() == 0  # who may read everything, and has to become somebody else for this
    if is_superuser:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError) as caught:
            bf.open(path, RECORD)
    finally:
        if is_superuser:
            os.seteuid(0)
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("layout", [bf.Layout(RECORD), bf.Layout(RECORD, header_bytes=4)])
def test_an_empty_file(tmp_path: Path, layout: bf.Layout) -> None:
    path = tmp_path / "empty.bin"
    path.touch()
    with pytest.raises(bf.DataError, match="is empty") as caught:
        bf.open(path, layout)
    assert (caught.value.file, caught.value.offset) == (str(path), 0)


def test_no_whole_number_of_records_names_both_sizes_and_the_rest(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(33, "u1"))
    with pytest.raises(bf.DataError) as caught:
        bf.open(path, RECORD)
    for words in (str(path), "33 bytes are 3 records of 10 bytes and 3 bytes more"):
        assert words in str(caught.value)
    assert caught.value.offset == 30
    with pytest.raises(bf.DataError, match="29 bytes without header and footer are 2 records of 10 bytes and 9 bytes"):
        bf.open(path, bf.Layout(RECORD, header_bytes=3, footer_bytes=1))


def test_a_header_larger_than_the_file(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(20, "u1"))
    with pytest.raises(bf.DataError, match=r"has 20 bytes, fewer than the 16 of its header and the 8 of its footer"):
        bf.open(path, bf.Layout(RECORD, header_bytes=16, footer_bytes=8))


def test_a_file_of_header_alone_has_no_records(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(16, "u1"))
    with bf.open(path, bf.Layout(RECORD, header_bytes=16)) as reader:
        assert len(reader) == 0
        assert list(reader.batches(4)) == []
        with pytest.raises(IndexError):
            reader[0]


def test_a_file_that_changed_since_it_was_opened(write_files: WriteFiles) -> None:
    (path,) = write_files(np.zeros(5, RECORD))
    reader = bf.open(path, RECORD)
    path.write_bytes(bytes(20))
    with pytest.raises(bf.DataError, match="had 50 bytes when it was opened and has 20 now"):
        reader[0]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=path.name):
        reader[0]


def test_data_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(bf.DataError("words", "file.bin", 7)))
    assert (str(error), error.file, error.offset) == ("words", "file.bin", 7)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"x": bf.field("aa")}, "feature 'x': the layout has no field 'aa'; did you mean 'a'?"),
        ({"x": "zzzz"}, "no field 'zzzz'; there are 'a', 'b'"),
        ({"x": 3}, "'x' is 3"),
        ({}, "empty dict"),
        ((bf.field("a"),), "must be a dict of features by name, a list of them"),
    ],
)
def test_features_that_do_not_fit(features: Any, words: str) -> None:
    with pytest.raises(bf.FeatureError) as caught:
        bf.open(bytes(10), RECORD, features)
    assert words in str(caught.value)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_size_below_one(batch_size: int) -> None:
    reader = bf.open(bytes(10), RECORD)
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, not {batch_size}"):
        reader.batches(batch_size)
    with pytest.raises(ValueError, match="cycle_length must be at least 1"):
        reader.batches(2, cycle_length=batch_size)
    with pytest.raises(TypeError, match=r"batch_size must be a whole number, not 2\.5"):
        reader.batches(2.5)  # type: ignore[arg-type]


def test_misspelt_keywords_suggest_the_right_ones() -> None:
    reader = bf.open(bytes(10), RECORD)
    with pytest.raises(TypeError, match=r"'feature'; did you mean 'features'\?"):
        bf.open(bytes(10), RECORD, feature=None)
    with pytest.raises(TypeError, match=r"'drop_reminder'; did you mean 'drop_remainder'\?"):
        reader.batches(2, drop_reminder=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'prefetsh'; did you mean 'prefetch'\?"):
        reader.to_tf_dataset(2, prefetsh=True)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        (7, TypeError, "must be a path, a glob, bytes in memory, or a list of them, not 7"),
        ([7], TypeError, "must be paths, globs or bytes in memory, not 7"),
        ([], ValueError, "files is an empty list"),
        (np.zeros((4, 4), "u1")[:, :2], ValueError, "must be contiguous"),
    ],
)
def test_files_that_are_none(files: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        bf.open(files, "u1")


def test_an_unknown_instruction_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINFEED_INSTRUCTION_SET", "sse9")
    with pytest.raises(ValueError, match="'sse9' is unknown or not supported by this machine, which supports baseline"):
        bf.open(bytes(3), "u1")
    with pytest.raises(ValueError, match="sse9"):
        bf.build_info()


def test_a_forced_instruction_set_runs(monkeypatch: pytest.MonkeyPatch, instruction_set: str) -> None:
    monkeypatch.setenv("BINFEED_INSTRUCTION_SET", instruction_set)
    assert bf.build_info().running == instruction_set
    assert bf.open(bytes([3]), "u1", bf.field("value").scale(2))[0] == 6
