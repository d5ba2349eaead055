"""Benchmarks measure peers that give the same values, and say who is how fast."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
import tensorflow as tf
from binfeed import reference
from binfeed.bench import harness, in_numpy, in_tensorflow, peers, table
from binfeed.bench.peers import one_batch
from binfeed.bench.quiet import quiet_import
from binfeed.bench.server import Conversion, Turn, _arrays, _cpu_seconds, _Server
from binfeed.bench.workload import Column, NotApplicable, Output, Source, Workload
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import report
from benchmarks.expressions import __main__ as expressions
from benchmarks.expressions import data as ticks
from benchmarks.expressions import ways as expression_ways
from benchmarks.orders import __main__ as orders
from benchmarks.peers import PEERS
from benchmarks.roofline import __main__ as roofline
from benchmarks.roofline.cases import cases
from benchmarks.tables import __main__ as tables
from benchmarks.tables.data import columns_of, values_of
from benchmarks.tables.ways import Way
from benchmarks.workloads import WORKLOADS, make
from tests.helpers import ROOT, assert_identical, run_python

THREADS = 2


def small(name: str, folder: Path) -> Workload:
    return harness.cut(make(name, folder, 0.0005), folder / "cut")


def check(peer: str, workload: Workload, folder: Path) -> None:
    """What a peer's process does, in this one."""
    server = _Server(peer)
    try:
        server.prepare(workload, folder / "converted")
        server.check(workload, THREADS, folder / "converted")
    except NotApplicable as reason:
        pytest.skip(str(reason))
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}")


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_are_what_they_say(name: str, tmp_path: Path) -> None:
    workload = small(name, tmp_path)
    assert workload.name == name
    assert len({tuple(source.counts()) for source in workload.sources}) == 1
    assert workload.records() > 2 * workload.batch_size
    check(peers.OURS, workload, tmp_path)


@pytest.mark.parametrize(
    "peer", [peer for peer in PEERS if peer not in (peers.OURS, peers.NO_READER)], ids=peers.name_of
)
@pytest.mark.parametrize("name", ["ticks", "idx", "shuffle", "windows"])
def test_every_peer_gives_the_values_of_numpy(name: str, peer: str, tmp_path: Path) -> None:
    check(peer, small(name, tmp_path), tmp_path)


def test_no_reader_gives_the_first_batch_forever(tmp_path: Path) -> None:
    workload = small("ticks", tmp_path)
    (expected,) = workload.expected()
    batches = iter(one_batch.batches(workload, THREADS, tmp_path))
    for _ in range(3):
        (batch,) = _arrays(next(batches))
        assert_identical(batch.numpy(), expected[: workload.batch_size])


def test_a_cold_turn_is_one_epoch(tmp_path: Path) -> None:
    turns: list[Turn] = []

    class Watched(harness.Peer):
        def turn(self, *arguments: Any) -> Turn:
            turns.append(super().turn(*arguments))
            return turns[-1]

    workload = small("ticks", tmp_path)
    peer = Watched(f"{peers.__name__}.binfeed_batches", THREADS)
    steps: list[str] = []
    (found,) = harness.measure(workload, [peer], tmp_path / "work", harness.Settings(2, 4.0, cold=True), steps.append)
    peer.close()
    assert steps == ["binfeed_batches"] * 3
    _warm_up, *cold = turns
    assert found.turns == len(cold) == 2
    for turn in cold:
        assert workload.records() <= turn.samples < workload.records() + workload.batch_size


def test_processes_that_ended_count_in_the_cpu_time() -> None:
    before = _cpu_seconds()
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    assert run_python("-c", burn).returncode == 0
    assert _cpu_seconds() - before >= 0.5


NUMBERS = (
    "?",
    "i1",
    "u1",
    "<i2",
    ">u2",
    "<u4",
    ">i4",
    "<i8",
    ">u8",
    "<f2",
    ">f4",
    "<f8",
    "<u3",
    ">i3",
    "<u6",
    ">i6",
    "<i7",
)


