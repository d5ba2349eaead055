"""Readers: indexing, batches, buffers, zipping, closing, threads."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import binfeed as bf
import numpy as np
import pytest

from tests.helpers import Array, WriteFiles, assert_identical, mappings, random_records, run_program

RECORD = np.dtype([("id", "<u4"), ("x", ">f4", (3,)), ("tag", "S2")])
LAYOUT = bf.Layout(RECORD, header_bytes=16, footer_bytes=4)
COUNTS = [40, 1, 0, 59]


def as_dict(records: Array) -> dict[str, Array]:
    return {"id": records["id"], "x": records["x"].astype("f4"), "tag": records["tag"]}


def test_a_sample_has_no_batch_axis(reader: bf.Reader, records: Array) -> None:
    assert len(reader) == 100
    sample = reader[41]
    assert isinstance(sample, dict)
    assert (sample["id"], sample["tag"]) == (41, records["tag"][41])
    assert sample["x"].shape == (3,)
    assert reader[-1]["id"] == 99
    assert reader[np.int16(7)]["id"] == 7


@pytest.mark.parametrize("index", [100, -101, 2**70])
def test_a_sample_that_does_not_exist(reader: bf.Reader, index: int) -> None:
    with pytest.raises(IndexError, match=f"no sample {index}: the reader has 100"):
        reader[index]


@pytest.mark.parametrize("index", [1.0, "1", None, True, np.True_])
def test_an_index_that_is_no_number(reader: bf.Reader, index: object) -> None:
    with pytest.raises(TypeError, match="whole number or a slice"):
        reader[index]


@pytest.mark.parametrize(
    "index",
    [slice(None), slice(38, 43), slice(5, 5), slice(9, 5), slice(None, None, 7), slice(80, 20, -9), slice(-5, None)],
)
def test_slices_are_those_of_numpy(reader: bf.Reader, records: Array, index: slice) -> None:
    assert_identical(reader[index], as_dict(records[index]))


def test_take_in_any_order_with_repeats(reader: bf.Reader, records: Array) -> None:
    indices = [99, 0, 40, 40, 41, 39, 0]
    assert_identical(reader.take(indices), as_dict(records[indices]))
    assert_identical(reader.take(np.array(indices, np.uint8)), as_dict(records[indices]))
    assert_identical(reader.take([]), as_dict(records[:0]))


def test_take_refuses_what_is_no_index(reader: bf.Reader) -> None:
    for index in (-1, 100, 2**63 - 1, 2**63, 2**64 - 1, 2**70, -(2**70)):
        with pytest.raises(IndexError, match=f"no sample {index}: the reader has 100 samples, numbered from 0"):
            reader.take([3, index])
    for index in (2**63, 2**64 - 1):
        with pytest.raises(IndexError, match=f"no sample {index}: the reader has 100 samples, numbered from 0"):
            reader.take(np.array([3, index], np.uint64))
    with pytest.raises(IndexError, match=f"no sample {2**63}: the reader"):
        reader.take([2**63, -1])  # which NumPy takes for floats
    for indices in ([1.5], [[1, 2]], [True, False]):
        with pytest.raises(TypeError, match="whole numbers in one dimension"):
            reader.take(indices)


@pytest.mark.parametrize(("batch_size", "drop", "sizes"), [(30, False, [30, 30, 30, 10]), (30, True, [30] * 3)])
def test_batches_are_full_but_for_the_last(
    reader: bf.Reader, records: Array, batch_size: int, drop: bool, sizes: list[int]
) -> None:
    batches = reader.batches(batch_size, drop_remainder=drop)
    assert len(batches) == len(sizes)
    found = list(batches)
    assert [len(batch["id"]) for batch in found] == sizes
    begin = 0
    for batch, size in zip(found, sizes, strict=True):
        assert_identical(batch, as_dict(records[begin : begin + size]))
        begin += size
    assert list(batches) == []


def test_batches_larger_than_everything_and_of_one(reader: bf.Reader) -> None:
    assert [len(batch["id"]) for batch in reader.batches(1000)] == [100]
    assert len(list(reader.batches(1000, drop_remainder=True))) == 0
    assert len(list(reader.batches(1))) == 100


def test_batches_interleave_files(reader: bf.Reader) -> None:
    ids = np.concatenate([batch["id"] for batch in reader.batches(7, cycle_length=2, block_length=3)])
    # 40 samples from 0 on beside the one at 40; then the last file takes the second slot, after the empty one.
    assert ids[:16].tolist() == [0, 1, 2, 40, 3, 4, 5, 6, 7, 8, 41, 42, 43, 9, 10, 11]
    assert sorted(ids) == list(range(100))


def test_iteration_gives_every_sample(reader: bf.Reader) -> None:
    assert [sample["id"] for sample in reader] == list(range(100))


def test_one_feature_gives_bare_arrays(paths: list[Path], records: Array) -> None:
    layout = bf.Layout(RECORD, header_bytes=16, footer_bytes=4)
    for feature in (bf.field("id"), "id"):
        with bf.open(paths, layout, feature) as reader:
            assert_identical(reader[3:5], records["id"][3:5])
            assert reader[3] == 3
    numbers = np.arange(9, dtype=">i2")
    assert_identical(bf.open(numbers, ">i2")[:], numbers.astype("i2"))


def test_fields_may_be_named_by_strings(records: Array) -> None:
    batch = bf.open(records, RECORD, {"number": "id", "double": bf.field("id").scale(2)})[1:3]
    assert_identical(batch, {"number": np.array([1, 2], "u4"), "double": np.array([2, 4], "f4")})


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "array", "structured memoryview", "list"])
def test_bytes_in_memory_are_files_too(records: Array, kind: str) -> None:
    raw = records.tobytes()
    source = {
        "bytes": raw,
        "bytearray": bytearray(raw),
        "memoryview": memoryview(raw),
        "array": records,
        "structured memoryview": memoryview(records),
        "list": [records[:40], raw[40 * RECORD.itemsize :]],
    }[kind]
    with bf.open(source, RECORD) as reader:
        assert_identical(reader[:], as_dict(records))


def test_bytes_in_memory_are_not_copied_and_kept_alive() -> None:
    numbers = np.arange(5, dtype="u4")
    reader = bf.open(numbers, "u4")
    numbers[2] = 99
    assert reader[2] == 99
    del numbers
    gc.collect()
    assert_identical(reader[:], np.array([0, 1, 99, 3, 4], "u4"))


def test_a_batch_outlives_its_reader(paths: list[Path], records: Array) -> None:
    reader = bf.open(paths, LAYOUT)
    batch = reader[:]
    reader.close()
    del reader
    gc.collect()
    bf.open(random_records(RECORD, 100), RECORD)[:]  # would write into the same memory, were it free
    assert_identical(batch, as_dict(records))


def test_a_closed_reader_says_so(reader: bf.Reader) -> None:
    batches = reader.batches(10)
    next(batches)
    assert not reader.closed
    reader.close()
    reader.close()
    assert reader.closed
    for use in (lambda: reader[0], lambda: reader.take([0]), lambda: next(batches), lambda: reader[:]):
        with pytest.raises(ValueError, match="the reader is closed"):
            use()


def test_files_are_unmapped_when_closed(paths: list[Path]) -> None:
    folder = paths[0].parent
    reader = bf.open(paths, LAYOUT)
    assert mappings(folder) == 0
    reader[0]
    assert mappings(folder) == 1
    reader[:]
    assert mappings(folder) == 3  # one of the four has no records
    reader.close()
    assert mappings(folder) == 0


def test_many_files_need_no_descriptors(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:04}.bin").write_bytes(np.uint16(number).tobytes())
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    with bf.open(tmp_path / "*.bin", "<u2") as reader:
        assert_identical(reader[:], np.arange(2000, dtype="u2"))
        if before:
            assert len(list(descriptors.iterdir())) <= before


def test_globs_are_sorted_and_lists_keep_their_order(write_files: WriteFiles) -> None:
    paths = write_files(*np.arange(12, dtype="u1").reshape(3, 4))
    folder = paths[0].parent
    assert bf.open(folder / "part-*.bin", "u1")[:].tolist() == list(range(12))
    assert bf.open(str(folder / "**" / "*.bin"), "u1")[4] == 4
    assert bf.open([paths[2], str(paths[0])], "u1")[:].tolist() == [8, 9, 10, 11, 0, 1, 2, 3]
    strange = folder / "odd[1].bin"
    strange.write_bytes(b"\x07")
    assert bf.open(strange, "u1")[0] == 7


def test_readers_that_belong_together(records: Array) -> None:
    ids = bf.open([records[:70], records[70:]], RECORD, "id")
    xs = bf.open([records[:20], records[20:]], RECORD, {"x": bf.field("x").scale(2), "tag": "tag"})
    pair = bf.zip(ids, xs)
    with np.errstate(all="ignore"):
        expected = {"x": records["x"].astype("f4") * np.float32(2), "tag": records["tag"]}
    assert len(pair) == 100
    assert_identical(pair[:], (records["id"], expected))
    order = np.concatenate([batch[0] for batch in pair.batches(9, cycle_length=2)])
    again = np.concatenate([batch[1]["tag"] for batch in pair.batches(9, cycle_length=2)])
    assert order[:4].tolist() == [0, 70, 1, 71]
    assert_identical(again, records["tag"][order])
    assert pair.spec[0].shape == ()
    pair.close()
    assert pair.closed
    assert ids.closed
    assert xs.closed


def test_readers_of_different_lengths_do_not_belong_together(records: Array) -> None:
    with pytest.raises(ValueError, match=r"the same length, but these have \[100, 99\] samples"):
        bf.zip(bf.open(records, RECORD), bf.open(records[:99], RECORD))
    with pytest.raises(ValueError, match="at least one reader"):
        bf.zip()
    with pytest.raises(TypeError, match="takes readers"):
        bf.zip(records)


def test_many_threads_read_the_same_reader(reader: bf.Reader, records: Array) -> None:
    random = np.random.default_rng(5)
    wanted = [random.integers(0, 100, 50) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for indices, batch in zip(wanted, pool.map(reader.take, wanted), strict=True):
            assert_identical(batch, as_dict(records[indices]))


def test_closing_while_others_read_ends_in_data_or_a_clear_error(paths: list[Path], records: Array) -> None:
    for _ in range(20):
        reader = bf.open(paths, LAYOUT)
        expected = as_dict(records)
        outcomes: list[bool] = []

        def read(reader: bf.Reader = reader, outcomes: list[bool] = outcomes) -> None:
            try:
                while True:
                    assert_identical(reader[:], expected)  # noqa: B023
            except ValueError as error:
                outcomes.append("closed" in str(error))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        reader.close()
        for thread in threads:
            thread.join()
        assert outcomes == [True] * 4


def test_decoding_does_not_hold_the_interpreter_lock() -> None:
    # While one thread decodes 256 MB in one call, this one goes on counting.
    big = np.zeros(64 << 20, "u1")
    reader = bf.open(big, "u1", bf.field("value").div(3))
    thread = threading.Thread(target=lambda: reader[:])
    thread.start()
    steps = 0
    while thread.is_alive():
        steps += 1
    thread.join()
    assert steps > 1000


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415

    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with bf.open(path, np.dtype(("u1", (64,))), bf.field("value").div(2)) as reader:
        assert len(reader) == (1 << 40) // 64
        assert reader[len(reader) - 1].sum() == 0
        for position in range(0, len(reader), len(reader) // 100):
            reader.take([position])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # in KiB


def test_buffers_are_aligned_and_recycled() -> None:
    reader = bf.open(np.zeros(100_000, "u1"), "u1", bf.field("value").div(3))
    addresses = set()
    for batch in reader.batches(10_000):
        address = batch.ctypes.data
        assert address % 64 == 0
        addresses.add(address)
        del batch
    assert len(addresses) == 1
    held = [reader[:10_000] for _ in range(3)]
    assert len({array.ctypes.data for array in held}) == 3


def test_the_pool_is_bounded_and_empty_without_readers() -> None:
    result = run_program(
        """
        import numpy as np, binfeed as bf
        from binfeed import _core

        MEGABYTE = 1 << 20
        reader = bf.open(np.zeros(1 << 30, "u1"), np.dtype(("u1", (MEGABYTE,))))
        held = [reader[i] for i in range(600)]
        kept, lent = _core.buffer_pool_bytes()
        assert kept == 0 and 600 * MEGABYTE <= lent < 700 * MEGABYTE, (kept, lent)
        del held
        kept, lent = _core.buffer_pool_bytes()
        assert 500 * MEGABYTE < kept <= 512 * MEGABYTE and lent == 0, (kept, lent)
        last = reader[:100]
        kept, lent = _core.buffer_pool_bytes()
        del last  # makes room for itself
        kept, lent = _core.buffer_pool_bytes()
        assert 500 * MEGABYTE < kept <= 512 * MEGABYTE, (kept, lent)
        survivor = reader[0]
        reader.close()
        assert _core.buffer_pool_bytes() == (0, MEGABYTE), _core.buffer_pool_bytes()
        del survivor
        assert _core.buffer_pool_bytes() == (0, 0)
        """
    )
    assert result.returncode == 0, result.stderr


def test_a_view_keeps_its_buffer(records: Array) -> None:
    reader = bf.open(records, RECORD, "id")
    view = reader[:][10:20]
    for _ in range(5):
        reader[::-1]
    assert view.tolist() == list(range(10, 20))


def test_a_reader_prints_what_it_gives(records: Array) -> None:
    reader = bf.open(records, RECORD)
    assert repr(reader) == "<reader of 100 samples, id: uint32, x: float32[3], tag: S2>"
    reader.close()
    assert repr(reader).startswith("<closed reader of 100 samples")


def test_a_path_behind_a_link_is_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/sub")
    (tmp_path / "real" / "x.bin").write_bytes(b"AAAA")
    (tmp_path / "x.bin").write_bytes(b"BBBB")
    monkeypatch.chdir(tmp_path)
    assert bf.open("link/../x.bin", "S4")[0] == b"AAAA"
    assert bf.open("link/../*.bin", "S4")[0] == b"AAAA"
    with pytest.raises(NotADirectoryError):
        bf.open("x.bin/", "S4")
