"""The committed oracle.jar is what its sources make, and it is small."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ORACLE = Path(__file__).parent.parent / "oracle"


def read_classes(jar: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(jar) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.system
def test_rebuilt_jar_is_the_committed_one(tmp_path: Path) -> None:
    made = tmp_path / "oracle.jar"
    subprocess.run([sys.executable, ORACLE / "build.py", made], check=True)
    assert read_classes(made) == read_classes(ORACLE / "oracle.jar")


def test_jar_is_small_and_has_no_foreign_class() -> None:
    jar = ORACLE / "oracle.jar"
    assert jar.stat().st_size <= 50_000
    sources = {path.stem for path in ORACLE.glob("*.java")}
    assert {name.partition(".")[0].partition("$")[0] for name in read_classes(jar)} == sources
