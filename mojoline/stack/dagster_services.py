"""Dagster's three processes.

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
from mojoline.stack.dagster_health import LOCATION, daemon_beats, serves_location
from mojoline.stack.dagster_instance import read_config, write_private
from mojoline.stack.paths import StackPaths
from mojoline.stack.ports import LOOPBACK
from mojoline.stack.service import Service

CODE, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
MODULE = "pipelines.definitions"
PACKAGES = ("pipelines", "sensors", "assets", "mojoline")


def workspace_file(paths: StackPaths) -> Path:
    """Tells webserver and daemon where the code server is."""
    return paths.run / "workspace.yaml"


def write_workspace(paths: StackPaths) -> None:
    """Write the workspace file: one code server, on its socket."""
    server = {"host": "localhost", "socket": str(paths.code_socket), "location_name": LOCATION}
    write_private(workspace_file(paths), yaml.safe_dump({"load_from": [{"grpc_server": server}]}))


def dagster_services(
    paths: StackPaths, instance: Path, environment: Mapping[str, str], port: int, code_version: str
) -> list[Service]:
    """Code server, webserver and daemon on one instance, in the order in which they are started."""
    own = {**environment, "DAGSTER_HOME": str(instance), "DAGSTER_DISABLE_TELEMETRY": "1"}
    own |= {"PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"}
    workspace = str(workspace_file(paths))
    url = dagster_url(port)
    code = _module("dagster", "api", "grpc", "--socket", str(paths.code_socket), "-m", MODULE)
    code += ["-d", str(REPOSITORY), "--location-name", LOCATION, "--use-python-environment-entry-point"]
    web = _module("dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-w", workspace)
    version = hashlib.sha256(f"{code_version}\n{read_config(instance)}".encode()).hexdigest()
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


def _socket_exists(socket: Path) -> bool:
    return socket.exists()  # the server makes it only after the definitions are loaded
