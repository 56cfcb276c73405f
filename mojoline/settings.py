"""The one settings class: where every value may come from, and which of those places won.

From strongest to weakest: an override (a CLI flag), `MOJOLINE_*` in the environment, the usual names
(`DATABASE_URL`, `REDIS_URL`, ...), the YAML file named by `MOJOLINE_CONFIG`, the default. A secret may also
be given as `<NAME>_FILE`. An unknown `MOJOLINE_*` key stops the start: a misspelling must not be ignored.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mojoline.settings_layers import CONFIG_KEY, PREFIX, SECRETS, SettingsError, flatten, gather_layers

__all__ = [
    "CONFIG_KEY",
    "MASK",
    "REPOSITORY",
    "CacheSettings",
    "FeatureSettings",
    "Ports",
    "ServingSettings",
    "Settings",
    "SettingsError",
    "TrainingSettings",
    "explain_settings",
    "load_settings",
]

MASK = "********"
REPOSITORY = Path(__file__).absolute().parents[1]
"""The checkout: a command called from anywhere finds the models and the local state here."""


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Ports(_Group):
    """TCP ports on 127.0.0.1."""

    dagster: int = Field(default=3000, ge=1, le=65535, description="Dagster UI and GraphQL")
    rest: int = Field(default=8080, ge=1, le=65535, description="prediction API")
    grpc: int = Field(default=8081, ge=1, le=65535, description="prediction API over gRPC")
    metrics: int = Field(default=8082, ge=1, le=65535, description="the page /metrics alone, without a key")
    admin: int = Field(default=8083, ge=1, le=65535, description="control plane of the prediction API")

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        named = self.model_dump()
        if len(set(named.values())) < len(named):
            shown = ", ".join(f"{name}={port}" for name, port in named.items())
            raise ValueError(f"{shown}: choose different ports")
        return self


class TrainingSettings(_Group):
    """What training may use on this machine; the limits override those of a model spec's `automl`."""

    memory_share: float = Field(
        default=0.65, gt=0, lt=1, description="share of the memory given to the JVM heap"
    )
    memory_limit: int | None = Field(
        default=None, gt=0, description="bytes to share out; default: what there is"
    )
    max_runtime_secs: int | None = Field(default=None, gt=0, description="AutoML budget in seconds")
    max_models: int | None = Field(default=None, gt=0, description="AutoML budget in models")
    ntrees: int | None = Field(default=None, gt=0, le=1000, description="most trees of a model")
    nthreads: int | None = Field(
        default=None, gt=0, description="threads of the H2O node; default: all cores"
    )


