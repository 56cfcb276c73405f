"""Dagster's three processes and the instance they share.

One code server loads the definitions and serves them to the webserver and the daemon on a Unix socket: with a
`python_module` workspace each of the two would load its own copy, at twice the memory and time to start.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from mojoline.settings import REPOSITORY
from mojoline.stack.paths import StackPaths
from mojoline.stack.ports import LOOPBACK
from mojoline.stack.postgres import dagster_storage_url
from mojoline.stack.service import Service

CODE, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
LOCATION = "mojoline"
MODULE = "pipelines.definitions"
PACKAGES = ("pipelines", "sensors", "assets", "mojoline")


def write_instance(paths: StackPaths, database_url: str) -> None:
    """Write `dagster.yaml` (it holds the database's password: mode 0600) and the stack's workspace file."""
    paths.dagster_home.mkdir(parents=True, exist_ok=True)
    _write_private(paths.dagster_home / "dagster.yaml", instance_config(database_url))
    server = {"host": "localhost", "socket": str(paths.code_socket), "location_name": LOCATION}
    _write_private(paths.dagster_home / "workspace.yaml", {"load_from": [{"grpc_server": server}]})


def instance_config(database_url: str) -> dict[str, object]:
    """The content of `dagster.yaml`: storage in Postgres, one run per model at a time, one H2O at a time."""
    per_model = {"key": "mojoline/model", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    return {
        "storage": {"postgres": {"postgres_url": dagster_storage_url(database_url)}},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
        "concurrency": {
            "runs": {"max_concurrent_runs": 4, "tag_concurrency_limits": [per_model]},
            "pools": {"default_limit": 1, "granularity": "op"},  # the pool `h2o`: one JVM takes the memory
        },
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "poll_interval_seconds": 10,
            "free_slots_after_run_end_seconds": 1,
        },
        "sensors": {"use_threads": True, "num_workers": 4},
        "schedules": {"use_threads": True, "num_workers": 2},
        "retention": {"sensor": {"purge_after_days": {"skipped": 1}}},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def dagster_services(
    paths: StackPaths, environment: Mapping[str, str], port: int, code_version: str
) -> list[Service]:
    """Code server, webserver and daemon, in the order in which they are started."""
    own = {**environment, "DAGSTER_HOME": str(paths.dagster_home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    own |= {"PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"}
    workspace = str(paths.dagster_home / "workspace.yaml")
    url = dagster_url(port)
    code = _module("dagster", "api", "grpc", "--socket", str(paths.code_socket), "-m", MODULE)
    code += ["-d", str(REPOSITORY), "--location-name", LOCATION, "--use-python-environment-entry-point"]
    web = _module("dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-w", workspace)
    config = (paths.dagster_home / "dagster.yaml").read_text(encoding="utf-8")
    version = hashlib.sha256(f"{code_version}\n{config}".encode()).hexdigest()
    return [
        Service(
            name=CODE,
            command=code,
            directory=REPOSITORY,
            environment=own,
            ready=partial(_socket_exists, paths.code_socket),
            address=str(paths.code_socket),
            version=version,
            prepare=partial(paths.code_socket.unlink, missing_ok=True),
        ),
        Service(
            name=WEBSERVER,
            command=web,
            directory=REPOSITORY,
            environment=own,
            ready=partial(serves_location, url),
            address=url,
            ports={"ports.dagster": port},
            version=version,
        ),
        Service(
            name=DAEMON,
            command=_module("dagster._daemon", "run", "-w", workspace),
            directory=REPOSITORY,
            environment=own,
            ready=partial(daemon_beats, url),
            address="-",
            version=version,
        ),
    ]


def dagster_url(port: int) -> str:
    """The address of the UI and of GraphQL."""
    return f"http://{LOOPBACK}:{port}"


def code_version(models_dir: Path, packages: Sequence[str] = PACKAGES) -> str:
    """Digest of names, sizes and times of our code and the model specs: a server on older code is stale."""
    digest = hashlib.sha256()
    files = [file for package in packages for file in sorted((REPOSITORY / package).rglob("*.py"))]
    if models_dir.is_dir():
        files += sorted(file for file in models_dir.rglob("*") if file.is_file())
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            facts = file.stat()
            digest.update(f"{file} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _module(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _python_path() -> str:
    """The repository first: an installed package called `assets` must not win over ours."""
    given = os.environ.get("PYTHONPATH")
    return f"{REPOSITORY}{os.pathsep}{given}" if given else str(REPOSITORY)


def _write_private(path: Path, content: object) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.touch(mode=0o600)
    scratch.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    scratch.replace(path)


def _socket_exists(socket: Path) -> bool:
    return socket.exists()  # the server makes it only after the definitions are loaded


def _ask(url: str, query: str) -> dict[str, object]:
    import httpx  # takes half a second: only who asks a server pays for it

    try:
        answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=10, trust_env=False)
        data = answer.json().get("data") if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return {}
    return data or {}


def serves_location(url: str) -> bool:
    """Whether the webserver at `url` has loaded our definitions."""
    query = "{workspaceOrError{... on Workspace{locationEntries{name locationOrLoadError{__typename}}}}}"
    workspace = _ask(url, query).get("workspaceOrError")
    entries = workspace.get("locationEntries", []) if isinstance(workspace, dict) else []
    return any(
        entry["name"] == LOCATION
        and entry["locationOrLoadError"]
        and entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
        for entry in entries
    )


def daemon_beats(url: str) -> bool:
    """Whether the daemon that starts queued runs has reported to the webserver at `url` lately."""
    query = '{instance{daemonHealth{daemonStatus(daemonType:"QUEUED_RUN_COORDINATOR"){healthy}}}}'
    instance = _ask(url, query).get("instance")
    if not isinstance(instance, dict):
        return False
    return bool(instance["daemonHealth"]["daemonStatus"]["healthy"])
