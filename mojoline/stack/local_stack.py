"""`up`, `down` and `status` of the whole local stack.

What is given by URL is somebody else's server and is left alone. One `up` or `down` works at a time; an `up` that is
killed half-way leaves servers that the next one adopts.
"""

import fcntl
import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mojoline.settings import Settings
from mojoline.stack import dagster_services as dagster
from mojoline.stack import postgres, prediction_api, redis_servers
from mojoline.stack.admin_token import keep_admin_token
from mojoline.stack.dagster_client import DagsterClient
from mojoline.stack.disk_space import NEEDED, measure_space, require_space
from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.ports import LOOPBACK
from mojoline.stack.process_record import ProcessRecord
from mojoline.stack.service import (
    Progress,
    Service,
    await_service,
    pid_file,
    require_port,
    start_service,
    stop_named,
)

DATA_SERVICES = (postgres.NAME, redis_servers.CACHE, redis_servers.RESERVOIR)
DAGSTER_SERVICES = (dagster.CODE, dagster.WEBSERVER, dagster.DAEMON)
SERVICES = (*DATA_SERVICES, *DAGSTER_SERVICES, prediction_api.NAME)


@dataclass(frozen=True)
class StackState:
    """Where everything is after `up`; `env` is what a child process needs to find it."""

    database_url: str
    redis_url: str
    reservoir_redis_url: str
    dagster_url: str
    api_url: str
    admin_url: str
    admin_token: str
    env: dict[str, str]


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `mojoline status`; `state` is running, stopped, starting or external."""

    name: str
    state: str
    address: str
    pid: int | None = None
    since: datetime | None = None
    log: Path | None = None


def up(
    settings: Settings,
    *,
    progress: Progress | None = None,
    only: Collection[str] = SERVICES,
) -> StackState:
    """Start whatever does not run yet and wait until it answers.

    Args:
        settings: `home` and `ports` say where; a service given by URL is not started.
        progress: called with (service, what happens to it).
        only: names out of SERVICES, e.g. ("postgres",) for a test that needs nothing else.

    Raises:
        StackError: a port is taken, the disk is nearly full, or a server does not come up; says what to do.
    """
    report = progress or _silent
    paths = stack_paths(settings.home)
    if unknown := set(only) - set(SERVICES):
        raise StackError(f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    require_space(measure_space(settings.home), NEEDED, settings.home)
    paths.create()
    wanted = [name for name in SERVICES if name in only and not _is_external(name, settings, paths)]
    with _one_at_a_time(paths, report):
        token = keep_admin_token(paths.token, _reveal(settings.admin_token))
        state = _describe(settings, paths, token)
        _require_ports(settings, paths, wanted)
        _start_together(_data_services(paths, wanted), paths, report)
        if postgres.NAME in wanted:
            postgres.ensure_database(paths)
        _start_together(_python_services(settings, paths, state, wanted, report), paths, report)
    return state


def down(settings: Settings, *, progress: Progress | None = None) -> None:
    """Stop every server that `up` started, with its children; StackError if one cannot be stopped."""
    report = progress or _silent
    paths = stack_paths(settings.home)
    if not paths.run.is_dir():
        return
    with _one_at_a_time(paths, report):
        for name in reversed(SERVICES):
            how = signal.SIGINT if name == postgres.NAME else signal.SIGTERM
            if stop_named(name, paths, how, 30 if name == postgres.NAME else 10):
                report(name, "stopped")


def status(settings: Settings) -> list[ServiceStatus]:
    """What runs, where, since when."""
    paths = stack_paths(settings.home)
    state = _describe(settings, paths, "")
    addresses = {
        postgres.NAME: (str(paths.postgres_socket), lambda: postgres.answers(state.database_url)),
        redis_servers.CACHE: (
            str(paths.redis_socket(redis_servers.CACHE)),
            lambda: redis_servers.answers(state.redis_url),
        ),
        redis_servers.RESERVOIR: (
            str(paths.redis_socket(redis_servers.RESERVOIR)),
            lambda: redis_servers.answers(state.reservoir_redis_url),
        ),
        dagster.CODE: (str(paths.code_socket), paths.code_socket.exists),
        dagster.WEBSERVER: (state.dagster_url, lambda: dagster.serves_location(state.dagster_url)),
        dagster.DAEMON: ("", lambda: dagster.daemon_beats(state.dagster_url)),
        prediction_api.NAME: (state.api_url, lambda: prediction_api.is_live(state.api_url)),
    }
    return [_service_status(name, settings, paths, *addresses[name]) for name in SERVICES]


def _service_status(
    name: str, settings: Settings, paths: StackPaths, address: str, answers: Callable[[], bool]
) -> ServiceStatus:
    if _is_external(name, settings, paths):
        return ServiceStatus(name, "external", "given by URL")
    record = ProcessRecord.read(pid_file(paths, name))
    if record is None or record.find() is None:
        return ServiceStatus(name, "stopped", address)
    since = datetime.fromtimestamp(record.started, tz=UTC)
    log = paths.logs / f"{name}.log"
    return ServiceStatus(name, "running" if answers() else "not answering", address, record.pid, since, log)


def _describe(settings: Settings, paths: StackPaths, token: str) -> StackState:
    database = _reveal(settings.database_url) or postgres.postgres_url(paths)
    cache = _reveal(settings.redis_url) or redis_servers.redis_url(paths, redis_servers.CACHE)
    reservoir = _reveal(settings.reservoir_redis_url) or redis_servers.redis_url(
        paths, redis_servers.RESERVOIR
    )
    env = {
        "DATABASE_URL": database,
        "REDIS_URL": cache,
        "RESERVOIR_REDIS_URL": reservoir,
        "DAGSTER_HOME": str(settings.dagster_home or paths.dagster_home),
        "MOJOLINE_ADMIN_TOKEN_FILE": str(paths.token),
        **plain_environment(settings),
    }
    return StackState(
        database_url=database,
        redis_url=cache,
        reservoir_redis_url=reservoir,
        dagster_url=dagster.dagster_url(settings.ports.dagster),
        api_url=f"http://{LOOPBACK}:{settings.ports.rest}",
        admin_url=f"http://{LOOPBACK}:{settings.ports.admin}",
        admin_token=token,
        env=env,
    )


def plain_environment(settings: Settings) -> dict[str, str]:
    """The settings that are no server's address as `MOJOLINE_*` variables, so that children agree with us."""
    env = {
        "MOJOLINE_HOME": str(settings.home),
        "MOJOLINE_MODELS_DIR": str(settings.models_dir),
        "MOJOLINE_REGISTRY_URL": settings.registry_url,
    }
    if settings.h2o_url:
        env["MOJOLINE_H2O_URL"] = settings.h2o_url
    for group in ("ports", "training", "serving"):
        for name, value in getattr(settings, group).model_dump().items():
            if value is not None:
                env[f"MOJOLINE_{group}__{name}".upper()] = str(value)
    return env


