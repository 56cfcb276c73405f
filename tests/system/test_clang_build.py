"""The native scorer builds with clang as it does with g++, and gives Java's numbers there too."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the wheel that clang built, unpacked beside nothing of ours."""
    clang = shutil.which("clang"), shutil.which("clang++")
    assert all(clang), "install clang (deploy/ci/debian-packages.txt)"
    place = tmp_path_factory.mktemp("clang")
    command = [str(Path(sys.executable).with_name("uv")), "build", "--wheel"]
    command += ["--python", sys.executable, "--out-dir", str(place / "wheel"), str(ROOT / "native")]
    environment = {**os.environ, "CC": str(clang[0]), "CXX": str(clang[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "The CXX compiler identification is Clang" in done.stdout + done.stderr
    [wheel] = (place / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


@pytest.mark.system
@pytest.mark.timeout(900)
def test_its_numbers_are_javas(built: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(built), "PYTHONDONTWRITEBYTECODE": "1"}
    where = [sys.executable, "-c", "import mojo_scorer; print(mojo_scorer.__file__)"]
    place = subprocess.run(where, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert place.stdout.startswith(str(built))
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "test_equals_java",
        "--tb=line",
    ]
    tests += ["native/tests/test_java_parity.py"]
    done = subprocess.run(tests, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout
