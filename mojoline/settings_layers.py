"""Where the values of the settings come from: the YAML file, the environment, the overrides.

What a setting is called in each place is derived from the fields of `Settings`; nothing is read under a name
that no field has.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mojoline.errors import MojolineError

PREFIX = "MOJOLINE_"
CONFIG_KEY = "MOJOLINE_CONFIG"
USUAL_NAMES = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "RESERVOIR_REDIS_URL": "reservoir_redis_url",
    "DAGSTER_HOME": "dagster_home",
}
SECRETS = frozenset(
    {
        *("database_url", "redis_url", "reservoir_redis_url", "h2o_url"),
        *("admin_token", "admin_tokens", "api_keys"),
    }
)


class SettingsError(MojolineError):
    """A setting is unknown or its value is not allowed."""


Leaf = tuple[tuple[str, ...], Any, str]
"""The path of a setting, its value, where that comes from."""


def gather_layers(
    fields: Mapping[str, FieldInfo], environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> list[Leaf]:
    """Every value that is given for one of `fields`, weakest first.

    Raises:
        SettingsError: an unknown `MOJOLINE_*` key, or a file that cannot be read; names it and the next step.
    """
    return [
        *_file_layer(environ.get(CONFIG_KEY)),
        *_environment_layer(environment_keys(fields), environ),
        *flatten(overrides, "override"),
    ]


def flatten(values: Mapping[str, Any], origin: str, above: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """The leaves of nested mappings, in order, each with its path."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, origin, (*above, name))
        else:
            yield (*above, name), value, origin


def anchor_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that name files of settings, with absolute paths: for a child in another directory."""
    return {
        key: str(Path(value).absolute())
        for key, value in environ.items()
        if value and (key == CONFIG_KEY or (key.endswith("_FILE") and _is_ours(key.removesuffix("_FILE"))))
    }


def _is_ours(key: str) -> bool:
    return key.startswith(PREFIX) or key in USUAL_NAMES


def _file_layer(config: str | None) -> list[Leaf]:
    if not config:
        return []
    import yaml  # only a file needs it, and who has none starts sooner

    try:
        content = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"{CONFIG_KEY}={config} cannot be read: {error}") from None
    if content is None:
        return []
    if not isinstance(content, dict):
        raise SettingsError(f"{CONFIG_KEY}={config} holds a {type(content).__name__}; a mapping is needed")
    return list(flatten(content, f"file {config}"))


def _environment_layer(known: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]) -> list[Leaf]:
    """The settings in the environment, weakest first; an empty variable counts as not given."""
    unknown = sorted(
        key for key in environ if key.startswith(PREFIX) and key not in known and key != CONFIG_KEY
    )
    if unknown:
        raise SettingsError(
            "unknown in the environment: " + "; ".join(f"{key} ({_hint(key, known)})" for key in unknown)
        )
    layer: list[Leaf] = []
    for key, path in known.items():
        if not (value := environ.get(key)):
            continue
        if key.endswith("_FILE"):
            try:
                value = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{key}={value} cannot be read: {error.strerror}") from None
        layer.append((path, value, f"environment {key}"))
    return layer


def _hint(key: str, known: Iterable[str]) -> str:
    """What was probably meant; the prefix that all keys share makes none of them alike."""
    names = [other.removeprefix(PREFIX) for other in known if other.startswith(PREFIX)]
    near = difflib.get_close_matches(key.removeprefix(PREFIX), names, n=1, cutoff=0.75)
    return f"did you mean {PREFIX}{near[0]}?" if near else "`mojoline config` shows the settings there are"


def environment_keys(fields: Mapping[str, FieldInfo]) -> dict[str, tuple[str, ...]]:
    """Every environment key a setting is read from, weakest first, with the setting's path."""
    keys: dict[str, tuple[str, ...]] = {}
    for usual, name in USUAL_NAMES.items():
        if name in SECRETS:
            keys[f"{usual}_FILE"] = (name,)
        keys[usual] = (name,)
    for name, field in fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for inner in field.annotation.model_fields:
                keys[f"{PREFIX}{name}__{inner}".upper()] = (name, inner)
            continue
        if name in SECRETS:
            keys[f"{PREFIX}{name}_FILE".upper()] = (name,)
        keys[f"{PREFIX}{name}".upper()] = (name,)
    return keys