def _is_external(name: str, settings: Settings, paths: StackPaths) -> bool:
    """Whether the settings name somebody else's server; our own address, exported by hand, is not one."""
    if name in DAGSTER_SERVICES:
        return settings.dagster_home not in (None, paths.dagster_home)
    given = {
        postgres.NAME: (settings.database_url, postgres.postgres_url(paths)),
        redis_servers.CACHE: (settings.redis_url, redis_servers.redis_url(paths, redis_servers.CACHE)),
        redis_servers.RESERVOIR: (
            settings.reservoir_redis_url,
            redis_servers.redis_url(paths, redis_servers.RESERVOIR),
        ),
    }
    url, own = given.get(name, (None, ""))
    return url is not None and url.get_secret_value() != own


def _data_services(paths: StackPaths, wanted: Collection[str]) -> list[Service]:
    services = [postgres.postgres_service(paths)] if postgres.NAME in wanted else []
    names = (redis_servers.CACHE, redis_servers.RESERVOIR)
    return services + [redis_servers.redis_service(paths, name) for name in names if name in wanted]


def _python_services(
    settings: Settings, paths: StackPaths, state: StackState, wanted: Collection[str], report: Progress
) -> list[Service]:
    services: list[Service] = []
    env = {key: value for key, value in state.env.items() if key != "DAGSTER_HOME"}
    if prediction_api.NAME in wanted:
        version = dagster.code_version(settings.models_dir, prediction_api.PACKAGES)
        services.append(prediction_api.api_service(env, settings.ports, version))
    if any(name in wanted for name in DAGSTER_SERVICES):
        postgres.ensure_dagster_schema(state.database_url)
        dagster.write_instance(paths, state.database_url)
        version = dagster.code_version(settings.models_dir)
        all_three = dagster.dagster_services(paths, env, settings.ports.dagster, version)
        services += [service for service in all_three if service.name in wanted]
    return services


def _start_together(services: list[Service], paths: StackPaths, report: Progress) -> None:
    started = [start_service(service, paths, report) for service in services]
    for one in started:
        await_service(one, paths, report)


def _require_ports(settings: Settings, paths: StackPaths, wanted: Collection[str]) -> None:
    """Name every taken port before anything is started."""
    ports = {dagster.WEBSERVER: ["dagster"], prediction_api.NAME: ["rest", "admin"]}
    for name, settings_names in ports.items():
        record = ProcessRecord.read(pid_file(paths, name))
        if name not in wanted or (record and record.find()):
            continue
        for setting in settings_names:
            require_port(name, f"ports.{setting}", getattr(settings.ports, setting))


@contextmanager
def _one_at_a_time(paths: StackPaths, report: Progress) -> Iterator[None]:
    with (paths.run / "up.lock").open(
        "w"
    ) as lock:  # not inherited by servers; freed when its holder is killed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("stack", "waiting for another `mojoline up` or `down`")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _reveal(secret: object) -> str | None:
    reveal = getattr(secret, "get_secret_value", None)
    return None if reveal is None else str(reveal())


def _silent(_service: str, _text: str) -> None:
    """Progress that nobody watches."""
