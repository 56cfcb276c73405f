"""`up` and `down` of the whole local stack.

What is given by URL is somebody else's server and is left alone. One `up` or `down` works at a time; an `up`
that is killed half-way leaves servers that the next one adopts.
"""

import fcntl
import signal
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from mojoline.settings import Settings
from mojoline.stack import dagster_services as dagster
from mojoline.stack import postgres, prediction_api, redis_servers
from mojoline.stack.admin_token import keep_admin_token
from mojoline.stack.disk_space import NEEDED, measure_space, require_space
from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.process_record import ProcessRecord
from mojoline.stack.service import (
    Progress,
    Service,
    Started,
    await_service,
    pid_file,
    require_port,
    start_service,
    stop_named,
)
from mojoline.stack.stack_state import (
    DAGSTER_SERVICES,
    DATA_SERVICES,
    SERVICES,
    StackState,
    describe_stack,
    is_external,
)
from mojoline.stack.stack_status import ServiceStatus, status

__all__ = ["SERVICES", "ServiceStatus", "StackState", "down", "status", "up"]


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
    wanted = [name for name in SERVICES if name in only and not is_external(name, settings, paths)]
    with _one_at_a_time(paths, report):
        given = settings.admin_token
        state = describe_stack(
            settings, paths, keep_admin_token(paths.token, given.get_secret_value() if given else None)
        )
        _require_ports(settings, paths, wanted)
        _start_together(_data_services(paths, wanted), paths, report)
        if postgres.NAME in wanted:
            postgres.ensure_database(paths)
        started = _start_together(_python_services(settings, paths, state, wanted), paths, report)
        _abandon_runs(started, state, report)
    return state


def down(settings: Settings, *, progress: Progress | None = None) -> None:
    """Stop every server that `up` started, with its children; StackError if one cannot be stopped."""
    report = progress or _silent
    paths = stack_paths(settings.home)
    if not paths.run.is_dir():
        return

    def stop(name: str) -> None:
        is_postgres = name == postgres.NAME
        if stop_named(
            name, paths, signal.SIGINT if is_postgres else signal.SIGTERM, 30 if is_postgres else 10
        ):
            report(name, "stopped")

    with _one_at_a_time(paths, report), ThreadPoolExecutor() as pool:
        for names in ((*DAGSTER_SERVICES, prediction_api.NAME), DATA_SERVICES):  # users before what they use
            list(pool.map(stop, names))


def _data_services(paths: StackPaths, wanted: Collection[str]) -> list[Service]:
    services = [postgres.postgres_service(paths)] if postgres.NAME in wanted else []
    names = (redis_servers.CACHE, redis_servers.RESERVOIR)
    return services + [redis_servers.redis_service(paths, name) for name in names if name in wanted]


def _python_services(
    settings: Settings, paths: StackPaths, state: StackState, wanted: Collection[str]
) -> list[Service]:
    services: list[Service] = []
    if any(name in wanted for name in DAGSTER_SERVICES):
        postgres.ensure_dagster_schema(state.database_url)
        dagster.write_instance(paths, state.database_url)
        version = dagster.code_version(settings.models_dir)
        all_three = dagster.dagster_services(paths, state.env, settings.ports.dagster, version)
        services += [service for service in all_three if service.name in wanted]
    if prediction_api.NAME in wanted:
        version = dagster.code_version(settings.models_dir, prediction_api.PACKAGES)
        services.append(prediction_api.api_service(state.env, settings.ports, version))
    return services


def _start_together(services: list[Service], paths: StackPaths, report: Progress) -> list[Started]:
    started = [start_service(service, paths, report) for service in services]
    return [await_service(one, paths, report) for one in started]


def _abandon_runs(started: list[Started], state: StackState, report: Progress) -> None:
    """End the runs that lost their workers: a new code server has none of an earlier one's."""
    fresh = {one.service.name for one in started if not one.adopted}
    if dagster.CODE not in fresh or dagster.WEBSERVER not in {one.service.name for one in started}:
        return
    from mojoline.stack.dagster_client import DagsterClient

    with DagsterClient(state.dagster_url) as client:
        if lost := client.abandon_runs():
            report(dagster.DAEMON, f"ended {len(lost)} run(s) whose worker was killed")


def _require_ports(settings: Settings, paths: StackPaths, wanted: Collection[str]) -> None:
    """Name a taken port before anything is started."""
    for name, own in ((dagster.WEBSERVER, ("dagster",)), (prediction_api.NAME, ("rest", "admin"))):
        record = ProcessRecord.read(pid_file(paths, name))
        if (
            name not in wanted or record is not None
        ):  # with a record, what is left of ours is cleared away first
            continue
        for setting in own:
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


def _silent(_service: str, _text: str) -> None:
    """Progress that nobody watches."""
