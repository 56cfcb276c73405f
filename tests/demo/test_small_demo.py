"""The whole line, as a user runs it without a terminal: real servers, a real cluster, real requests."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mojoline.settings import Ports
from mojoline.stack.ports import find_free_ports

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    # not below pytest's own directories: as root, Postgres runs as a user who cannot enter them
    home = Path(tempfile.mkdtemp(prefix="mojoline-"))
    names = [f"MOJOLINE_PORTS__{name}".upper() for name in Ports.model_fields]
    ports = zip(names, map(str, find_free_ports(len(names))), strict=True)
    environment = {**os.environ, **dict(ports), "MOJOLINE_HOME": str(home)}
    yield environment
    mojoline("down", environment=environment)
    shutil.rmtree(home, ignore_errors=True)


def mojoline(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mojoline.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.timeout(900)
def test_the_small_demo_shows_every_station(environment: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "demo.json"
    done = mojoline("demo", "--small", "--exit", "--report", str(report), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["rows_extracted"] > 10_000
    assert found["isolation_level"] == "repeatable read"
    assert 0 < found["components_kept"] < found["features_in"]
    assert {row["algorithm"] for row in found["leaderboard"]} >= {"gbm", "glm", "xgboost"}
    assert max(row["trees"] or 0 for row in found["leaderboard"]) >= 50
    assert found["parity_max_abs_diff"] <= 1e-6
    assert found["versions_published"] == 2
    assert found["swap"]["errors"] == 0
    assert found["swap"]["requests"] >= 2_000
    assert found["rollback_seconds"] < 30
    assert max(found["psi"].values()) > 0.25
    assert found["jvm_left_running"] is False


@pytest.mark.timeout(900)
def test_a_second_demo_keeps_what_is_there_and_says_so(environment: dict[str, str]) -> None:
    done = mojoline("demo", "--small", "--exit", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = [line.split()[1] for line in done.stdout.splitlines() if "kept from an earlier run" in line]
    assert set(kept) >= {"load", "extract", "reduce", "train", "package", "publish"}, done.stdout


def test_nothing_of_the_demo_is_left_running(environment: dict[str, str]) -> None:
    status = mojoline("status", environment=environment)
    assert "running" not in status.stdout, status.stdout
