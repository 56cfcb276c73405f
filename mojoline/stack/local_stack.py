"""`up` and `down` of the whole local stack.

What is given by URL is somebody else's server: it is looked at before anything is started, and left alone.
One `up` or `down` works at a time; an `up` that is killed half-way leaves servers that the next one adopts.
"""

import signal
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from mojoline.model_spec import load_specs
from mojoline.settings import Settings
from mojoline.stack import (
    dagster_health,
    dagster_instance,
    dagster_storage,
    postgres,
    prediction_api,
    redis_servers,
)
from mojoline.stack import dagster_services as dagster
from mojoline.stack.admin_token import keep_admin_token
from mojoline.stack.disk_space import NEEDED, measure_space, require_space
from mojoline.stack.errors import StackError
from mojoline.stack.given_servers import USERS, require_given_servers
from mojoline.stack.home_lock import hold_home
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.process_record import ProcessRecord
from mojoline.stack.service import (
    Progress,
    Service,
    Started,
    await_service,
    is_locked,
    last_stop,
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
        StackError: a given server does not answer, a port is taken, the disk is nearly full, another task
            works on the home, or a server does not come up; says what to do.
        SpecError: the model specs cannot be read; nothing was touched.
    """
    report = progress or _silent
    paths = stack_paths(settings.home)
    if unknown := set(only) - set(SERVICES):
        raise StackError(f"no such service: {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    if any(name in only for name in USERS):
        load_specs(settings.models_dir)
    require_space(measure_space(settings.home), NEEDED, settings.home)
    require_given_servers(settings, paths, only)
    wanted = [name for name in SERVICES if name in only and not is_external(name, settings, paths)]
    with hold_home(paths, "mojoline up", report):
        given = settings.admin_token
        state = describe_stack(
            settings, paths, keep_admin_token(paths.token, given.get_secret_value() if given else None)
        )
        _require_ports(settings, paths, wanted)
        _start_together(_data_services(paths, wanted), paths, report)
        if postgres.NAME in wanted:
            postgres.ensure_database(paths)
        services = _python_services(settings, paths, state, wanted)
        started = _start_python_services(services, settings, paths, report)
        _abandon_runs({one.service.name for one in started}, paths, state, report)
    return state


def down(settings: Settings, *, progress: Progress | None = None) -> None:
    """Stop every server that `up` started, with its children; StackError if one cannot be stopped."""
    report = progress or _silent
    paths = stack_paths(settings.home)
    if not paths.run.is_dir():
        return

    patience = {postgres.NAME: 30.0, prediction_api.NAME: settings.serving.drain_seconds + 10}

    def stop(name: str) -> None:
        how = signal.SIGINT if name == postgres.NAME else signal.SIGTERM
        if stop_named(name, paths, how, patience.get(name, 10.0)):
            report(name, "stopped")

    with hold_home(paths, "mojoline down", report), ThreadPoolExecutor() as pool:
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
        instance = dagster_instance.instance_directory(settings, paths)
        if dagster_instance.is_ours(instance, paths):
            dagster_storage.ensure_storage(state.database_url)
            dagster_instance.write_instance(instance, paths, state.database_url)
        else:
            dagster_storage.open_given_storage(instance)
        dagster.write_workspace(paths)
        version = dagster.code_version(settings.models_dir)
        all_three = dagster.dagster_services(paths, instance, state.env, settings.ports.dagster, version)
        services += [service for service in all_three if service.name in wanted]
    if prediction_api.NAME in wanted:
        version = dagster.code_version(settings.models_dir, prediction_api.PACKAGES)
        services.append(prediction_api.api_service(state.env, settings, version))
    return services


def _start_python_services(
    services: list[Service], settings: Settings, paths: StackPaths, report: Progress
) -> list[Started]:
    """On a given instance the daemon comes last, and only where nobody else's works already."""
    record = ProcessRecord.read(pid_file(paths, dagster.DAEMON))
    ours_runs = record is not None and record.find() is not None
    if not dagster_instance.is_given(settings, paths) or ours_runs:
        return _start_together(services, paths, report)
    started = _start_together([one for one in services if one.name != dagster.DAEMON], paths, report)
    daemons = [one for one in services if one.name == dagster.DAEMON]
    if daemons and (other := _describe_other_daemon(settings, paths, report)):
        report(dagster.DAEMON, f"{other}; its workspace needs what {dagster.workspace_file(paths)} says")
        return started
    return started + _start_together(daemons, paths, report)


def _describe_other_daemon(settings: Settings, paths: StackPaths, report: Progress) -> str | None:
    instance = dagster_instance.instance_directory(settings, paths)
    if process := dagster_health.find_other_daemon(instance, ()):
        return f"not started: pid {process.pid} is one on {instance} already"
    report(dagster.DAEMON, "looking for another one's heartbeat")
    own_end = last_stop(paths, dagster.DAEMON)
    if dagster_health.hears_other_daemon(dagster.dagster_url(settings.ports.dagster), own_end):
        return f"not started: another machine's works on {instance} already"
    return None


def _start_together(services: list[Service], paths: StackPaths, report: Progress) -> list[Started]:
    started = [start_service(service, paths, report) for service in services]
    return [await_service(one, paths, report) for one in started]


def _abandon_runs(running: Collection[str], paths: StackPaths, state: StackState, report: Progress) -> None:
    """End the runs that lost their workers: a code server has none of an earlier one's.

    Also where it is adopted: the `up` that started it may have been killed before it came here.
    """
    if not {dagster.CODE, dagster.WEBSERVER, dagster.DAEMON} <= set(running):
        return  # under somebody else's daemon the runs may be somebody else's
    started = pid_file(paths, dagster.CODE).stat().st_mtime
    from mojoline.stack.dagster_client import DagsterClient

    with DagsterClient(state.dagster_url) as client:
        if lost := client.abandon_runs(dagster_health.LOCATION, started):
            report(dagster.DAEMON, f"ended {len(lost)} run(s) whose worker was killed")


def _require_ports(settings: Settings, paths: StackPaths, wanted: Collection[str]) -> None:
    """Name a taken port before anything is started."""
    owners = {
        dagster.WEBSERVER: {"dagster": settings.ports.dagster},
        prediction_api.NAME: prediction_api.api_ports(settings),
    }
    for owner, ports in owners.items():
        if owner not in wanted or ProcessRecord.read(pid_file(paths, owner)) is not None:
            continue  # with a record, what is left of ours is cleared away first
        if is_locked(paths.run / f"{owner}.lock"):
            continue  # so is what was started by one that was killed before it wrote the record
        for name, port in ports.items():
            require_port(owner, f"ports.{name}", port)


def _silent(_service: str, _text: str) -> None:
    """Progress that nobody watches."""