@settings(max_examples=60, deadline=None)
@given(
    types=st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["", "(3)", "(2,2)"])), min_size=1, max_size=5),
    padding=st.integers(0, 9),
    constant=st.sampled_from([None, 0.25, 3.0]),
    seed=st.integers(0, 99),
)
def test_decoding_by_hand_is_that_of_the_definition(
    types: list[tuple[str, str]], padding: int, constant: float | None, seed: int
) -> None:
    fields = {f"field{number}": shape + type_ for number, (type_, shape) in enumerate(types)}
    layout = bf.Layout(fields | ({"padding": f"V{padding}"} if padding else {}))
    single = [name for name in fields if not layout[name].shape]
    outputs = [Output(name, "float32", (Column(name, divide=constant),)) for name in fields]
    if len(single) > 1:
        outputs.append(Output("block", "float32", tuple(Column(name, multiply=constant) for name in single)))
    source = Source([], layout, outputs)
    raw = np.random.default_rng(seed).integers(0, 256, (7, layout.record_bytes), np.uint8)
    for field in layout.fields.values():
        if field.type.name == "bool":
            raw[:, field.offset : field.end] %= 2
        if field.type.name.startswith("float"):  # neither NaN, whose bits nothing defines, nor what TensorFlow flushes
            values = np.random.default_rng(seed).uniform(-9, 9, (7, field.elements)).astype(field.type.spelling)
            raw[:, field.offset : field.end] = values.view(np.uint8)

    expected = list(reference.decode(raw, layout, {output.name: output.feature() for output in outputs}).values())
    with np.errstate(over="ignore"):
        found = in_numpy.batch_of(source, raw.view(in_numpy.record_dtype(layout)).reshape(7))
    for one, other in zip(found, expected, strict=True):
        assert_identical(one, other)
    strings = tf.constant([row.tobytes() for row in raw])
    for tensors in (
        in_tensorflow.batch_of_strings(source, strings),
        in_tensorflow.batch_of_whole(source, tf.constant(raw.tobytes())),
    ):
        for tensor, other in zip(tensors, expected, strict=True):
            assert_identical(tensor.numpy(), other)


def test_readme_shows_the_results() -> None:
    results = report.read(ROOT / "docs" / "benchmarks" / "results.json")
    text = (ROOT / "README.md").read_text()
    assert report.highlights(results) in text
    assert report.verdict(results) in " ".join(text.split())


def test_types_that_others_have_not_are_refused() -> None:
    layout = bf.Layout({"packed": "(8)<uint12", "float": ">ibm32"})
    raw = np.zeros((2, layout.record_bytes), np.uint8)
    for name in layout.fields:
        source = Source([], layout, [Output("x", "float32", (Column(name),))])
        with pytest.raises(NotApplicable, match=f"no type for field '{name}'"):
            in_numpy.batch_of(source, raw.view(in_numpy.record_dtype(layout)).reshape(2))
        with pytest.raises(NotApplicable, match=f"no type for field '{name}'"):
            in_tensorflow.batch_of_strings(source, tf.constant([row.tobytes() for row in raw]))


def measured(workload: Workload, modules: list[str], folder: Path) -> list[harness.Measurement]:
    steps: list[str] = []
    with harness.peers_of(modules, THREADS) as processes:
        found = harness.measure(workload, processes, folder, harness.Settings(2, 0.02), steps.append)
    assert sorted(steps) == sorted([module.rsplit(".", 1)[-1] for module in modules] * 3)
    return found


def test_peers_take_turns_in_processes_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ways = ["binfeed.bench.peers.binfeed_batches", "tests.peers.dies", "tests.peers.needs", "tests.peers.converts"]
    ours, dies, needs, converts = measured(small("ticks", tmp_path), ways, tmp_path / "work")
    assert ours.turns == 2
    assert ours.rate == (ours.slowest + ours.fastest) / 2
    assert ours.mb_in == ours.rate * 48 / 1e6
    assert ours.mb_out == ours.rate * 24 / 1e6
    assert 1 < ours.peak_mb < 2000
    assert ours.gives == "arrays"
    assert dies.skipped == "failed: dies died in check"
    assert caplog.messages == ["dies failed: dies died in check\nits last words"]
    assert capfd.readouterr() == ("", "")
    assert needs.skipped == "needs the package surely_not_there"
    assert converts.conversion is not None
    assert (converts.conversion.bytes, converts.conversion.samples) == (897 * 48, 897)
    ratio = harness.ratio([ours, converts], converts, "binfeed_batches")
    assert ratio == ours.rate / converts.rate
    assert harness.ratio([ours, dies], dies, "binfeed_batches") is None


