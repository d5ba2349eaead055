"""The repository tests itself: what is said in two places agrees, and the layers stay apart."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import binfeed as bf
import pytest
from binfeed import _core

from tests.helpers import ROOT


def test_versions_agree() -> None:
    (declared,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert bf.__version__ == bf.build_info().version == declared
    assert f"## {declared}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_core_knows_neither_python_nor_tensorflow() -> None:
    sources = [*(ROOT / "cpp" / "include").rglob("*.h"), *(ROOT / "cpp" / "src").rglob("*.*")]
    assert len(sources) > 15
    for source in sources:
        includes = re.findall(r'#include [<"](.+)[>"]', source.read_text())
        assert not [name for name in includes if re.search("python|pybind|numpy|tensorflow", name, re.IGNORECASE)]


def test_only_one_package_imports_tensorflow() -> None:
    # Beside the readers that binfeed is compared with, which nobody else imports.
    package = ROOT / "python" / "binfeed"
    for source in package.rglob("*.py"):
        if source.parent.name == "tensorflow" or package / "bench" in source.parents:
            continue
        imports = re.findall(r"^import tensorflow|^from tensorflow", source.read_text(), re.MULTILINE)
        assert not imports, source


def test_importing_binfeed_imports_nothing_slow() -> None:
    program = "import sys, binfeed; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(result.stdout.splitlines()[-1].split())
    assert {"binfeed", "numpy"} <= imported
    assert not {"tensorflow", "keras", "matplotlib", "yaml", "rich", "asyncio", "concurrent"} & imported


def test_the_stub_of_the_core_is_complete(tmp_path: Path) -> None:
    # Extension classes have a metaclass of their own, and one signature for all constructors; enums carry a capsule.
    classes = [name for name, value in vars(_core).items() if inspect.isclass(value)]
    allowed = tmp_path / "allowed"
    allowed.write_text(
        "".join(rf"binfeed\._core\.{name}(\.__init__|\.__pybind11_native_enum__)?" + "\n" for name in classes)
    )
    command = [sys.executable, "-m", "mypy.stubtest", "binfeed._core", "--allowlist", str(allowed)]
    result = subprocess.run(
        [*command, "--ignore-unused-allowlist"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", [name for name in bf.__all__ if name != "__version__"])
def test_everything_public_is_documented(name: str) -> None:
    public = getattr(bf, name)
    assert inspect.getdoc(public)
    if inspect.isclass(public):
        for member, value in vars(public).items():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"


def test_the_readme_names_what_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", readme, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    assert {"demo", "test"} <= targets
    assert all(f"\n{target}:" in makefile for target in targets)
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).exists(), link


def test_the_readmes_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np  # noqa: PLC0415

    (example,) = re.findall(r"```python\n(import numpy.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    random = np.random.default_rng(0)
    for number in (1, 2):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(
            b"".join(bytes([label]) + random.bytes(3072) for label in random.integers(0, 10, 300).tolist())
        )
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example, names)  # the README's own words
    dataset = names["dataset"]
    (images, labels) = next(iter(dataset))  # type: ignore[call-overload]
    assert images.shape == (256, 32, 32, 3)
    assert labels.shape == (256,)
