"""What Dagster's processes say of themselves, and whether somebody else's daemon works on the same instance.

Two daemons on one instance may start a schedule or a queued run twice.
"""

import contextlib
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil

LOCATION = "mojoline"
SILENT_SECONDS = 45.0  # a daemon beats every 30: an older heartbeat is of one that ended


def serves_location(url: str) -> bool:
    """Whether the webserver at `url` has loaded our definitions."""
    query = "{workspaceOrError{... on Workspace{locationEntries{name locationOrLoadError{__typename}}}}}"
    workspace = _ask(url, query).get("workspaceOrError") or {}
    return any(
        entry["name"] == LOCATION
        and entry["locationOrLoadError"]
        and entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
        for entry in workspace.get("locationEntries", [])
    )


def daemon_beats(url: str) -> bool:
    """Whether all that the instance at `url` needs of a daemon has reported to it in the last half hour."""
    needed = [status for status in _daemon_statuses(url) if status["required"]]
    return bool(needed) and all(status["healthy"] for status in needed)


def find_other_daemon(directory: Path, own: Collection[int]) -> psutil.Process | None:
    """A daemon on the instance in `directory` that is none of `own` pids, as far as we may look."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid in own or not _is_daemon(process.cmdline()):
                continue
            if (home := process.environ().get("DAGSTER_HOME")) and Path(
                home
            ).resolve() == directory.resolve():
                return process
    return None


def hears_other_daemon(url: str, own_end: float) -> bool:
    """Whether a daemon that we did not start beats in the instance at `url`, maybe from another machine.

    Watches a recent heartbeat for at most 45 s: a daemon that was killed has left one, too. Our own left none
    after `own_end` (seconds since 1970).
    """
    seen = _last_beat(url)
    while seen is not None and seen > own_end and time.time() - seen < SILENT_SECONDS:
        time.sleep(1)
        last = _last_beat(url)
        if last is not None and last > seen:
            return True
    return False


def _is_daemon(command: list[str]) -> bool:
    """`dagster-daemon run`, or `python -m dagster._daemon run`; `dagster dev` starts one of them."""
    return "run" in command and any(
        Path(part).name in {"dagster-daemon", "dagster._daemon"} for part in command
    )


def _last_beat(url: str) -> float | None:
    beats = [status["lastHeartbeatTime"] for status in _daemon_statuses(url) if status["lastHeartbeatTime"]]
    return max(beats, default=None)


def _daemon_statuses(url: str) -> list[dict[str, Any]]:
    query = "{instance{daemonHealth{allDaemonStatuses{required healthy lastHeartbeatTime}}}}"
    instance = _ask(url, query).get("instance")
    return instance["daemonHealth"]["allDaemonStatuses"] if instance else []


def _ask(url: str, query: str) -> dict[str, Any]:
    import httpx  # takes half a second: only who asks a server pays for it

    try:
        answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=10, trust_env=False)
        data = answer.json().get("data") if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return {}
    return data or {}
