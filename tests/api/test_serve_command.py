"""A MOJO file and nothing else: `mojoline serve` and KServe's arguments start a server for it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mojoline.stack.ports import find_free_ports
from tests.api.live_server import ROOT, golden
from tests.data.tiny_versions import TINY_MODELS

MOJOLINE = str(Path(sys.executable).parent / "mojoline")
WHOLE = [  # a MOJO alone has nobody to fill its gaps
    (row, scores)
    for row, scores in zip(golden("first").rows, golden("first").expected, strict=True)
    if all(name in row for name in golden("first").columns)
]


@pytest.fixture
def mojo(tmp_path) -> Path:
    return Path(shutil.copy(TINY_MODELS / "first" / "mojo.zip", tmp_path / "churn.zip"))


@contextmanager
def running(tmp_path, *command: str, port: int):
    """A server in an empty directory, with nothing of ours in its environment."""
    home = tmp_path / "elsewhere"
    home.mkdir(exist_ok=True)
    known = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MOJOLINE_", "DATABASE_", "REDIS_", "RESERVOIR_"))
    }
    known |= {"MOJOLINE_HOME": str(home / "state"), "MOJOLINE_SERVING__GRPC": "false"}
    process = subprocess.Popen(command, cwd=home, env=known, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            while True:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                try:
                    if client.get("/v2/health/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
            yield client
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert process.wait(60) == 0
        assert not (home / "state").exists()  # it needed no place of its own
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def assert_answers(client: httpx.Client, name: str) -> str:
    """The version, once the golden rows come out as they should."""
    rows = [row for row, _ in WHOLE]
    answer = client.post("/predict", json={"model": name, "rows": rows}).raise_for_status().json()
    given = [one["probabilities"]["yes"] for one in answer["predictions"]]
    assert given == pytest.approx([scores[1] for _, scores in WHOLE], abs=1e-9)
    return answer["model_version"]


def test_mojoline_serve_needs_a_file_only_and_follows_it(tmp_path, mojo):
    [port] = find_free_ports(1)
    with running(tmp_path, MOJOLINE, "serve", str(mojo), "--port", str(port), port=port) as client:
        assert client.get("/v2/models").json() == {"models": ["churn"]}
        before = assert_answers(client, "churn")
        shutil.copy(TINY_MODELS / "second" / "mojo.zip", tmp_path / "new.zip")
        (tmp_path / "new.zip").replace(mojo)
        deadline = time.monotonic() + 60
        while client.get("/v2/models/churn").json()["versions"] == [before]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_several_models_by_name_on_two_workers(tmp_path, mojo):
    [port] = find_free_ports(1)
    other = f"second={TINY_MODELS / 'second' / 'mojo.zip'}"
    command = (MOJOLINE, "serve", f"first={mojo}", other, "--port", str(port), "--workers", "2")
    with running(tmp_path, *command, port=port) as client:
        assert client.get("/v2/models").json() == {"models": ["first", "second"]}
        assert_answers(client, "first")


def test_kserve_arguments(tmp_path, mojo):
    [port] = find_free_ports(1)
    directory = tmp_path / "models"
    directory.mkdir()
    shutil.move(mojo, directory / "model.zip")
    arguments = ("--model_name", "late", "--model_dir", str(directory), "--http_port", str(port))
    command = (sys.executable, "-m", "serving", *arguments)
    with running(tmp_path, *command, port=port) as client:
        assert_answers(client, "late")
        assert client.get("/v2/models/late/ready").json() == {"name": "late", "ready": True}


def test_what_is_not_there_is_named(tmp_path):
    for given, message in (("none.zip", "none.zip does not exist"), (str(tmp_path), "holds no *.zip")):
        ended = subprocess.run(
            [MOJOLINE, "serve", given], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert message in ended.stderr
        assert "Traceback" not in ended.stderr