def test_who_is_slow_has_one_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SLOW", 0.0)
    (ours,) = measured(small("ticks", tmp_path), ["binfeed.bench.peers.binfeed_batches"], tmp_path / "work")
    assert ours.turns == 1


def test_who_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "PATIENCE", 0)
    with harness.peers_of(["binfeed.bench.peers.binfeed_batches"], THREADS) as (peer,):
        with pytest.raises(RuntimeError, match="binfeed_batches took too long in prepare"):
            peer.prepare(small("ticks", tmp_path), tmp_path)
        assert peer._process is None


def test_a_peer_that_gives_other_values_is_caught(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="AssertionError: 1 of 897 samples differ from the definition in NumPy"):
        measured(small("ticks", tmp_path), ["tests.peers.wrong"], tmp_path / "work")


def measurement(peer: str, rate: int, gives: str, **others: Any) -> harness.Measurement:
    turns = [Turn(0.01, rate * times, 1.0, 0.5, 10**8, 24, gives) for times in (1, 2, 3)]
    found = harness.Measurement(peer, f"the {peer}", **others)
    found.summarize(turns, 48)
    return found


CONVERTED = Conversion(2.0, 5000, 1000)
MEASUREMENTS = [
    measurement("slow", 10, "tensors"),
    measurement("converted", 100, "arrays", conversion=CONVERTED),
    harness.Measurement("absent", "the absent", skipped="needs <b>"),
    measurement("binfeed_graph", 1000, "tensors"),
    measurement("one_batch", 2000, "tensors"),
]
RESULT = report.Result("a title", "a note", 1000, 10, MEASUREMENTS)


@pytest.fixture
def run() -> report.Report:
    nobody = report.Result("nobody can", "", 10, 10, MEASUREMENTS[2:3])
    curve = {"title": "A curve", "axis": "size", "unit": "per s", "places": [1, 2], "rates": {"binfeed": [3.0, 0.0]}}
    results = {"work": RESULT, "nobody": nobody}
    return report.Report({"processor": "fast"}, results, {"curve": curve}, [{"feed": "a", "waiting": "5%"}])


def test_turns_are_summarized_by_their_median_and_extremes() -> None:
    found = measurement("slow", 10, "tensors")
    assert (found.turns, found.slowest, found.rate, found.fastest) == (3, 10, 20, 30)
    assert (found.first_batch_ms, found.cpu_us_per_sample, found.peak_mb) == (10, 25_000, 100)


def test_the_terminal_shows_a_table_and_who_is_ahead(capsys: pytest.CaptureFixture[str]) -> None:
    long = measurement("long", 30, "tensors")
    long.title = "a title that is so long that it takes more than a line of its column, as some readers' titles do"
    table.print_table("a title", [*MEASUREMENTS, long])
    shown = capsys.readouterr().out
    assert "100.0 x" in shown
    assert "2,000.0 us, 5 B each" in shown
    assert "not measured: the absent: needs <b>" in shown
    assert "the binfeed_graph gives 2,000 samples per second, 10.0 times as many as" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_a_conclusion_says_who_is_ahead() -> None:
    assert "the binfeed_graph gives 2,000 samples per second, 10.0 times as many as" in table.conclusion(MEASUREMENTS)
    assert "the slow is 2.0 times as fast" in table.conclusion(
        [measurement("slow", 10, "tensors"), measurement("binfeed_graph", 5, "tensors")]
    )


def test_a_verdict_counts_readers_of_converted_files_apart(run: report.Report) -> None:
    assert "100.0 times as fast as the best TensorFlow reader of the same files" in report.verdict(run)
    assert "slower" not in report.verdict(run)
    converted = measurement("quick", 4000, "tensors", conversion=CONVERTED)
    faster = dataclasses.replace(RESULT, measurements=[*MEASUREMENTS, converted])
    found = report.verdict(report.Report({}, {"work": faster}))
    assert "(median of 1 workloads, range 100.0 to 100.0)" in found
    assert found.endswith("as well, it is 0.2 times as fast (0.2 to 0.2). It is slower in work.")


