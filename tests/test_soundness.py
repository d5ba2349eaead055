"""Where two features meet: orders of zipped readers, byte orders, sizes at their limits, files that change, threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
from binfeed import _core, reference
from binfeed.planning import plan_features

from tests.helpers import WriteFiles, assert_identical, run_program


@pytest.mark.parametrize("engine", ["graph", "generator", "batches"])
@pytest.mark.parametrize("cycle_length", [1, 2, 4])
def test_zipped_readers_share_one_order(
    write_files: WriteFiles, tmp_path: Path, engine: str, cycle_length: int
) -> None:
    numbers = np.arange(40, dtype="<i4")
    images = bf.open(write_files(*np.split(numbers, [10, 17, 30])), "<i4")
    labels_path = tmp_path / "labels.bin"
    numbers.tofile(labels_path)
    both = bf.zip(images, bf.open(labels_path, "<i4"))
    if engine == "batches":
        batches: Any = both.batches(4, cycle_length=cycle_length)
    else:
        batches = both.to_tf_dataset(4, cycle_length=cycle_length, engine=engine)
    pairs = [(np.asarray(image), np.asarray(label)) for image, label in batches]
    assert_identical(np.concatenate([image for image, _ in pairs]), np.concatenate([label for _, label in pairs]))
    assert sorted(np.concatenate([label for _, label in pairs])) == list(range(40))


TYPES = [
    "i1",
    "u1",
    "<i2",
    ">i2",
    ">u2",
    "<i4",
    ">i4",
    ">u4",
    "<i8",
    ">i8",
    ">u8",
    "<f2",
    ">f2",
    "<f4",
    ">f4",
    ">f8",
    "?",
]


@pytest.mark.parametrize("type_", TYPES)
def test_one_hot_is_equality(type_: str) -> None:
    values = [0, 1, 2, 3, 4, 100]
    if np.dtype(type_).kind == "f":
        values += [np.nan, -0.5, 0.9, -0.0, np.inf, -np.inf, 1.0000001]
    elif np.dtype(type_).kind == "i":
        values += [-1, np.iinfo(type_).min, np.iinfo(type_).max]
    elif np.dtype(type_).kind == "u":
        values += [np.iinfo(type_).max]
    records = np.array(values, object if np.dtype(type_).kind == "u" else None).astype(type_)
    found = bf.open(records.view(np.uint8), type_, bf.field("value").one_hot(4))[:]
    assert_identical(found, (records.astype(np.float64)[:, np.newaxis] == np.arange(4)).astype(np.float32))


@pytest.mark.parametrize(
    "feature",
    [
        bf.field("value").div(1e-50),
        bf.field("value").div(1e50),
        bf.field("value").scale(1e50),
        bf.field("value").scale(1e-50),
        bf.field("value").scale(1, offset=1e39),
        bf.field("value").standardize(0, 1e-60),
        bf.field("value").minmax(16777216, 16777217),
        bf.field("value").minmax(0, 1e39),
    ],
    ids=repr,
)
def test_parameters_are_checked_in_the_type_that_computes(feature: bf.Feature) -> None:
    with pytest.raises(bf.FeatureError, match=r"becomes (zero|infinite) as float32.*cast\(.float64.\)"):
        bf.open(b"abc", "u1", feature)
    as_double = bf.Feature("value", (*bf.field("value").cast("float64").operations, *feature.operations))
    assert np.isfinite(bf.open(b"abc", "u1", as_double.cast("float64"))[:]).all()


def test_a_feature_may_select_nothing() -> None:
    records = np.arange(40, dtype="u1").reshape(10, 4)
    reader = bf.open(records, {"x": "(4)u1"}, {"none": bf.field("x")[0:0], "block": bf.concat(bf.field("x")[2:2])})
    for batch in (reader[:], reader.take([3, 1]), next(reader.batches(4, shuffle=True, seed=1))):
        assert isinstance(batch, dict)
        assert {name: array.shape[1:] for name, array in batch.items()} == {"none": (0,), "block": (0,)}
    assert isinstance(reader[0], dict)


@pytest.mark.parametrize("depth", [2**40, 2**62])
def test_sizes_do_not_wrap(depth: int) -> None:
    with pytest.raises(ValueError, match=f"{depth}|too large"):
        bf.open(b"abcd", "u1", bf.field("value").one_hot(depth))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_what_does_not_fit_into_memory_says_how_much_it_is() -> None:
    result = run_program(
        """
        import resource
        import binfeed as bf
        reader = bf.open(b"abc", "u1", bf.field("value").one_hot(2**30))
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
        try:
            reader[0]
        except MemoryError as error:
            assert "an array of 4294967296 bytes does not fit into memory" in str(error), error
        else:
            raise AssertionError("it fits")
        """
    )
    assert result.returncode == 0, result.stderr


def test_a_batch_is_bounded_by_both_factors() -> None:
    reader = bf.open(np.zeros(2**22, "u1"), "u1", bf.field("value").one_hot(2**30))
    with pytest.raises(ValueError, match=rf"{2**32} x {2**22}"):
        reader[:]


def test_a_large_field_takes_no_memory() -> None:
    dtype = np.dtype([("id", "u1"), ("volume", [("x", "<f4"), ("y", "<f4")], (512, 512, 512))])
    tracemalloc.start()
    try:
        layout = bf.Layout(dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert layout["volume.y"].end == dtype.itemsize
    assert peak < 1 << 20


def test_what_an_index_takes_of_a_large_field_is_all_that_is_listed() -> None:
    layout = bf.Layout({"x": ("(1000,1000,1000,1000)u1", 0, (3, 2, 1, 0))})  # elements share bytes
    sums = np.arange(1000)[:, np.newaxis] * 2 + np.arange(1000) + 3 * 7
    data = np.random.default_rng(0).integers(0, 256, layout.record_bytes, np.uint8)
    tracemalloc.start()
    try:
        found = bf.open(data, layout, bf.field("x")[7, :, ::-1, 5])[0]
        assert_identical(found, data[sums[:, ::-1]])
        with pytest.raises(bf.FeatureError, match=r"1000000000000 elements that are not contiguous"):
            bf.open(data, layout)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "index", [3, slice(2, 5), (1, 2), (1, slice(1, 3)), (2, 3, slice(0, 4)), (1, 2, 3), slice(2, 2)]
)
def test_elements_that_follow_each_other_are_read_from_where_they_begin(index: Any) -> None:
    layout = bf.Layout({"head": "u1", "x": "(6,5,4)<c8"})
    record = np.random.default_rng(0).integers(0, 99, layout.record_bytes, np.uint8)
    expected = record[1:].view("<c8").reshape(6, 5, 4)[index]
    assert_identical(bf.open(record, layout, bf.field("x")[index])[0], expected)
    assert_identical(bf.open(record, layout, bf.field("x")[index][...].reshape(-1))[0], expected.reshape(-1))


def test_any_number_of_elements_that_follow_each_other_is_taken() -> None:
    layout = bf.Layout("(3,1000000000)u1")
    assert plan_features({"x": bf.field("value")[1:]}, layout).outputs[0].shape == (2, 10**9)
    with pytest.raises(bf.FeatureError, match=r"\[:, 1:\]: 2999999997 elements that are not contiguous"):
        plan_features({"x": bf.field("value")[:, 1:]}, layout).outputs[0]


def test_the_stride_of_windows_may_be_longer_than_any_file(tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.write(np.float32(2.5).tobytes())
        file.truncate(2**34)
    layout = bf.Layout({"x": "<f4"}, record_bytes=2**34)
    with bf.open(path, layout, window=bf.Window(1, stride=2**30)) as reader:
        assert reader[0]["x"].tolist() == [2.5]


def test_header_and_footer_may_not_wrap() -> None:
    layout = bf.Layout("u1")
    vars(layout).update(header_bytes=2**63, footer_bytes=2**63)  # more than its arguments may be
    with pytest.raises(ValueError, match=rf"{2**63} \+ {2**63}"):
        bf.open(b"abcd", layout)


def test_a_plan_is_bytes_that_may_be_anything(write_files: WriteFiles) -> None:
    from binfeed.tensorflow.plan import plan_bytes  # noqa: PLC0415

    reader = bf.open(write_files(np.arange(9, dtype=">u2")), ">u2", bf.field("value").scale(2).one_hot(3))
    samples: Any = reader._samples
    plan = plan_bytes(samples.layout, samples.plan, files=samples.files)
    _core.validate_plan(plan)
    for end in range(len(plan)):
        with pytest.raises(ValueError, match=r"read plan"):
            _core.validate_plan(plan[:end])
    for bit in range(8 * len(plan)):
        changed = bytearray(plan)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            _core.validate_plan(bytes(changed))
        except ValueError as error:
            assert len(str(error)) < 500  # noqa: PT017  (many are plans as well)


# Files that change.


def test_a_path_is_resolved_when_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("here", "there")):
        (tmp_path / name).mkdir()
        np.full(4, number, "<u4").tofile(tmp_path / name / "x.bin")
    monkeypatch.chdir(tmp_path / "here")
    reader = bf.open("x.bin", "<u4")
    monkeypatch.chdir(tmp_path / "there")
    assert_identical(reader[:], np.zeros(4, "u4"))


def test_a_file_that_was_replaced_is_not_read_as_the_other(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    np.zeros(4, "<u4").tofile(path)
    reader = bf.open(path, "<u4")
    old = reader.to_tf_dataset(4, engine="graph")
    now = path.stat()
    np.ones(4, "<u4").tofile(tmp_path / "other.bin")
    os.utime(tmp_path / "other.bin", ns=(now.st_atime_ns, now.st_mtime_ns))
    (tmp_path / "other.bin").replace(path)
    with pytest.raises(bf.DataError, match="was replaced or written to since it was opened"):
        reader[:]
    again = bf.open(path, "<u4").to_tf_dataset(4, engine="graph")
    assert_identical(next(iter(again)).numpy(), np.ones(4, "u4"))
    with pytest.raises(Exception, match="was replaced or written to since it was opened"):
        next(iter(old))


def test_a_file_that_was_renamed_and_cut_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    np.arange(1, 4001, dtype="<u4").tofile(path)
    reader = bf.open(path, "<u4")
    assert isinstance(reader[:], np.ndarray)
    path.rename(tmp_path / "y.bin")
    assert_identical(reader[3999], np.uint32(4000))
    os.truncate(tmp_path / "y.bin", 4000)
    with pytest.raises(bf.DataError):
        reader[1000:]


def test_a_cut_within_a_page_shows_among_many_files(write_files: WriteFiles) -> None:
    paths = write_files(*[np.full(50, number + 1, "<u4") for number in range(100)])
    reader = bf.open(paths, "<u4")
    assert isinstance(reader[:], np.ndarray)
    os.truncate(paths[70], 100)
    with pytest.raises(bf.DataError, match="part-070"):
        reader[:]


def test_mappings_are_recycled(write_files: WriteFiles) -> None:
    paths = write_files(*[np.arange(number * 5, number * 5 + 5, dtype="<u4") for number in range(200)])
    result = run_program(
        """
        import sys, threading
        from pathlib import Path
        import numpy as np
        import binfeed as bf

        folder = Path(sys.argv[1])
        def mapped():
            return sum(str(folder) in line for line in Path("/proc/self/maps").read_text().splitlines())
        reader = bf.open(folder / "*.bin", "<u4")
        outcomes = []
        def work(seed):
            for batch in reader.batches(7, shuffle=True, seed=seed):
                outcomes.append(batch)
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert sorted(np.concatenate(outcomes)) == sorted(list(range(1000)) * 4)
        for batch in reader.batches(3):
            assert mapped() <= 16 + 3, mapped()
        assert reader[:].tolist() == list(range(1000))
        reader.close()
        assert mapped() == 0
        """,
        paths[0].parent,
        BINFEED_MAX_MAPPED_FILES="16",
    )
    assert result.returncode == 0, result.stderr


def test_any_number_of_files_is_read_by_every_engine() -> None:
    count = 70_000  # the system maps 65,530
    with tempfile.TemporaryDirectory() as folder:  # gone at once, unlike tmp_path
        paths = [Path(folder) / f"{number:06}" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(number.to_bytes(4, "little"))
        reader = bf.open(paths, "<u4")
        for shuffle in (False, True):
            expected = reference.shuffled(count, 1, 0) if shuffle else np.arange(count)
            order: dict[str, Any] = {"shuffle": True, "seed": 1} if shuffle else {}
            for batches in (reader.batches(1000, **order), reader.to_tf_dataset(1000, engine="graph", **order)):
                assert np.concatenate([np.asarray(batch) for batch in batches]).tolist() == expected.tolist()


@pytest.mark.parametrize("order", ["shuffle=bf.BlockShuffle(1, group_blocks=1 << 40), seed=1", "cycle_length=2"])
def test_what_is_read_ahead_is_bounded(tmp_path: Path, order: str) -> None:
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    result = run_program(
        f"""
        import resource, sys
        import binfeed as bf

        batches = bf.open(sys.argv[1] + "/*", "u1").batches(256, {order})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(10): next(batches)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr


