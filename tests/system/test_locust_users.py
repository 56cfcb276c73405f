"""Twenty seconds of Locust users at 200 requests a second, Locust in an environment of its own."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.live_server import ROOT, new_registry, publish, server_process

pytestmark = pytest.mark.system

LOCUST = "locust==2.47.0"
RATE, SECONDS = 200, 20


@pytest.fixture(scope="module")
def locust(tmp_path_factory):
    place = tmp_path_factory.mktemp("locust") / "env"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    python = place / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, LOCUST], check=True)
    return place / "bin" / "locust"


def test_locust_users_get_an_answer_to_every_request(locust, tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first", "tiny")
    publish(registry, "regression", "delay")
    with server_process(registry) as server:
        server.wait_ready()
        users = ["--headless", "-u", "20", "-r", "20", "-t", f"{SECONDS}s", "--only-summary"]
        users += ["--csv", str(tmp_path / "locust")]
        done = subprocess.run(
            [locust, "-f", "deploy/loadtest/locustfile.py", "--host", server.url, *users],
            cwd=ROOT,
            env={**os.environ, "MOJOLINE_LOAD_RATE": str(RATE)},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "locust_stats.csv").open(encoding="utf-8") as file:
        total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    assert int(total["Failure Count"]) == 0
    # every user begins late and none catches up; a half tells that the rate is kept, on any machine
    assert int(total["Request Count"]) > RATE * SECONDS / 2
