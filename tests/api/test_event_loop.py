"""The guardian of the event loop names what blocks it, and only that; CPU work goes where it belongs."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time

import pytest
import uvloop

from serving.loop_lag import Blockage, LoopLagMonitor
from serving.offload import FEWEST_SAMPLES, INLINE_SECONDS, TRIED, Offload, default_threads
from tests.api.live_server import ROOT

PLANTED = ROOT / "tests" / "api" / "planted_blockers.py"


def validate(tmp_path, app: str, threshold_ms: float = 10, **env: str) -> tuple[int, dict]:
    output = tmp_path / "loop.json"
    ended = subprocess.run(
        [
            *(sys.executable, "scripts/validate_event_loop.py", "--app", app, "--output", str(output)),
            *("--requests", "60", "--concurrency", "2", "--threshold-ms", str(threshold_ms)),
        ],
        cwd=ROOT,
        env={**os.environ, "MOJOLINE_HOME": str(tmp_path), **env},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert output.is_file(), ended.stderr
    return ended.returncode, json.loads(output.read_text())


def test_each_planted_blocker_is_named_by_file_and_line(tmp_path, postgres_url):
    code, found = validate(tmp_path, "tests.api.planted_blockers:app", PLANTED_DATABASE_URL=postgres_url)
    assert code == 1
    lines = PLANTED.read_text().splitlines()
    wanted = {
        function: {number for number, line in enumerate(lines, 1) if re.search(rf"planted: {word}\b", line)}
        for function, word in (("sleep", "sleep"), ("query", "query"), ("parse", "parse"))
    }
    start = next(i for i, line in enumerate(lines, 1) if "until = " in line)
    wanted["compute"] = {start + 1, start + 2}  # a loop is caught at either of its lines
    wanted["query"].add(min(wanted["query"]) - 1)  # connecting is a part of the call
    named = {}
    for place in found["findings"]:
        file, line = place["location"].rsplit(":", 1)
        if file == str(PLANTED):
            named.setdefault(place["function"], set()).add(int(line))
    assert set(named) == set(wanted)
    assert all(named[function] & wanted[function] for function in wanted), named
    assert all(place["max_ms"] > 10 for place in found["findings"])


def test_the_server_itself_is_driven_and_measured(tmp_path):
    """How late its loop is, `scripts/validate_event_loop.py` tells on a quiet machine."""
    _, found = validate(tmp_path, "serving.asgi:app", threshold_ms=1000)
    assert (found["requests"], found["errors"]) == (60, 0)
    assert set(found["lag_ms"]) == {"p50", "p99", "p999", "max"}


def watched(work, new_loop=uvloop.new_event_loop) -> list[Blockage]:
    """What a monitor reports while `work`, a coroutine function, runs."""
    seen: list[Blockage] = []

    async def main() -> None:
        monitor = LoopLagMonitor(0.02, report=seen.append)
        monitor.start()
        await asyncio.sleep(0.05)
        await work()
        await asyncio.sleep(0.05)
        monitor.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    return seen


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_blocker_is_reported_with_its_stack(new_loop):
    async def block() -> None:
        time.sleep(0.2)

    [blockage] = [b for b in watched(block, new_loop) if b.cause == "blocked"]
    assert blockage.location.startswith(__file__)
    assert blockage.function == "block"
    assert "time.sleep(0.2)" in "".join(blockage.stack)
    assert blockage.seconds > 0.1


def test_many_short_calls_in_a_row_are_no_blocker():
    async def flood() -> None:
        async def short() -> None:
            spin(0.001)

        await asyncio.gather(*(short() for _ in range(200)))

    for _ in range(
        5
    ):  # a machine that keeps the watcher from looking twice makes one call look like a blocker
        seen = {b.cause for b in watched(flood) if b.seconds > 0.1}
        if seen == {"busy"}:
            return
    raise AssertionError(seen)


STOPPER = """
import os, signal, sys, time
for _ in range(3):  # one that falls into a beat of the monitor itself is not noticed
    time.sleep(0.2)
    os.kill(int(sys.argv[1]), signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(int(sys.argv[1]), signal.SIGCONT)
"""


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_process_that_was_stopped_is_a_machine_stall(new_loop):
    """SIGSTOP is what a paused machine looks like from inside: the loop is in its selector meanwhile."""
    code = f"""
import os, sys
import asyncio, uvloop
from serving.loop_lag import LoopLagMonitor
seen = []
async def main():
    monitor = LoopLagMonitor(0.1, report=seen.append)
    monitor.start()
    await asyncio.sleep(0.1)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", {STOPPER!r}, str(os.getpid()))
    await child.wait()
    await asyncio.sleep(0.1)
    monitor.stop()
asyncio.Runner(loop_factory={new_loop.__module__.split(".")[0]}.new_event_loop).run(main())
print({{b.cause for b in seen if b.seconds > 0.3}})
"""
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert printed.stdout.strip() == "{'machine_stall'}", printed.stderr


def test_the_warning_names_the_place(caplog):
    async def block() -> None:
        time.sleep(0.2)

    async def main() -> None:
        monitor = LoopLagMonitor()
        monitor.start()
        await asyncio.sleep(0.05)
        await block()
        await asyncio.sleep(0.05)
        monitor.stop()

    with caplog.at_level(logging.WARNING, logger="mojoline.serving"):
        asyncio.run(main())
    [record] = [r for r in caplog.records if "block)" in r.getMessage()]
    assert f"{__file__}:" in record.getMessage()


def spin(seconds: float) -> str:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return threading.current_thread().name


def run_often(offload: Offload, seconds: float, times: int) -> list[str]:
    async def main() -> list[str]:
        return [await offload.run("test", lambda: spin(seconds)) for _ in range(times)]

    try:
        return asyncio.run(main())
    finally:
        offload.close()


def test_short_work_moves_to_the_loop_once_it_is_measured():
    places = run_often(Offload("auto"), INLINE_SECONDS / 20, 200)
    assert places[0].startswith("inference")
    assert places[-1] == "MainThread"


def test_long_work_stays_in_its_threads():
    places = run_often(Offload("auto"), 3 * INLINE_SECONDS, 100)
    assert {name.split("_")[0] for name in places} == {"inference"}


def test_work_that_only_a_thread_makes_long_comes_to_the_loop():
    """A busy pool adds its own time to the work's: that must not keep short work there for ever."""
    offload = Offload("auto")

    def work() -> str:
        in_pool = threading.current_thread() is not threading.main_thread()
        return spin(2 * INLINE_SECONDS if in_pool else INLINE_SECONDS / 20)

    async def main() -> list[str]:
        return [await offload.run("test", work) for _ in range(2 * FEWEST_SAMPLES + TRIED + 1)]

    places = asyncio.run(main())
    offload.close()
    assert (places[0].split("_")[0], places[-1]) == ("inference", "MainThread")


def test_work_that_grows_long_leaves_the_loop_again():
    offload = Offload("auto")

    async def main() -> list[str]:
        for _ in range(64):
            await offload.run("test", lambda: spin(0))
        return [await offload.run("test", lambda: spin(3 * INLINE_SECONDS)) for _ in range(64)]

    places = asyncio.run(main())
    offload.close()
    assert (places[0], places[-1].split("_")[0]) == ("MainThread", "inference")


@pytest.mark.parametrize(("mode", "place"), [("always", "inference"), ("never", "MainThread")])
def test_the_mode_decides_alone(mode, place):
    assert {name.split("_")[0] for name in run_often(Offload(mode), 0, 100)} == {place}


def test_an_error_in_a_thread_reaches_its_caller():
    offload = Offload("always")

    def fail() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        asyncio.run(offload.run("test", fail))
    offload.close()
    assert default_threads() >= 2
