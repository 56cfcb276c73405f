"""The fuzz targets of `../fuzz`: seeds and mutations with g++ and sanitizers, libFuzzer itself with clang."""

import re
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


@pytest.mark.parametrize(
    ("compiler", "package"), [(None, "clang"), ("exit 1", "libclang-rt-dev")], ids=["no clang", "no runtimes"]
)
def test_a_compiler_that_is_not_there_is_named_in_one_line(
    compiler: str | None, package: str, tmp_path: Path
) -> None:
    if compiler:
        (tmp_path / "clang++").write_text(f"#!/bin/sh\n{compiler}\n")
        (tmp_path / "clang++").chmod(0o755)
    command = [sys.executable, FUZZ / "run.py", "--build", tmp_path / "build"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"clang\+\+ .*: on Debian install {package}\n", done.stderr)


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_libfuzzer_finds_nothing() -> None:
    command = [sys.executable, FUZZ / "run.py", "--seconds", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == TARGETS
    assert "number_of_executed_units" in done.stdout