def test_results_are_numbers_that_can_be_read_again(run: report.Report, tmp_path: Path) -> None:
    report.save(run, tmp_path)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["results"]["work"]["measurements"][0]["rate"] == 20
    assert written["results"]["work"]["measurements"][0]["binfeed_is_times"] == 100
    assert report.read(tmp_path / "results.json") == run


def test_numbers_are_written_rounded_and_in_few_lines(tmp_path: Path) -> None:
    content = {"rates": [1234567.8, 0.00012345678, 2.0], "records": 1234567, "names": ["x" * 300] * 2}
    report.write_json(tmp_path / "results.json", content)
    text = (tmp_path / "results.json").read_text()
    assert json.loads(text) == content | {"rates": [1234600, 0.00012346, 2]}
    assert len(text.splitlines()) == 8


def test_results_are_tables_charts_and_a_page(run: report.Report, tmp_path: Path) -> None:
    report.write(run, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64") == 2
    assert "needs &lt;b&gt;" in page
    assert "src='http" not in page
    text = (tmp_path / "results.md").read_text()
    assert "| a title, batch 10 | 0.002 M | 50% | 100.0 x the slow |  |  |  |" in text
    assert "a title. 1,000 records, batches of 10. a note" in text
    assert (tmp_path / "work.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("fails", [False, True])
def test_what_an_import_logs_is_shown_if_it_fails(fails: bool, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError) if fails else contextlib.nullcontext(), quiet_import():
        os.write(2, b"Could not find cuda drivers\n")
        if fails:
            raise ImportError
    print("an error", file=sys.stderr)
    assert capfd.readouterr().err == "Could not find cuda drivers\n" * fails + "an error\n"


def bench(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "binfeed", "bench", *arguments)


def test_readers_are_compared_on_files_of_ones_own(tmp_path: Path) -> None:
    records = np.zeros(3000, [("time", "<u8"), ("pixels", "u1", (5,)), ("tag", "S3"), ("price", ">f4")])
    records["time"] = np.arange(3000)
    for number in range(2):
        (tmp_path / f"{number}.bin").write_bytes(b"head" + records.tobytes())
    bf.Layout(records.dtype).save(tmp_path / "layout.yaml")
    quick = ["--rounds", 1, "--seconds", 0.02, "--header-bytes", 4, "--layout", tmp_path / "layout.yaml"]
    found = bench(tmp_path / "*.bin", *quick, "--shuffle", "--peer", "fixed_length_batches", "binfeed_graph")
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    assert max(map(len, found.stdout.splitlines())) <= 100
    assert "2 files, records of 20 bytes to float32 (without tag)" in found.stdout
    assert re.search("[0-9.]+ times as (many|fast) as the best of", " ".join(found.stdout.split()))

    missing = bench(tmp_path / "none.bin", *quick)
    assert missing.returncode == 1
    assert "none.bin" in missing.stderr
    assert "Traceback" not in missing.stderr
    misspelt = bench(tmp_path / "*.bin", *quick, "--peer", "binfeed_grahp")
    assert "there is no reader 'binfeed_grahp'; did you mean 'binfeed_graph'" in misspelt.stderr
    wrong = bench(tmp_path / "*.bin", *quick[:-2], "--layout", "(7)u1")
    assert "0.bin" in wrong.stderr
    assert "records of 7 bytes" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return roofline.compile_loops(tmp_path_factory.mktemp("loops"))


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_loops_by_hand_give_the_same_bits(case: roofline.Case, loops: ctypes.CDLL) -> None:
    result = roofline.measure(case, loops, megabytes=1, rounds=1, memcpy=1.0)
    assert result.bytes_in == case.layout.record_bytes
    assert result.ours > 0


def test_the_roofline_is_a_table_and_a_chart(
    loops: ctypes.CDLL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bandwidth = roofline.memory_bandwidth(megabytes=8, rounds=1)
    results = [roofline.measure(case, loops, 1, 1, bandwidth["memcpy"]) for case in cases()[:2]]
    roofline.print_table(bandwidth, results)
    shown = capsys.readouterr().out
    assert "3073-byte images" in shown
    assert max(map(len, shown.splitlines())) <= 100
    roofline.draw(tmp_path / "roofline.png", bandwidth, results)
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", orders.EXPERIMENTS)
def test_every_experiment_on_orders_runs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = {name: orders.run(name, tmp_path, records=400_000 if name == "scaling" else 120_000, rounds=1)}
    orders.print_tables(results)
    shown = capsys.readouterr().out
    assert "──" in shown
    assert max(map(len, shown.splitlines())) <= 100
    rows = orders.rows_of(results[name])
    assert len(rows) >= 3
    numbers = [value for row in rows for column, value in row.items() if column not in ("", "memory")]
    assert all(number > 0 for number in numbers)
    assert list(tmp_path.iterdir()) == []
    if name == "scaling":
        orders.draw_scaling(tmp_path / "orders.png", rows)
        assert (tmp_path / "orders.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from what others import
@pytest.mark.parametrize("name", tables.DATABASES)
def test_all_ways_to_read_a_database_agree(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "PostgreSQL" and tables.missing_postgres():
        pytest.skip(tables.missing_postgres())
    found = {name: tables.run(name, tmp_path, columns_of(5000), rounds=1)}
    assert capsys.readouterr().out == ""
    tables.print_tables(found)
    shown = capsys.readouterr().out
    assert shown.startswith(name)
    assert max(map(len, shown.splitlines())) <= 100
    assert len(found[name]) >= 6
    assert all(numbers["slowest"] <= numbers["rows/s"] <= numbers["fastest"] for numbers in found[name].values())
    tables.draw(tmp_path / "tables.png", found)
    assert (tmp_path / "tables.png").read_bytes().startswith(b"\x89PNG")


def test_a_way_that_gives_other_values_is_caught() -> None:
    columns = columns_of(3000)
    keys, values = columns["key"], values_of(columns)

    def check_rows(*chosen: slice) -> None:
        tables.check(Way("rows", lambda: [(keys[rows], values[rows]) for rows in chosen]), columns)

    check_rows(slice(0, 1024), slice(1024, 2048), slice(2048, None))
    for rows in ([slice(0, 1024), slice(1024, 2999)], [slice(0, 1000), slice(1000, None)]):
        with pytest.raises(AssertionError, match="rows"):
            check_rows(*rows)
    values[2000, 7] += 1
    with pytest.raises(AssertionError, match="Mismatched elements: 1 "):
        check_rows(slice(0, 1024), slice(1024, 2048), slice(2048, None))
    with pytest.raises(AssertionError, match="count"):
        tables.check(Way("count", count=lambda: 2999), columns)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from what others import
@pytest.mark.parametrize("name", expressions.EXPERIMENTS)
def test_all_ways_to_compute_features_agree(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # More records than any way takes at a time.
    paths = ticks.write_ticks(tmp_path, files=2, count=70_000)
    experiments = expression_ways.experiments(paths, expressions.compile_loops(tmp_path))
    assert tuple(experiments) == expressions.EXPERIMENTS
    experiment = experiments[name]
    found = expressions.run(experiment, ticks.mapped(paths), rounds=1)
    assert capsys.readouterr().out == ""
    assert list(found) == [way.title for way in experiment.ways]
    expressions.print_table(experiment.title, found)
    shown = capsys.readouterr().out
    assert shown.startswith(experiment.title.split(":")[0])
    assert max(map(len, shown.splitlines())) <= 100


def test_a_way_that_computes_other_features_is_caught(tmp_path: Path) -> None:
    files = ticks.mapped(ticks.write_ticks(tmp_path, files=2, count=500))
    names = expression_ways.RETURNS
    values = ticks.values_of(files, names, None)
    way = expression_ways.Way("ours", names, lambda: iter([[values[:500]], [values[500:]]]))
    experiment = expression_ways.Experiment("a title", [way])
    expressions.check(experiment, way, files)
    values[700, 2] *= np.float32(1.000001)
    with pytest.raises(AssertionError, match=r"ours: log return\n.*Mismatched elements: 1 "):
        expressions.check(experiment, way, files)
