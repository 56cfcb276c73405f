"""The fuzz targets of `../fuzz`: seeds and mutations with g++ and sanitizers, libFuzzer itself with clang."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent / "fuzz"
TARGETS = {"archive", "booster", "explanation", "model", "model_info", "tree"}


@pytest.mark.timeout(1200)
def test_seeds_and_mutations_under_sanitizers(fuzzing: subprocess.Popen[str]) -> None:
    shown, _ = fuzzing.communicate()
    assert fuzzing.returncode == 0, shown
    assert {line.partition(":")[0] for line in shown.splitlines()} == TARGETS
    for line in shown.splitlines():
        files, mutations = (int(word) for word in line.split() if word.isdigit())
        assert files >= 5, line
        assert mutations >= 50, line


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_libfuzzer_finds_nothing() -> None:
    command = [sys.executable, FUZZ / "run.py", "--seconds", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == TARGETS
    assert "number_of_executed_units" in done.stdout
