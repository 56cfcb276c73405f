"""A pid alone proves nothing: a stranger under a recorded pid is never taken for ours, let alone killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mojoline.stack.errors import StackError
from mojoline.stack.paths import LONGEST_SOCKET_PATH, stack_paths
from mojoline.stack.process_record import ProcessRecord, find_family, find_process
from mojoline.stack.service import Service, await_service, pid_file, start_service, stop_service

IGNORES_TERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
WITH_CHILD = f"""
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {IGNORES_TERM!r}])
pathlib.Path("child").write_text(str(child.pid))
time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path):
    made = stack_paths(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def service_of(paths, script: str, ready=lambda: True, **changes) -> Service:
    return Service(
        name="probe",
        command=[sys.executable, "-c", script],
        directory=paths.home,
        ready=ready,
        address="",
        **{"environment": {}, "stop_seconds": 1, "start_seconds": 10, **changes},
    )


def run(service, paths):
    return await_service(start_service(service, paths, lambda *_: None), paths, lambda *_: None)


def wait_for(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def is_gone(pid: int) -> bool:
    return find_process(pid) is None


def test_a_record_finds_its_process_and_no_other_under_the_same_pid(tmp_path, sleeper):
    record = ProcessRecord.of(sleeper.pid, "f")
    record.write(tmp_path / "pid")
    assert ProcessRecord.read(tmp_path / "pid") == record
    assert record.find() is not None
    stranger = record.model_copy(update={"started": record.started - 100})
    assert stranger.find() is None
    assert find_family(stranger, tmp_path) == []


@pytest.mark.parametrize("content", ["", "123", '{"pid": "x"}', "\x00"])
def test_a_damaged_pid_file_is_no_record(tmp_path, content):
    (tmp_path / "pid").write_text(content)
    assert ProcessRecord.read(tmp_path / "pid") is None
    assert ProcessRecord.read(tmp_path / "missing") is None


def test_a_stale_pid_file_kills_no_stranger(paths, sleeper):
    ProcessRecord(pid=sleeper.pid, started=1.0, fingerprint="f").write(pid_file(paths, "probe"))
    service = service_of(paths, "import time; time.sleep(60)")
    started = run(service, paths)
    assert started.record.pid != sleeper.pid
    assert stop_service(service, paths)
    assert sleeper.poll() is None


def test_a_running_server_is_adopted_and_one_with_other_settings_replaced(paths):
    service = service_of(paths, "import time; time.sleep(60)")
    first = run(service, paths)
    assert run(service, paths).record == first.record
    changed = service_of(paths, "import time; time.sleep(61)")
    second = run(changed, paths)
    assert second.record.pid != first.record.pid
    assert is_gone(first.record.pid)
    stop_service(changed, paths)
    assert is_gone(second.record.pid)
    assert not pid_file(paths, "probe").exists()


def test_a_server_whose_stop_was_interrupted_is_not_adopted(paths, monkeypatch):
    """It was told to end and may do so at any moment."""
    service = service_of(paths, "import time; time.sleep(60)")
    first = run(service, paths)
    with monkeypatch.context() as patch:
        patch.setattr("mojoline.stack.service.stop_processes", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stop_service(service, paths)
    second = run(service, paths)
    assert is_gone(first.record.pid)
    assert not second.adopted
    stop_service(service, paths)


@pytest.mark.parametrize("killed_first", [False, True])
def test_stop_ends_children_also_after_their_leader_was_killed(paths, killed_first):
    service = service_of(paths, WITH_CHILD, environment={"MOJOLINE_HOME": str(paths.home)})
    started = run(service, paths)
    wait_for(lambda: (paths.home / "child").exists() and (paths.home / "child").read_text())
    child = int((paths.home / "child").read_text())
    if killed_first:
        os.kill(started.record.pid, signal.SIGKILL)
        wait_for(lambda: started.record.find() is None)
    stop_service(service, paths)
    wait_for(lambda: is_gone(child))
    assert is_gone(started.record.pid)


def test_a_lost_pid_file_does_not_lead_to_a_second_server(paths):
    service = service_of(paths, "import time; time.sleep(60)")
    first = run(service, paths)
    pid_file(paths, "probe").unlink()
    second = run(service, paths)
    assert is_gone(first.record.pid)
    stop_service(service, paths)
    assert is_gone(second.record.pid)


def test_a_server_that_ends_while_starting_is_told_with_its_last_words(paths):
    service = service_of(paths, "raise SystemExit('no space left on device')", ready=lambda: False)
    with pytest.raises(StackError, match=r"(?s)probe ended.*probe\.log.*no space left on device"):
        run(service, paths)


def test_a_server_that_never_answers_is_stopped(paths):
    service = service_of(paths, "import time; time.sleep(60)", ready=lambda: False, start_seconds=0.3)
    with pytest.raises(StackError, match="did not answer"):
        run(service, paths)
    assert not pid_file(paths, "probe").exists()


def test_a_program_that_is_missing_is_named(paths):
    service = Service("probe", ["/no/such/program"], paths.home, {}, lambda: True, "")
    with pytest.raises(StackError, match="/no/such/program cannot be run"):
        run(service, paths)


def test_sockets_fit_however_deep_the_home_is(tmp_path):
    near = stack_paths(Path("/h"))
    assert near.sockets == Path("/h/run")
    deep = stack_paths(tmp_path / ("x" * 100))
    assert len(str(deep.postgres_socket / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    assert stack_paths(tmp_path / ("y" * 100)).sockets != deep.sockets


def test_a_planted_socket_directory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    deep = stack_paths(tmp_path / ("x" * 100))
    (tmp_path / "elsewhere").mkdir()
    deep.sockets.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StackError, match="remove it"):
        deep.create()
