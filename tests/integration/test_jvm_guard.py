"""The node is gone when its job is over, however the job ends."""

import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest

from mojoline.settings import TrainingSettings
from mojoline.stack.process_record import find_process
from mojoline.training.errors import ClusterError, TrainingError
from mojoline.training.h2o_cluster import start_cluster
from mojoline.training.jvm import JvmFiles

SMALL = TrainingSettings(memory_limit=2 << 30, nthreads=1)
CHILD = """
import sys, time
from pathlib import Path
from mojoline.settings import TrainingSettings
from mojoline.training.h2o_cluster import start_cluster
small = TrainingSettings(memory_limit=2 << 30, nthreads=1)
with start_cluster(small, None, Path(sys.argv[1]), brief=True) as node:
    print(node.jvm_pid, flush=True)
    time.sleep(600)
"""


def wait_until_gone(pid: int, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if find_process(pid) is None:
            return True
        time.sleep(0.05)
    return False


def test_the_node_dies_with_a_parent_that_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        node = psutil.Process(int(parent.stdout.readline()))
        assert "water" in " ".join(node.cmdline()) or "h2o.jar" in " ".join(node.cmdline())
        guard = node.parent()
        assert guard is not None
        parent.kill()
    assert wait_until_gone(node.pid)
    assert wait_until_gone(guard.pid)


def test_a_node_that_is_killed_is_one_clear_error_and_leaves_nothing(tmp_path):
    import h2o

    pids = []

    def body() -> None:
        with start_cluster(SMALL, None, tmp_path, brief=True) as node:
            assert node.heap_bytes == 1331 << 20
            assert node.jvm_pid is not None
            pids.append(node.jvm_pid)
            files = JvmFiles(next(tmp_path.iterdir()))
            assert stat.S_IMODE(files.login.stat().st_mode) == 0o600
            connections = psutil.Process(node.jvm_pid).net_connections()
            listening = {each.laddr.ip for each in connections if each.status == "LISTEN"}
            assert listening
            assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
            os.kill(node.jvm_pid, signal.SIGKILL)
            h2o.api("GET /3/Cloud")

    with pytest.raises(ClusterError, match=r"the H2O node died: it was killed \(SIGKILL\)"):
        body()
    assert find_process(pids[0]) is None
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_starts_no_node(tmp_path):
    with (
        pytest.raises(TrainingError, match="H2O needs 512 MiB"),
        start_cluster(TrainingSettings(memory_limit=600 << 20), None, tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_cluster_is_named(tmp_path):
    with (
        pytest.raises(ClusterError, match=r"no H2O cluster answers at http://127\.0\.0\.1:9"),
        start_cluster(SMALL, "http://user:secret@127.0.0.1:9", tmp_path),
    ):
        pass
    with (
        pytest.raises(TrainingError, match="MOJOLINE_H2O_URL must look like"),
        start_cluster(SMALL, "localhost:54321", tmp_path),
    ):
        pass
