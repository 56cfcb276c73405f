"""Where everything of the stack is, and which servers are somebody else's."""

import os
from dataclasses import dataclass

from pydantic import SecretStr

from mojoline.settings import Settings
from mojoline.settings_layers import anchor_files
from mojoline.stack import dagster_services as dagster
from mojoline.stack import postgres, prediction_api, redis_servers
from mojoline.stack.dagster_instance import instance_directory
from mojoline.stack.paths import StackPaths
from mojoline.stack.ports import LOOPBACK

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


def describe_stack(settings: Settings, paths: StackPaths, admin_token: str) -> StackState:
    """The addresses that `settings` lead to, given ones before our own."""
    database = _reveal(settings.database_url) or postgres.postgres_url(paths)
    cache = _reveal(settings.redis_url) or redis_servers.redis_url(paths, redis_servers.CACHE)
    reservoir = _reveal(settings.reservoir_redis_url) or redis_servers.redis_url(
        paths, redis_servers.RESERVOIR
    )
    env = {
        **anchor_files(os.environ),
        "DATABASE_URL": database,
        "REDIS_URL": cache,
        "RESERVOIR_REDIS_URL": reservoir,
        "DAGSTER_HOME": str(instance_directory(settings, paths)),
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
        admin_token=admin_token,
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


def is_external(name: str, settings: Settings, paths: StackPaths) -> bool:
    """Whether the settings name somebody else's server; our own address, exported by hand, is not one."""
    if name == postgres.NAME:
        return _differs(settings.database_url, postgres.postgres_url(paths))
    if name == redis_servers.CACHE:
        return _differs(settings.redis_url, redis_servers.redis_url(paths, name))
    if name == redis_servers.RESERVOIR:
        return _differs(settings.reservoir_redis_url, redis_servers.redis_url(paths, name))
    return False


def _differs(given: SecretStr | None, own: str) -> bool:
    return given is not None and given.get_secret_value() != own


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