class ServingSettings(_Group):
    """Limits and rhythms of the prediction API."""

    poll_seconds: float = Field(default=2.0, gt=0, description="how often the registry's aliases are read")
    max_rows: int = Field(default=1000, gt=0, description="rows in one request")
    max_body_bytes: int = Field(default=4_194_304, gt=0, description="bytes in one request body")
    host: str = Field(default="127.0.0.1", description="address the ports are opened on")
    max_inflight: int = Field(default=256, gt=0, description="predictions in flight; more are turned away")
    timeout_seconds: float = Field(default=30.0, gt=0, description="longest time a prediction may take")
    head_seconds: float = Field(default=10.0, gt=0, description="longest time a request's head may take")
    body_seconds: float = Field(default=10.0, gt=0, description="longest time a request's body may take")
    max_connections: int = Field(
        default=2048, gt=0, description="connections per worker, to REST and to gRPC each"
    )
    keep_alive_seconds: int = Field(
        default=65,
        ge=1,
        description="a connection without requests is closed then: longer than a proxy keeps its own",
    )
    rate_per_key: float | None = Field(
        default=None,
        gt=0,
        description="requests a second with one API key, all workers together; default: any number",
    )
    tls_cert: Path | None = Field(
        default=None, description="certificate chain (PEM): the prediction API speaks TLS only"
    )
    tls_key: Path | None = Field(default=None, description="private key (PEM) of tls_cert")
    tls_client_ca: Path | None = Field(
        default=None, description="authorities (PEM) one of which must have signed a caller's certificate"
    )
    audit_log: Path | None = Field(
        default=None, description="JSON lines of what was done on the control plane; they are logged as well"
    )
    grpc: bool = Field(default=True, description="also serve gRPC, where grpcio is installed")
    drift_seconds: float = Field(
        default=60.0, ge=0, description="how often the drift of each variant is measured; 0: never"
    )
    docs: bool = Field(default=False, description="show /docs and /openapi.json")
    log: Literal["json", "text"] = Field(default="json", description="how log lines are written")
    drain_delay_seconds: float = Field(
        default=0.5, ge=0, description="wait between not being ready and closing the port"
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, description="longest wait at the end for requests in flight"
    )
    workers: int = Field(default=1, ge=1, description="processes that share the port")
    offload: Literal["auto", "always", "never"] = Field(
        default="auto", description="auto lets work of a measured p99 below 100 us run on the event loop"
    )
    threads: int | None = Field(
        default=None, gt=0, description="threads for inference; default: 1.5 for each core"
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key are needed together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca is of no use without tls_cert and tls_key")
        for path in (self.tls_cert, self.tls_key, self.tls_client_ca):
            if path is not None and not os.access(path, os.R_OK):
                raise ValueError(f"{path} cannot be read")
        return self


class CacheSettings(_Group):
    """The prediction cache in Redis (`redis_url`)."""

    mode: Literal["auto", "always", "off"] = Field(
        default="auto", description="auto asks Redis only where scoring is measured to take longer"
    )
    ttl_seconds: float = Field(
        default=3600, gt=0, description="how long an answer is kept, give or take 10 %"
    )
    timeout_ms: float = Field(
        default=30, ge=1, le=1000, description="longest wait for Redis, connecting included"
    )
    max_connections: int = Field(default=100, ge=1, description="connections to Redis per process")


class FeatureSettings(_Group):
    """Entity features from PostgreSQL (`database_url`)."""

    min_connections: int = Field(default=10, ge=1, description="connections per server that are always open")
    max_connections: int = Field(
        default=50, ge=1, description="most connections per server, of all its workers"
    )
    timeout_ms: float = Field(default=250, ge=1, description="longest wait for a query")
    acquire_ms: float = Field(default=50, ge=1, description="longest wait for a free connection")
    pgbouncer: bool = Field(default=False, description="a pgbouncer in transaction mode is in between")

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min_connections > self.max_connections:
            raise ValueError(
                f"min_connections={self.min_connections} exceeds max_connections={self.max_connections}"
            )
        return self


class Settings(BaseSettings):
    """Every effective setting. Make one with `load_settings`, which also refuses unknown environment keys."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=REPOSITORY / ".mojoline", description="all local state; `make clean` removes it"
    )
    models_dir: Path = Field(default=REPOSITORY / "models", description="one YAML model spec per model")
    database_url: SecretStr | None = Field(default=None, description="an existing PostgreSQL (libpq URL)")
    redis_url: SecretStr | None = Field(default=None, description="an existing Redis for the cache")
    reservoir_redis_url: SecretStr | None = Field(
        default=None, description="an existing Redis for the reservoir"
    )
    h2o_url: str | None = Field(default=None, repr=False, description="an existing H2O, user:password inside")
    dagster_home: Path | None = Field(default=None, description="an existing Dagster instance directory")
    registry_url: str = Field(
        default_factory=lambda data: (
            f"{Path(data['home']).as_uri()}/registry" if "home" in data else "file:///"
        ),
        description="where model versions are published",
    )
    admin_token: SecretStr | None = Field(default=None, description="bearer token of the control plane")
    admin_tokens: SecretStr | None = Field(
        default=None, description="name:token of further people who may use the control plane"
    )
    api_keys: SecretStr | None = Field(
        default=None, description="name:key of everybody who may predict, with commas between; default: all"
    )
    ports: Ports = Ports()
    training: TrainingSettings = TrainingSettings()
    serving: ServingSettings = ServingSettings()
    cache: CacheSettings = CacheSettings()
    features: FeatureSettings = FeatureSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("home", "models_dir", "dagster_home")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        """A relative path is one from here: children of the stack run in another directory."""
        return None if value is None else value.expanduser().absolute()

    @field_validator("registry_url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if not value.startswith("file:///"):
            raise ValueError("must be file:///absolute/directory")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _plain_libpq(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be a plain libpq URL: postgresql://user@host/database")
        return value

    @field_validator("redis_url", "reservoir_redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @classmethod
    def settings_customise_sources(  # the signature is pydantic's
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` gathered: it is where origins are known."""
        return (init_settings,)

    @property
    def work_dir(self) -> Path:
        """Where the stages keep their finished files."""
        return self.home / "work"

    def require_database_url(self) -> str:
        """The PostgreSQL URL; SettingsError with the next step if there is none."""
        return _required("database_url", self.database_url)

    def require_reservoir_redis_url(self) -> str:
        """The URL of the reservoir's Redis; SettingsError with the next step if there is none."""
        return _required("reservoir_redis_url", self.reservoir_redis_url)


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - any field of Settings, checked by it
    """The effective settings of this process.

    Args:
        **overrides: fields by name, strongest of all; None means "not given", groups may be dicts or models.

    Raises:
        SettingsError: an unknown key, or a value that is not allowed; names the key, the value and what is.
    """
    given = {
        name: value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        for name, value in overrides.items()
        if value is not None
    }
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path, value, origin in gather_layers(Settings.model_fields, os.environ, given):  # weakest first
        *groups, leaf = path
        target = values
        for group in groups:
            target = target.setdefault(group, {})
            if not isinstance(target, dict):
                raise SettingsError(f"{group} = {target!r} ({origins[group]}): a group of settings is needed")
        target[leaf] = value
        origins[".".join(path)] = origin
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(_describe(error, values, origins)) from None
    settings._origins.update(origins)
    return settings


def explain_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """(name, shown value, origin) of every setting, secrets masked."""
    rows = []
    for path, value, _ in flatten(settings.model_dump(), ""):
        name = ".".join(path)
        shown = "-" if value is None else MASK if name in SECRETS else str(value)
        rows.append((name, shown, settings._origins.get(name, "default")))
    return rows


def _describe(error: ValidationError, values: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        name = ".".join(path)
        seen: Any = values
        for part in path:
            seen = seen.get(part) if isinstance(seen, Mapping) else None
        shown = MASK if name in SECRETS else repr(seen)
        what = "no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(
            f"{name} = {shown} ({origins.get(name, 'default')}): {what.removeprefix('Value error, ')}"
        )
    return "; ".join(lines)


def _required(name: str, value: SecretStr | None) -> str:
    if value is None:
        raise SettingsError(f"{name} is not set: run `mojoline up` or set {name.upper()}")
    return value.get_secret_value()
