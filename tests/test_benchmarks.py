"""Benchmarks measure peers that give the same values, and say who is how fast."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest

from benchmarks import harness, report
from benchmarks.orders import __main__ as orders
from benchmarks.peers import OURS, PEERS
from benchmarks.roofline import __main__ as roofline
from benchmarks.roofline.cases import cases
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", WORKLOADS)
def test_every_peer_gives_the_values_of_numpy(name: str, peer: str, tmp_path: Path) -> None:
    kind = WORKLOADS[name]
    # Two files of batches and a rest each.
    workload = kind(tmp_path, 2, kind.batch_size * 2 + 3)
    harness.check(workload, peer)


def test_a_peer_that_gives_other_values_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workload = WORKLOADS["images"](tmp_path, 1, 300)
    records = workload.records()
    records["image"][17, 5] ^= 1
    monkeypatch.setattr(workload, "records", lambda: records)
    with pytest.raises(AssertionError, match="disagree on images"):
        harness.check(workload, OURS)


def test_results_are_a_table_a_chart_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workload = WORKLOADS["images"](tmp_path, 2, 600)
    measurements = harness.measure(workload, ["fixed_length_whole", OURS], rounds=2, seconds=0.05)
    assert [len(measurement.records_per_second) for measurement in measurements] == [2, 2]
    ratio = harness.ratio_to_ours(measurements, measurements[0])
    assert ratio == measurements[1].median / measurements[0].median
    report.print_table("a title", measurements)
    assert "binfeed, graph engine" in capsys.readouterr().out
    report.draw_chart(tmp_path / "chart.png", "a title", measurements)
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    report.write_json(tmp_path / "results.json", {"images": measurements})
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["workloads"]["images"][1]["records_per_second"] == measurements[1].records_per_second
    assert written["machine"]["binfeed"]["running"]


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
    assert "3073-byte images" in capsys.readouterr().out
    roofline.draw(tmp_path / "roofline.png", bandwidth, results)
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", orders.EXPERIMENTS)
def test_every_experiment_on_orders_runs(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = {name: orders.run(name, tmp_path, records=400_000 if name == "scaling" else 120_000, rounds=1)}
    orders.print_tables(results)
    assert "│" in capsys.readouterr().out
    rows = orders.rows_of(results[name])
    assert len(rows) >= 3
    numbers = [value for row in rows for column, value in row.items() if column not in ("", "memory")]
    assert all(number > 0 for number in numbers)
    assert list(tmp_path.iterdir()) == []
    if name == "scaling":
        orders.draw_scaling(tmp_path / "orders.png", rows)
        assert (tmp_path / "orders.png").read_bytes().startswith(b"\x89PNG")
