"""The fuzz targets are built and run beside the other tests, which takes minutes; a test collects them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent / "fuzz"
COMMAND = ["nice", "-n", "19", sys.executable, FUZZ / "run.py", "--plain", "--seconds", "60"]
Fuzzing = subprocess.Popen[str]
FUZZING = pytest.StashKey[Fuzzing]()


@pytest.fixture
def fuzzing(request: pytest.FixtureRequest) -> Fuzzing:
    """`fuzz/run.py --plain`, under way since the tests were chosen."""
    return request.session.stash[FUZZING]


def waits(item: pytest.Item) -> bool:
    return "fuzzing" in getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=waits)  # who waits comes last, the others stay in order


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(map(waits, session.items))
    if wanted and not session.config.getoption("collectonly"):
        # A group of its own, so that the compilers below it can be ended with it.
        session.stash[FUZZING] = subprocess.Popen(
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    started = session.stash.get(FUZZING, None)
    if started is not None and started.poll() is None:
        os.killpg(started.pid, signal.SIGTERM)
        started.communicate()