def test_a_hint_never_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    np.zeros(1000, "<u4").tofile(path)
    reader = bf.open(path, "<u4")
    batches = reader.batches(10)
    path.unlink()
    reader._samples.read_ahead(_core.Order.sequential(1000), 0, 1000)
    with pytest.raises(FileNotFoundError):
        next(batches)


@pytest.mark.parametrize("path", ["a\0b.bin", "*\0.bin"])
def test_a_path_does_not_end_at_a_nul_byte(tmp_path: Path, path: str) -> None:
    (tmp_path / "a").write_bytes(bytes(4))
    with pytest.raises((ValueError, FileNotFoundError)):
        bf.open(os.path.join(tmp_path, path), "u1")  # noqa: PTH118


def test_subnormal_parameters_are_used_as_they_are(tmp_path: Path) -> None:
    # TensorFlow's threads flush subnormal numbers.
    np.arange(256, dtype="u1").tofile(tmp_path / "x.bin")
    value = bf.field("value")
    features = {
        "scaled": value.scale(1e-40),
        "shifted": value.scale(1e-40, offset=1e-41),
        "filled": value.cast("float32").fill(1e-40, missing=3),
        "clipped": value.scale(1e-40).clip(1e-40, 1e-39),
    }
    reader = bf.open(tmp_path / "x.bin", "u1", features)
    values = np.arange(256, dtype="f4")
    expected: Any = reader[:]
    assert_identical(expected["scaled"], values * np.float32(1e-40))
    for engine in ("graph", "generator"):
        (batch,) = reader.to_tf_dataset(256, engine=engine).as_numpy_iterator()
        assert_identical(batch, expected)


