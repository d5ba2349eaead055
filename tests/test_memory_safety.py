"""No byte outside a record is read, and files that shrink while they are read are an error, not the end.

What may crash runs in a process of its own.
"""

from __future__ import annotations

import ctypes
import mmap
import signal
import subprocess
import textwrap
from pathlib import Path

import binfeed as bf
import numpy as np
import pytest
from binfeed import reference
from binfeed.element_types import OUTPUT_TYPES
from binfeed.reader import open_with

from tests.helpers import assert_identical, run_program

PAGE = mmap.PAGESIZE
TYPES = ["u1", ">i2", "<u3", ">i5", "<u6", ">u7", "<f2", "<bfloat16", ">f4", "<ibm32", "<f8", "(8)>uint12", "(5)<u3"]


@pytest.fixture(scope="module")
def guarded() -> np.ndarray:
    """Two pages of memory between two that must not be touched."""
    area = mmap.mmap(-1, 4 * PAGE)
    array = np.frombuffer(area, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    for page in (0, 3):
        assert libc.mprotect(ctypes.c_void_p(array.ctypes.data + page * PAGE), PAGE, 0) == 0
    inner = array[PAGE : 3 * PAGE]
    inner[:] = np.random.default_rng(0).integers(0, 256, 2 * PAGE)
    return inner


@pytest.mark.parametrize("type_", TYPES)
def test_the_last_record_may_end_with_the_memory(guarded: np.ndarray, type_: str, instruction_set: str) -> None:
    layout = bf.Layout({"before": "u1", "x": type_})
    x = bf.field("x")
    features = {
        "x": x,
        "scaled": x.scale(0.5),
        "clipped": x.clip(1, 100),
        "log": x.cast("uint8").log1p(),
        "block": bf.concat("before", x.div(3)),
        **{name: x.cast(name) for name in OUTPUT_TYPES},
    }
    if layout["x"].shape:
        features["some"] = x[::-1].scale(2)
    for count in (1, 2, 3, 7, 16, 33, 100):
        end = guarded[-count * layout.record_bytes :]
        expected = reference.decode(end, layout, features)
        with open_with(end, layout, features, instruction_set) as reader:
            batch = reader[:]
            scattered = reader.take(np.arange(count)[::-1])
        assert isinstance(batch, dict)
        assert isinstance(scattered, dict)
        for name in features:
            if name != "log":
                assert_identical(batch[name], expected[name])
                assert_identical(scattered[name], expected[name][::-1])


@pytest.mark.parametrize("size", [1, 3, 4, 7, 8, 9, 16, 17, 31, 33, 63, 64, 65, 127, 129])
def test_the_last_key_may_end_with_the_memory(guarded: np.ndarray, size: int, instruction_set: str) -> None:
    layout = bf.Layout({"number": ">u2", "key": f"S{size}"})
    key, number = bf.field("key"), bf.field("number")
    features = {
        "fast": key.hash(2**40),
        "strong": key.hash(2**40, salt=1),
        "cross": bf.cross(key, number, bins=2**40),
        "known": key.is_in([b"a", b""]),
        "hot": number.hash(9).one_hot(9),
        "bucket": number.bucketize([1, 10, 100]),
        "hours": number.time("m").hour(),
    }
    for rows in (guarded[: 7 * layout.record_bytes], guarded[-7 * layout.record_bytes :]):
        with (
            open_with(rows, layout, features, instruction_set) as reader,
            open_with(rows.tobytes(), layout, features, "baseline") as expected,
        ):
            assert_identical(reader[:], expected[:])
            assert_identical(reader.take([6, 0]), expected.take([6, 0]))


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("window", [None, bf.Window(3), bf.Window(2, stride=3, dilation=2)], ids=str)
def test_nothing_before_the_first_record_is_looked_back_at(
    guarded: np.ndarray, type_: str, window: bf.Window | None, instruction_set: str
) -> None:
    layout = bf.Layout({"before": "u1", "x": type_})
    x = bf.field("x")
    features = {
        "now": x,
        "filled": x.lag(3, first=1),
        "sum": x.cast("float64").rolling_mean(5, first=0),
        "change": (x.cast("int32") - x.cast("int32").lag(1)).lag(2, first=7),
        "block": bf.concat("before", bf.field("before").lag(9, first=0)),
        "last": bf.field("before").lag(200, first=9),
    }
    size = 120 * layout.record_bytes
    for rows in (guarded[:size], guarded[-size:]):
        copied = np.concatenate([np.zeros(64, np.uint8), rows, np.zeros(64, np.uint8)])[64:-64]
        for looking_back in (features, features | {"before": x.lag(4)}):
            with (
                open_with(rows, layout, looking_back, instruction_set, window) as reader,
                open_with(copied, layout, looking_back, "baseline", window) as expected,
            ):
                assert_identical(reader[:], expected[:])
                for i in (0, 1, len(reader) - 1):
                    assert_identical(reader[i], expected[i])
                backwards = np.arange(len(reader))[::-1]
                assert_identical(reader.take(backwards), expected.take(backwards))


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, with what every one of them needs."""
    prelude = """
        import os, sys, threading
        import numpy as np
        import binfeed as bf

        folder = sys.argv[1]
        PAGE = os.sysconf("SC_PAGESIZE")
        RECORDS = 1 << 20
        for name in ("a", "b"):
            np.arange(RECORDS, dtype="<u4").tofile(f"{folder}/{name}.bin")
        paths = [f"{folder}/a.bin", f"{folder}/b.bin"]
        reader = bf.open(paths, "<u4", bf.field("value").cast("int64"))

        def fails(read, now):
            try:
                read()
            except bf.DataError as error:
                assert error.file == paths[0], error
                assert f"had {4 * RECORDS} bytes when it was opened and has {now} now" in str(error), error
                return True
            return False
    """
    return run_program(textwrap.dedent(prelude) + textwrap.dedent(program), *arguments)


def check(program: str, *arguments: object) -> None:
    result = run(program, *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "the process lives"


def test_a_truncated_file_is_an_error_in_every_way_of_reading(tmp_path: Path) -> None:
    check(
        """
        reader[0], reader[RECORDS]
        os.truncate(paths[0], 2 * PAGE)
        assert fails(lambda: reader[RECORDS - 1], 2 * PAGE)
        assert fails(lambda: reader[:], 2 * PAGE)
        assert fails(lambda: reader[::3], 2 * PAGE)
        assert fails(lambda: reader.take([RECORDS - 1, 5]), 2 * PAGE)
        assert fails(lambda: list(reader.batches(1000)), 2 * PAGE)
        assert fails(lambda: list(reader.batches(1000, cycle_length=2)), 2 * PAGE)
        assert fails(lambda: list(reader), 2 * PAGE)
        pair = bf.zip(reader, reader)
        assert fails(lambda: pair[RECORDS - 1], 2 * PAGE)
        # The other file goes on.
        assert np.array_equal(reader[RECORDS:], np.arange(RECORDS))
        print("the process lives")
        """,
        tmp_path,
    )


@pytest.mark.parametrize("now", [1, 4095, 4097, 1 << 20, (4 << 20) - 1, (4 << 20) - 5000])
def test_not_one_batch_of_zeros_is_given(tmp_path: Path, now: int) -> None:
    check(
        """
        now = int(sys.argv[2])
        given = 0
        def read():
            global given
            for batch in reader.batches(100):
                assert np.array_equal(batch, np.arange(given, given + len(batch)))
                given += len(batch)
                if given == 200:
                    os.truncate(paths[0], now)
        assert fails(read, now)
        print("the process lives")
        """,
        tmp_path,
        now,
    )


def test_a_truncated_file_is_an_error_for_what_looks_back(tmp_path: Path) -> None:
    check(
        """
        value = bf.field("value").cast("int64")
        features = {"lag": value.lag(5000), "mean": value.rolling_mean(100), "first": value.lag(7000, first=-1)}
        reader = bf.open(paths, "<u4", features)
        windows = bf.open(paths, "<u4", features, window=bf.Window(8, stride=3))
        reader[0], windows[0]
        os.truncate(paths[0], 2 * PAGE)
        # The record is there or was cut off, but what it looks back at was cut off in any case.
        for i in (0, 1000, RECORDS - 5001):
            assert fails(lambda: reader[i], 2 * PAGE)
        assert fails(lambda: reader[:], 2 * PAGE)
        assert fails(lambda: reader.take([RECORDS, 9]), 2 * PAGE)
        assert fails(lambda: list(reader.batches(1000)), 2 * PAGE)
        assert fails(lambda: windows[5], 2 * PAGE)
        assert fails(lambda: list(windows.batches(50)), 2 * PAGE)
        assert np.array_equal(reader[RECORDS - 5000:]["lag"], np.arange(RECORDS - 5000))
        print("the process lives")
        """,
        tmp_path,
    )


def test_tensorflow_raises_and_lives(tmp_path: Path) -> None:
    check(
        """
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        import tensorflow as tf
        dataset = reader.to_tf_dataset(5000)
        for number, batch in enumerate(dataset.take(3)):
            pass
        os.truncate(paths[0], PAGE)
        try:
            for batch in dataset:
                pass
        except tf.errors.OpError as error:
            assert "when it was opened and has" in str(error)
            print("the process lives")
        """,
        tmp_path,
    )


def test_many_threads_meet_the_same_hole(tmp_path: Path) -> None:
    check(
        """
        reader[:]
        outcomes = []
        def work(seed):
            random = np.random.default_rng(seed)
            for _ in range(400):
                indices = random.integers(0, 2 * RECORDS, 500)
                try:
                    outcomes.append(bool(np.array_equal(reader.take(indices), indices % RECORDS)))
                except bf.DataError:
                    outcomes.append("error")
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        os.truncate(paths[0], 3 * PAGE)
        for thread in threads:
            thread.join()
        assert len(outcomes) == 8 * 400
        assert False not in outcomes and "error" in outcomes
        assert np.array_equal(reader[RECORDS:], np.arange(RECORDS))
        print("the process lives")
        """,
        tmp_path,
    )


def test_a_reader_opened_anew_reads_what_is_left(tmp_path: Path) -> None:
    check(
        """
        reader[:]
        os.truncate(paths[0], 2 * PAGE)
        assert fails(lambda: reader[:], 2 * PAGE)
        reader.close()
        again = bf.open(paths[0], "<u4")
        assert np.array_equal(again[:], np.arange(PAGE // 2))
        print("the process lives")
        """,
        tmp_path,
    )


def test_a_file_that_was_replaced_or_deleted_is_read_as_it_was(tmp_path: Path) -> None:
    check(
        """
        reader[0], reader[RECORDS]
        os.unlink(paths[0])
        open(paths[0], "wb").write(b"short")
        os.unlink(paths[1])
        assert np.array_equal(reader[:], np.tile(np.arange(RECORDS), 2))
        print("the process lives")
        """,
        tmp_path,
    )


FOREIGN_FAULT = """
        import mmap, ctypes
        other = open(f"{folder}/other.bin", "wb+")
        other.truncate(PAGE)
        hole = mmap.mmap(other.fileno(), PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(hole))
        def fault():
            other.truncate(0)
            ctypes.string_at(address, 1)
"""

HANDLER = """
        import ctypes, signal
        # A handler in the way of C: it says that it was called, and ends the process.
        libc = ctypes.CDLL(None)
        @ctypes.CFUNCTYPE(None, ctypes.c_int)
        def handler(number):
            os.write(1, b"their handler was called\\n")
            os._exit(7)
        libc.signal.restype = ctypes.c_void_p
        install = lambda: libc.signal(signal.SIGBUS, handler)
"""


def test_a_fault_that_is_not_ours_kills_as_it_always_did(tmp_path: Path) -> None:
    result = run(FOREIGN_FAULT + "\n        reader[0]\n        fault()\n", tmp_path)
    assert result.returncode == -signal.SIGBUS


@pytest.mark.parametrize("before", [True, False])
def test_handlers_of_others_get_their_faults_and_we_ours(tmp_path: Path, before: bool) -> None:
    order = ["install()", "reader[0]"] if before else ["reader[0]", "install()"]
    steps = "".join(f"        {step}\n" for step in order)
    result = run(
        FOREIGN_FAULT
        + HANDLER
        + steps
        + """
        os.truncate(paths[0], PAGE)
        assert fails(lambda: reader[:], PAGE)
        print("ours was ours", flush=True)
        fault()
        """,
        tmp_path,
    )
    assert result.stdout.splitlines()[-2:] == ["ours was ours", "their handler was called"], result.stderr
    assert result.returncode == 7


def test_pythons_faulthandler_goes_along(tmp_path: Path) -> None:
    result = run(
        FOREIGN_FAULT
        + """
        import faulthandler
        reader[0]
        faulthandler.enable()
        os.truncate(paths[0], PAGE)
        assert fails(lambda: reader[:], PAGE)
        print("ours was ours", flush=True)
        fault()
        """,
        tmp_path,
    )
    assert result.stdout.splitlines()[-1] == "ours was ours"
    assert "Fatal Python error: Bus error" in result.stderr
    assert result.returncode == -signal.SIGBUS
