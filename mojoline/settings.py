"""The one settings class: where every value may come from, and which of those places won.

From strongest to weakest: an override (a CLI flag), `MOJOLINE_*` in the environment, the usual names
(`DATABASE_URL`, `REDIS_URL`, ...), the YAML file named by `MOJOLINE_CONFIG`, the default. A secret may also
be given as `<NAME>_FILE`. An unknown `MOJOLINE_*` key stops the start: a misspelling must not be ignored.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)

from mojoline.settings_groups import CacheSettings, FeatureSettings, Ports, ServingSettings, TrainingSettings
from mojoline.settings_layers import CONFIG_KEY, SECRETS, SettingsError, flatten, gather_layers

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


class Settings(BaseModel):
    """Every effective setting. Make one with `load_settings`, which also refuses unknown environment keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)

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
