"""Names of models and versions as people write them: `models:/<name>/<version>`, `models:/<name>@<alias>`."""

import re
from dataclasses import dataclass
from typing import cast, get_args

from mojoline.registry.aliases import AliasName
from mojoline.registry.errors import NotFoundError
from mojoline.registry.manifest import VERSION_PATTERN

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class ModelUri:
    """A model and either one of its versions or one of its aliases."""

    name: str
    version: str | None = None
    alias: AliasName | None = None


def parse_model_uri(text: str) -> ModelUri:
    """The parts of a model URI; NotFoundError if it is none."""
    match = re.fullmatch(r"models:/([^/@]+)(?:/([^/@]+)|@([^/@]+))", text)
    if match is None:
        raise NotFoundError(
            f"{text!r} is no model URI: write models:/<name>@champion or models:/<name>/<version>"
        )
    name, version, alias = match.groups()
    if alias is not None and alias not in get_args(AliasName):
        raise NotFoundError(
            f"{text!r} names the alias {alias!r}: there are only {', '.join(get_args(AliasName))}"
        )
    if version is not None:
        require_version(version)
    return ModelUri(require_name(name), version, cast("AliasName | None", alias))


def require_name(name: str) -> str:
    """`name`, if it can be a model's: it becomes a directory, so nothing else may get through."""
    if not _NAME.fullmatch(name):
        raise NotFoundError(f"{name!r} can be no model's name: letters, digits, _ and -, at most 100")
    return name


def require_version(version: str) -> str:
    """`version`, if it can be one: it becomes a directory, so nothing else may get through."""
    if not VERSION_PATTERN.fullmatch(version):
        raise NotFoundError(f"{version!r} can be no version: they look like 20130401T060000Z-0123456789ab")
    return version