# Signals, threads and processes.


def test_a_child_of_a_fork_reads(write_files: WriteFiles) -> None:
    paths = write_files(*[np.full(5, number, "<u4") for number in range(2000)])
    result = run_program(
        """
        import os, sys, threading
        import binfeed as bf

        for _ in range(20):  # forks while another thread maps files
            reader = bf.open(sys.argv[1] + "/*.bin", "<u4")
            thread = threading.Thread(target=lambda: reader[:])
            thread.start()
            child = os.fork()
            if child == 0:
                os._exit(0 if reader[0] == 0 else 1)
            assert os.waitpid(child, 0) == (child, 0)
            thread.join()
        """,
        paths[0].parent,
    )
    assert result.returncode == 0, result.stderr


def test_a_signal_that_was_sent_is_not_a_fault(tmp_path: Path) -> None:
    np.zeros(4, "u1").tofile(tmp_path / "x.bin")
    program = """
        import os, signal, sys
        import binfeed as bf
        bf.open(sys.argv[1], "u1")[0]
        os.kill(os.getpid(), signal.SIGBUS)
        print("lives")
    """
    assert run_program(program, tmp_path / "x.bin").returncode == -signal.SIGBUS
    ignoring = "import signal; signal.signal(signal.SIGBUS, signal.SIG_IGN)\n" + textwrap.dedent(program)
    assert run_program(ignoring, tmp_path / "x.bin").stdout == "lives\n"


