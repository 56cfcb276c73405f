"""The layout: the README names every place, the guards know every package, the documents every setting."""

import re
import subprocess
import tomllib
from pathlib import Path

from pydantic import BaseModel

from mojoline.settings import Settings

ROOT = Path(__file__).parents[2]
PLACES = re.compile(r"^\| `([\w.]+)/?` \|", re.MULTILINE)
SETTINGS = re.compile(r"^\| `(MOJOLINE_\w+)` \| (.+) \|$", re.MULTILINE)


def tracked_folders() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}


def test_the_readme_names_every_folder_and_no_other():
    named = set(PLACES.findall((ROOT / "README.md").read_text()))
    assert named - {"versions.env"} == {name for name in tracked_folders() if not name.startswith(".")}
    assert (ROOT / "versions.env").is_file()


def test_every_package_at_the_root_is_guarded():
    """A package that import-linter and mypy do not know has no layer."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(tools["importlinter"]["root_packages"]) == packages
    assert set(tools["mypy"]["packages"]) == packages
    contracts = {contract["name"]: contract for contract in tools["importlinter"]["contracts"]}
    assert contracts["pipelines -> sensors -> assets -> mojoline"]["layers"] == [
        "pipelines",
        "sensors",
        "assets",
        "mojoline",
    ]


def test_the_documents_name_every_setting_as_the_class_does():
    wanted = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner, leaf in field.annotation.model_fields.items():
                wanted[f"MOJOLINE_{name}__{inner}".upper()] = leaf.description
        else:
            wanted[f"MOJOLINE_{name}".upper()] = field.description
    text = (ROOT / "docs" / "how-the-line-works.md").read_text().partition("## Settings")[2]
    assert dict(SETTINGS.findall(text)) == wanted
