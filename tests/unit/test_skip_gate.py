"""A test that CI skips without a written reason fails the run: nothing is skipped silently."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("allowed", "status"), [("", 1), ("test_it.py::test_skipped", 1), ("test_it.py::test_skipped  # why", 0)]
)
def test_a_skip_needs_a_reason(tmp_path: Path, allowed: str, status: int) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "allowed_skips.txt").write_text(allowed)
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_passes(): pass\n@pytest.mark.skip\ndef test_skipped(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "CI": "true"}, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
