"""The gate names every place that disagrees with versions.env."""

import re
import shutil
from pathlib import Path

import pytest

from mojoline.versions import ROOT, VersionsError, compare_everything, read_pins


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("versions.env", "pyproject.toml", "native/pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_this_checkout_agrees() -> None:
    assert compare_everything() == []


def test_h2o_12_is_refused_with_the_reason(checkout: Path) -> None:
    rewrite(checkout / "pyproject.toml", "h2o==3.46.0.11", "h2o==3.46.0.12")
    (sentence,) = compare_everything(checkout)
    assert "h2o==3.46.0.12" in sentence
    assert "commercial licence" in sentence


def test_an_installed_package_that_differs_is_named(checkout: Path) -> None:
    pin = read_pins()["NUMPY_VERSION"]
    rewrite(checkout / "versions.env", f"NUMPY_VERSION={pin}", "NUMPY_VERSION=9.9.9")
    found = compare_everything(checkout)
    assert [sentence for sentence in found if sentence.startswith("installed: numpy")]
    assert [sentence for sentence in found if sentence.startswith("pyproject.toml: numpy")]


def test_a_native_build_pin_that_differs_is_named(checkout: Path) -> None:
    file = checkout / "native" / "pyproject.toml"
    file.write_text(re.sub(r"nanobind==[\d.]+", "nanobind==0.0.1", file.read_text()))
    assert any(
        "native/pyproject.toml: nanobind==0.0.1" in sentence for sentence in compare_everything(checkout)
    )


@pytest.mark.parametrize("line", ["ARG H2O_VERSION=3.46.0.9", "RUN pip install h2o==3.46.0.9"])
def test_a_literal_version_in_an_image_file_is_named(checkout: Path, line: str) -> None:
    image = checkout / "deploy" / "images" / "training.Dockerfile"
    image.parent.mkdir(parents=True)
    image.write_text(f"FROM scratch\n{line}\n")
    (sentence,) = compare_everything(checkout)
    assert sentence.startswith("deploy/images/training.Dockerfile")


def test_a_requirement_without_a_pin_is_named(checkout: Path) -> None:
    rewrite(checkout / "pyproject.toml", '"numpy==', '"left-pad==1.0",\n    "numpy==')
    assert compare_everything(checkout) == ["pyproject.toml: left-pad has no pin in versions.env"]


def test_a_broken_pin_file_says_where(tmp_path: Path) -> None:
    file = tmp_path / "versions.env"
    file.write_text("# fine\nH2O 3\n")
    with pytest.raises(VersionsError, match=r"versions.env:2: 'H2O 3'"):
        read_pins(file)
