"""The rooms and their arrows: serve → model ← datasets, training → model and datasets, and torch in one file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_import_contracts_hold():
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("module", ["serve.app", "serve.__main__", "model.__main__", "datasets.__main__"])
def test_only_training_loads_torch(module):
    loaded = run_python(f"import sys, {module}; print('torch' in sys.modules or 'torchvision' in sys.modules)")

    assert loaded.stdout.strip() == "False", loaded.stderr


def test_serving_never_loads_what_only_training_needs():
    heavy = ("matplotlib", "sklearn", "scipy", "onnx", "tensorboard", "datasets", "training")

    loaded = run_python(f"import sys, serve.app; print([name for name in {heavy} if name in sys.modules])")

    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_one_file_opens_photos():
    opening = [
        path.relative_to(ROOT).as_posix()
        for room in ("model", "serve", "datasets", "training")
        for path in (ROOT / room).rglob("*.py")
        if "Image.open(" in path.read_text(encoding="utf-8")
    ]

    # training/augment.py reads back what it has itself compressed a moment before
    assert sorted(opening) == ["model/preprocessing.py", "training/augment.py"]


def test_the_wheel_holds_only_what_is_deployed():
    # a top-level `datasets` in a wheel would overwrite the files of the package of that name on the registry
    assert PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["model", "serve"]
    groups = [PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"].values()]
    names = {re.split(r"[^A-Za-z0-9_.-]", requirement)[0] for group in groups for requirement in group}
    assert not names & {"datasets", "transformers"}


def test_datasets_here_is_this_projects():
    found = run_python("import datasets.manifest as m; print(m.__file__)")

    assert Path(found.stdout.strip()) == ROOT / "datasets" / "manifest.py"


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_pinned_versions_name_no_registry(file):
    lines = [
        line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.lstrip().startswith("#")
    ]

    assert lines
    assert all("==" in line for line in lines)
    assert not any("://" in line or line.startswith("-") for line in lines)


def test_serving_installs_no_training_package():
    serving = (ROOT / "requirements" / "serve.txt").read_text(encoding="utf-8")

    assert not [name for name in ("torch", "scikit-learn", "matplotlib", "onnx==") if f"\n{name}" in f"\n{serving}"]
