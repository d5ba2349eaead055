"""The examples beat their baselines, and the programs that the guide compares give the same batches."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import binfeed as bf
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.postgres import Postgres
from tests.helpers import ROOT, assert_identical, random_records


def example(name: str) -> dict[str, Any]:
    """What an example program defines."""
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"))


def assert_printed(printed: str, found: dict[str, float]) -> None:
    """All that was found is printed, a line each and in columns."""
    lines = printed.splitlines()[-len(found) :]
    assert [line.split("  ")[0] for line in lines] == list(found)
    assert len({len(line) for line in lines}) == 1


def test_images_from_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = example("images_from_one_file")
    found = program["main"](["--folder", str(tmp_path), "--records", "4000", "--epochs", "3", "--batch-size", "16"])
    assert_printed(capsys.readouterr().out, found)
    assert found["accuracy"] > 2 * found["accuracy of the best constant"]
    assert min(found.values()) > 0

    # No record is both trained and validated with, and none is left out.
    parts = program["split"](tmp_path / "images.bin", 400)
    whole = bf.open(tmp_path / "images.bin", program["RECORD"], program["FEATURES"])
    assert [len(part) for part in parts] == [3600, 400]
    for part, begin in zip(parts, (0, 3600), strict=True):
        assert_identical(part[:], whole[begin : begin + len(part)])


@pytest.mark.parametrize("order", ["shuffle", "interleave"])
def test_time_series_from_many_files(order: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = example("time_series_from_many_files")
    found = program["main"](["--folder", str(tmp_path), "--days", "6", "--epochs", "2", "--order", order])
    assert_printed(capsys.readouterr().out, found)
    assert len(list(tmp_path.glob("day-*/sensor-*.bin"))) == 6 * program["SENSORS"]
    error, naive = found["mean absolute error, kW"], found["that of the naive forecast, kW"]
    assert (error < 0.9 * naive) == (order == "shuffle")
    assert min(found.values()) > 0


def assert_trained_on_clicks(found: dict[str, float]) -> None:
    assert found["log loss, streamed"] < 0.95 * found["log loss of the same odds for all"]
    assert found["log loss, cached"] < 0.95 * found["log loss of the same odds for all"]
    assert min(found.values()) > 0


def test_rows_from_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = example("rows_from_a_database")
    found = program["main"](["--folder", str(tmp_path), "--rows", "20000", "--epochs", "3", "--batch-size", "64"])
    assert_printed(capsys.readouterr().out, found)
    assert_trained_on_clicks(found)

    # No row is both trained and validated with, and none is left out.
    open_query = program["opener"](f"sqlite:///{tmp_path / 'clicks.db'}")
    before, after = (next(open_query("id", side, "id").batches(30_000)) for side in ("<", ">="))
    assert sorted([*before, *after]) == list(range(20_000))


def test_rows_from_postgres(postgres: Postgres, tmp_path: Path) -> None:
    main = example("rows_from_a_database")["main"]
    arguments = ["--folder", str(tmp_path), "--url", postgres.url, "--epochs", "2", "--batch-size", "64"]
    assert_trained_on_clicks(main([*arguments, "--fill", "--rows", "20000"]))
    assert_trained_on_clicks(main(arguments))


def pair_of_programs(heading: str) -> list[str]:
    """The two programs of a section of the guide: what one writes without binfeed, and with it."""
    text = (ROOT / "docs" / "guide.md").read_text()
    (section,) = re.findall(rf"^### {heading}\n(.+?)^##", text, re.MULTILINE | re.DOTALL)
    without, with_it = re.findall(r"```python\n(.+?)```", section, re.DOTALL)
    return [without, with_it]


def datasets(programs: list[str]) -> list[tf.data.Dataset]:
    """What the programs call ``dataset``."""
    made = []
    for program in programs:
        names: dict[str, Any] = {"bf": bf, "np": np, "tf": tf, "Path": Path}
        exec(program, names)
        made.append(names["dataset"])
    return made


def elements(dataset: tf.data.Dataset) -> list[Any]:
    return list(dataset.as_numpy_iterator())


def in_order(dataset: tf.data.Dataset) -> tuple[Any, ...]:
    """All samples of an epoch, in an order that is theirs."""
    image, label = (np.concatenate(part) for part in zip(*elements(dataset), strict=True))
    order = np.lexsort((*image.reshape(len(image), -1)[:, :16].T, label))
    return image[order], label[order]


def test_the_guides_programs_for_one_file_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random_records([("label", "u1"), ("image", "u1", (3, 32, 32))], 3500).tofile(tmp_path / "images.bin")
    monkeypatch.chdir(tmp_path)
    programs = pair_of_programs("One large file")
    assert_identical(*map(in_order, datasets(programs)))
    programs = [re.sub(r"\.shuffle\(len\(records\)\)|, shuffle=True", "", program) for program in programs]
    assert_identical(*map(elements, datasets(programs)))


def test_the_guides_programs_for_many_files_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example("time_series_from_many_files")["write"](tmp_path, 3)
    for shortened in list(tmp_path.glob("day-01/*.bin"))[::2]:
        shortened.write_bytes(shortened.read_bytes()[: 20 * 200])
    monkeypatch.chdir(tmp_path)
    assert_identical(*map(elements, datasets(pair_of_programs("Many small files"))))


def test_the_guides_programs_for_a_database_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example("rows_from_a_database")["fill_sqlite"](tmp_path / "clicks.db", 30_000)
    monkeypatch.chdir(tmp_path)
    programs = pair_of_programs("A database")
    assert_identical(*map(in_order, datasets(programs)))
    removed = r"\.shuffle\(50_000\)|, shuffle=50_000|, \"partition_on.+2"
    programs = [re.sub(removed, "", program) for program in programs]
    assert_identical(*map(elements, datasets(programs)))
