"""SIGKILL in every stage of the small demo: the next run resumes, the last report holds, no JVM survives."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 2700


@pytest.mark.system
@pytest.mark.timeout(SECONDS + 100)
def test_the_demo_recovers_from_a_kill_in_every_stage(tmp_path: Path) -> None:
    output, seed = tmp_path / "torture.json", random.randrange(10**6)
    command = [sys.executable, "scripts/demo_torture.py", "--small", "--seed", str(seed)]
    command += ["--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}\n{done.stderr}"
    found = json.loads(output.read_text())
    assert len(found["rounds"]) == 12
    assert not found["jvm_left_running"]
    assert found["report"]["swap"]["errors"] == 0
