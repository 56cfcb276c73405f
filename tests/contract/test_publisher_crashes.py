"""A publisher that is killed leaves readers with the old version or the whole new one."""

import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def report():
    memory = Path("/dev/shm")  # noqa: S108 - a thousand flushes cost nothing there
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as directory:
        command = [sys.executable, str(Path(__file__).with_name("publisher_crashes.py")), directory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_crash_point_was_tried_and_survived(report):
    assert sum(report["seen"].values()) == len(report["calls"]) > 50
    assert set(report["seen"]) == {
        "old champion, 1 versions",
        "old champion, 2 versions",
        "new champion, 2 versions",
    }


def test_what_is_renamed_is_on_the_disk_first_and_its_name_right_after(report):
    """SIGKILL keeps the page cache, so what a power cut would lose is read off the order of the calls."""
    steps = [call for call in report["calls"] if call in ("write", "fsync", "mkdir", "rename", "replace")]
    assert steps.count("rename") == steps.count("replace") == 1
    for step, following in pairwise(steps):
        if step == "write":
            assert following in ("write", "fsync")
        if step in ("rename", "replace"):
            assert following == "fsync"
    assert [steps[steps.index(name) - 1] for name in ("rename", "replace")] == ["fsync", "fsync"]
    writes_of_files = sum(a == "write" and b == "fsync" for a, b in pairwise(steps))
    assert writes_of_files == 4, "mojo.zip, golden.jsonl, manifest.json, aliases.json"
