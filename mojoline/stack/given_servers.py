"""The servers that the settings name instead of ours: whether they answer and can do what is asked of them.

Each is asked once and shortly, before anything is started; a password is never shown.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator
from urllib.parse import unquote, urlsplit

from mojoline.settings import MASK, Settings
from mojoline.stack import dagster_services as dagster
from mojoline.stack import postgres, prediction_api, redis_servers
from mojoline.stack.dagster_instance import (
    TEMPLATE,
    instance_directory,
    is_given,
    is_ours,
    names_driver,
    read_config,
)
from mojoline.stack.errors import StackError
from mojoline.stack.finding import Finding
from mojoline.stack.paths import StackPaths
from mojoline.stack.stack_state import DAGSTER_SERVICES, is_external

ANSWER_SECONDS = 5
OLDEST_POSTGRES = 130000  # pg_current_snapshot() came with 13
USERS = (*DAGSTER_SERVICES, prediction_api.NAME)


def require_given_servers(settings: Settings, paths: StackPaths, wanted: Collection[str]) -> None:
    """StackError about the first given server that `wanted` services need and that cannot be used."""
    for service, examine in _given(settings, paths).items():
        if service in wanted or any(user in wanted for user in USERS):
            finding = examine()
            if not finding.ok:
                raise StackError(f"{finding.name}: {finding.found}; {finding.remedy}")


def examine_given_servers(settings: Settings, paths: StackPaths) -> Iterator[Finding]:
    """One finding for each server and directory that the settings name, H2O's included."""
    for examine in _given(settings, paths).values():
        yield examine()
    if settings.h2o_url:
        yield _examine_h2o(settings.h2o_url)


def mask_url(url: str) -> str:
    """The URL without its passwords."""
    url = re.sub(r"(?<=://)([^/?#@]*?):[^/?#]*@", rf"\1:{MASK}@", url)
    return re.sub(r"(?<=[?&])((?:ssl)?password=)[^&]*", rf"\1{MASK}", url)


def _given(settings: Settings, paths: StackPaths) -> dict[str, Callable[[], Finding]]:
    """What looks at each given server, by the service that it stands for."""
    found: dict[str, Callable[[], Finding]] = {}
    if settings.database_url and is_external(postgres.NAME, settings, paths):
        database = settings.database_url.get_secret_value()
        found[postgres.NAME] = lambda: _examine_database(database)
    if settings.redis_url and is_external(redis_servers.CACHE, settings, paths):
        cache = settings.redis_url.get_secret_value()
        found[redis_servers.CACHE] = lambda: _examine_redis("REDIS_URL", cache)
    if settings.reservoir_redis_url and is_external(redis_servers.RESERVOIR, settings, paths):
        reservoir = settings.reservoir_redis_url.get_secret_value()
        found[redis_servers.RESERVOIR] = lambda: _examine_redis("RESERVOIR_REDIS_URL", reservoir)
    if is_given(settings, paths):
        found[dagster.DAEMON] = lambda: _examine_instance(settings, paths)
    return found


def _examine_database(url: str) -> Finding:
    import psycopg

    name = f"DATABASE_URL={mask_url(url)}"
    start = "start that server or mend the URL; without DATABASE_URL a local Postgres is started"
    try:
        with psycopg.connect(url, connect_timeout=ANSWER_SECONDS) as connection:
            version = connection.info.server_version
            if version < OLDEST_POSTGRES:
                found = f"PostgreSQL {version / 10000:.0f} is too old"
                return Finding(name, False, found, f"use {OLDEST_POSTGRES // 10000} or newer")
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            row = connection.execute(
                "SELECT current_setting('transaction_isolation'), pg_is_in_recovery(),"
                " has_database_privilege(current_database(), 'CREATE')"
            ).fetchone()
    except psycopg.Error as error:
        return Finding(name, False, _first_line(error, url), start)
    isolation, standby, may_create = row or ("none", False, False)
    if isolation != "repeatable read":
        return Finding(name, False, f"it gives {isolation} for REPEATABLE READ", "use PostgreSQL itself")
    if standby:
        return Finding(name, False, "it is a standby, which takes no writes", "name the primary")
    if not may_create:
        user = urlsplit(url).username or "its user"
        remedy = f"GRANT CREATE ON DATABASE … TO {user}: schemas and tables are made there"
        return Finding(name, False, f"{user} may not create schemas", remedy)
    return Finding(name, True, f"PostgreSQL {version // 10000}, repeatable read")


def _examine_redis(variable: str, url: str) -> Finding:
    import redis

    name = f"{variable}={mask_url(url)}"
    remedy = f"start that server or mend the URL; without {variable} a local Redis is started"
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS, retry=None
        ) as client:
            client.ping()
            version = client.info("server")["redis_version"]
    except (redis.RedisError, ValueError, OSError) as error:
        return Finding(name, False, _first_line(error, url), remedy)
    return Finding(name, True, f"Redis {version}")


def _examine_instance(settings: Settings, paths: StackPaths) -> Finding:
    directory = instance_directory(settings, paths)
    name = f"DAGSTER_HOME={directory}"
    place = directory if directory.exists() else directory.parent
    if not place.is_dir():
        missing = "is no directory" if place.exists() else f"there is no {place}"
        return Finding(name, False, missing, f"make it, or unset DAGSTER_HOME to use {paths.dagster_home}")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return Finding(name, False, f"uid {os.getuid()} may not write {place}", "change its owner or mode")
    if is_ours(directory, paths):
        return Finding(name, True, "will be written")
    if not names_driver(read_config(directory)):
        remedy = f"write postgresql+psycopg2 there, as {TEMPLATE} does: Dagster's events fail with psycopg 3"
        return Finding(name, False, "its storage in Postgres names no driver", remedy)
    return Finding(name, True, "used as it is")


def _examine_h2o(url: str) -> Finding:
    import httpx

    name = f"MOJOLINE_H2O_URL={mask_url(url)}"
    parts = urlsplit(url)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    try:
        answer = httpx.get(
            f"{parts.scheme}://{parts.hostname}:{parts.port or 54321}{parts.path.rstrip('/')}/3/Cloud",
            auth=login,
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        cloud = answer.json()
        healthy, version = bool(cloud["cloud_healthy"]), str(cloud["version"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        remedy = "start that cluster or mend the URL; without it each training starts a cluster of its own"
        return Finding(name, False, _first_line(error, url), remedy)
    return Finding(
        name, healthy, f"H2O {version}{'' if healthy else ', not healthy'}", "restart that cluster"
    )


def _first_line(error: Exception, url: str) -> str:
    """What the server or the client said, without the password that may stand in it."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return mask_url(text.replace(url, mask_url(url))).rstrip(".")
