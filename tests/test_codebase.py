"""The repository tests itself: what is said in two places agrees, and the layers stay apart."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import binfeed as bf
import pytest
import yaml
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


#: Modules import from layers above their own in this list, never from below or beside; a package's face comes last.
LAYERS = [
    {"_core"},
    {"errors", "machine"},
    {"extras", "numbers"},
    {"element_types", "window"},
    {"layout_yaml", "promotion"},
    {"layout", "values"},
    {"nodes", "files"},
    {"chain"},
    {"series"},
    {"operations.base"},
    {
        "operations.arithmetic",
        "operations.comparisons",
        "operations.encodings",
        "operations.history",
        "operations.shapes",
        "operations.time",
    },
    {"combinations"},
    {"arguments"},
    {"lookback", "operators"},
    {"features"},
    {"feature_sets", "planning", "order"},
    {"listing", "state", "reference"},
    {"samples"},
    {"records", "schedule"},
    {"batches"},
    {"tables.columns"},
    {"tables.query"},
    {"tables.arrow", "tables.database", "tables.libpq", "tables.python_values", "tables.schema"},
    {"tables.decoder", "tables.duckdb", "tables.generic", "tables.postgres"},
    {"tables.sqlite", "tables.stream"},
    {"tables.cache", "tables.connect", "tables.state"},
    {"tables.passes"},
    {"tensorflow.elements", "tensorflow.ops"},
    {"tensorflow.plan", "tensorflow.generator"},
    {"tensorflow.graph", "tensorflow.table"},
    {"tensorflow.dataset"},
    {"reader", "tables.reader"},
    {"tables.source"},
    {"_build_info", "tensorflow.decode", "tensorflow.service"},
    {"tensorflow.dispatcher", "tensorflow.worker"},
]


def imports_of(source: Path) -> set[str]:
    """The modules of binfeed that a file imports anywhere: within functions, and for type checkers, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("binfeed.") for alias in node.names if alias.name.startswith("binfeed")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "binfeed":
            module = (node.module or "").removeprefix("binfeed").removeprefix(".")
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                is_module = inner in {"_core"} | {name for layer in LAYERS for name in layer}
                found.add(inner if is_module else module)
    return found


def test_the_design_shows_the_layers() -> None:
    (shown,) = re.findall(r"```\n(_core\n.+?)```", (ROOT / "docs" / "design.md").read_text(), re.DOTALL)
    lines = [line.split(" | ") for line in shown.splitlines()]
    names = {name for line in lines for layer in line for name in layer.split()} - {
        "tensorflow:",
        "tables:",
        "operations:",
    }
    assert names == {name.rsplit(".")[-1] for layer in LAYERS for name in layer}


def test_imports_go_one_way() -> None:
    package = ROOT / "python" / "binfeed"
    names = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    modules = {
        name: path
        for name, path in names.items()
        if path.name not in ("__init__.py", "__main__.py") and not name.startswith("bench.")
    }
    layer_of = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    assert set(layer_of) == set(modules) | {"_core"}
    for name, path in modules.items():
        for imported in imports_of(path):
            assert imported in layer_of, f"{name} imports the face of {imported or 'binfeed'}"
            assert layer_of[imported] < layer_of[name], f"{name} imports {imported}"


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


def test_dir_shows_what_is_public() -> None:
    assert set(dir(bf)) == set(bf.__all__)
    reader = bf.open(b"abc", "u1")
    assert [name for name in dir(reader) if not name.startswith("_")] == [
        *("batches", "close", "closed", "plan", "spec", "take", "to_tf_dataset")
    ]
    batches = reader.batches(2)
    assert [name for name in dir(batches) if not name.startswith("_")] == ["skip", "state"]


#: What contributors find first: the workflows run these targets, the documents name them.
DOOR = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".github/pull_request_template.md",
    ".github/ISSUE_TEMPLATE/bug.yml",
    ".github/ISSUE_TEMPLATE/config.yml",
    ".github/ISSUE_TEMPLATE/feature.yml",
    ".github/workflows/sanitize.yml",
    ".github/workflows/tensorflow.yml",
    ".github/workflows/test.yml",
    ".pre-commit-config.yaml",
    ".clang-format",
    ".clang-tidy",
]


def make_targets(text: str) -> set[str]:
    """Those of commands: at the beginning of a line or of an item, or quoted as code."""
    return set(re.findall(r"(?:`|^[ -]*(?:run: )?)make ([a-z-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", DOOR)
def test_the_door_names_what_there_is(name: str) -> None:
    text = (ROOT / name).read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in make_targets(text) if f"\n{target}:" not in makefile] == []
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / name).parent.joinpath(link).exists(), link
    if name.endswith((".yml", ".yaml")):
        assert isinstance(yaml.safe_load(text), dict)


def test_the_door_names_the_targets() -> None:
    def named(pattern: str) -> set[str]:
        return set().union(*(make_targets(path.read_text()) for path in ROOT.glob(pattern)))

    assert {"demo", "test"} <= named("README.md") & named("CONTRIBUTING.md")
    assert named(".github/workflows/*.yml") == {
        "test",
        "test-tensorflow-versions",
        "sanitize",
        "sanitize-threads",
        "fuzz",
        "fuzz-bytes",
    }


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
