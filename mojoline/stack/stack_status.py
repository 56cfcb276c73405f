"""What of the stack runs, where and since when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mojoline.settings import Settings
from mojoline.stack import dagster_health, dagster_instance, postgres, prediction_api, redis_servers
from mojoline.stack import dagster_services as dagster
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.process_record import ProcessRecord
from mojoline.stack.service import pid_file
from mojoline.stack.stack_state import SERVICES, describe_stack, is_external

RUNNING, STOPPED, SILENT, EXTERNAL = "running", "stopped", "not answering", "external"


@dataclass(frozen=True)
class ServiceStatus:
    """One line of `mojoline status`; `state` is running, stopped, not answering or external."""

    name: str
    state: str
    address: str
    pid: int | None = None
    since: datetime | None = None
    log: Path | None = None


def status(settings: Settings) -> list[ServiceStatus]:
    """One line per server of the stack, in the order in which they start."""
    paths = stack_paths(settings.home)
    state = describe_stack(settings, paths, "")
    dagster_url = _started_at(paths, dagster.WEBSERVER) or state.dagster_url
    api_url = _started_at(paths, prediction_api.NAME) or state.api_url
    probes: dict[str, tuple[str, Callable[[], bool]]] = {
        postgres.NAME: (str(paths.postgres_socket), lambda: postgres.answers(state.database_url)),
        dagster.CODE: (str(paths.code_socket), paths.code_socket.exists),
        dagster.WEBSERVER: (dagster_url, lambda: dagster_health.serves_location(dagster_url)),
        dagster.DAEMON: ("", lambda: dagster_health.daemon_beats(dagster_url)),
        prediction_api.NAME: (api_url, lambda: prediction_api.is_live(api_url)),
    }
    for name in (redis_servers.CACHE, redis_servers.RESERVOIR):
        place = paths.redis_socket(name)
        probes[name] = (str(place), partial(redis_servers.answers, place))
    return [_service_status(name, settings, paths, *probes[name]) for name in SERVICES]


def _started_at(paths: StackPaths, name: str) -> str | None:
    """Where `up` started a server: the settings may name another port by now."""
    record = ProcessRecord.read(pid_file(paths, name))
    return None if record is None else record.address


def _service_status(
    name: str, settings: Settings, paths: StackPaths, address: str, answers: Callable[[], bool]
) -> ServiceStatus:
    if is_external(name, settings, paths):
        return ServiceStatus(name, EXTERNAL, "given by the settings")
    record = ProcessRecord.read(pid_file(paths, name))
    if record is None or record.find() is None:
        if name == dagster.DAEMON and dagster_instance.is_given(settings, paths):
            instance = dagster_instance.instance_directory(settings, paths)
            if other := dagster_health.find_other_daemon(instance, ()):
                return ServiceStatus(name, EXTERNAL, f"pid {other.pid} on {instance}")
        return ServiceStatus(name, STOPPED, address)
    since = datetime.fromtimestamp(record.started, tz=UTC)
    log = paths.logs / f"{name}.log"
    return ServiceStatus(name, RUNNING if answers() else SILENT, address, record.pid, since, log)