def test_daemon_threads_may_read_when_the_interpreter_ends() -> None:
    result = run_program(
        """
        import threading, time
        import numpy as np
        import binfeed as bf
        reader = bf.open(np.zeros(1 << 24, "u1"), "u1", bf.field("value").log1p())
        def work():
            while True: reader[:]
        for _ in range(4): threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3)
        """
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_reading_ends_at_ctrl_c() -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import numpy as np, binfeed as bf\n"
            "import signal\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whatever started these tests ignores
            "feature = bf.field('value').cast('float64')\n"
            "for _ in range(20): feature = feature.log1p()\n"  # takes many seconds
            "reader = bf.open(np.zeros(1 << 20, 'u1'), 'u1', feature)\n"
            "indices = np.zeros(1 << 27, np.int64)\n"
            "print('reads', flush=True)\n"
            "reader.take(indices)\n"
            "print('done', flush=True)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reads\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert "done" not in output


def test_threads_share_the_batches_of_one_iterator() -> None:
    reader = bf.open(np.arange(100_000, dtype="<u4"), "<u4")
    batches = reader.batches(10)
    taken: list[Any] = []
    threads = [threading.Thread(target=lambda: taken.extend(batches)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(np.concatenate(taken)) == list(range(100_000))


def test_a_signal_handler_may_ask_for_the_state_in_mid_read() -> None:
    result = run_program(
        """
        import signal
        import numpy as np
        import binfeed as bf
        batches = bf.open(np.zeros(1 << 25, "u1"), "u1", bf.field("value").log1p()).batches(1 << 25)
        states = []
        signal.signal(signal.SIGALRM, lambda *_: states.append(batches.state()))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        next(batches)
        assert [state["position"] for state in states] == [0], states
        assert batches.state()["epoch"] == 1
        """
    )
    assert result.returncode == 0, result.stderr


def test_a_signal_handler_may_not_take_a_batch_in_mid_read() -> None:
    result = run_program(
        """
        import signal
        import numpy as np
        import binfeed as bf
        batches = bf.open(np.arange(1 << 25, dtype="u1"), "u1", bf.field("value").log1p()).batches(1 << 24)
        signal.signal(signal.SIGALRM, lambda *_: next(batches))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        try:
            next(batches)
        except RuntimeError as error:
            assert "a signal handler cannot take a batch" in str(error)
        else:
            raise AssertionError("not refused")
        assert len(list(batches)) == 2
        """
    )
    assert result.returncode == 0, result.stderr


def test_skipping_takes_no_time() -> None:
    reader = bf.open(np.arange(10, dtype="u1"), "u1")
    batches = reader.batches(3, shuffle=True, seed=1, epochs=None).skip(4 * 2**40 + 1)
    epoch = np.array(reference.shuffled(10, 1, 2**40), np.uint8)
    assert_identical(next(batches), epoch[3:6])
    assert batches.state()["epoch"] == 2**40


def test_features_are_neither_true_nor_false() -> None:
    feature = bf.field("x")
    assert feature in {feature}
    for decide in (
        lambda: bool(feature),
        lambda: feature == 5 and feature,
        lambda: 1 < feature < 5,
        lambda: not feature,
    ):
        with pytest.raises(bf.FeatureError, match=r"& \| ~"):
            decide()
