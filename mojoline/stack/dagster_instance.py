"""The Dagster instance: whose directory it is, and its `dagster.yaml` where it is ours.

Without DAGSTER_HOME it lies in the stack's home. A given directory that is empty becomes an instance on the
stack's database; one that holds anything is somebody's: its configuration and storage are used as they are.
"""

from pathlib import Path

import yaml

from mojoline.settings import REPOSITORY, Settings
from mojoline.stack.dagster_storage import storage_url
from mojoline.stack.errors import StackError
from mojoline.stack.paths import StackPaths

CONFIG = "dagster.yaml"
TEMPLATE = REPOSITORY / "deploy" / "dagster" / CONFIG
MARK = "# Written by `mojoline up --home {home}` at each start; without this line it is left as it is.\n"


def instance_directory(settings: Settings, paths: StackPaths) -> Path:
    """DAGSTER_HOME as given, or the one in the stack's home."""
    return settings.dagster_home or paths.dagster_home


def is_given(settings: Settings, paths: StackPaths) -> bool:
    """Whether the instance lies outside of the stack's home; our own, exported by hand, does not."""
    return instance_directory(settings, paths).resolve() != paths.dagster_home.resolve()


def is_ours(directory: Path, paths: StackPaths) -> bool:
    """Whether `up` may write the instance's configuration."""
    if directory.resolve() == paths.dagster_home.resolve() or not directory.exists():
        return True
    config = directory / CONFIG
    if config.exists():
        return config.read_text(encoding="utf-8", errors="replace").startswith(_mark(paths))
    return not any(directory.iterdir())


def write_instance(directory: Path, paths: StackPaths, database_url: str) -> None:
    """Write `dagster.yaml`, which holds the database's password: mode 0600."""
    try:
        directory.mkdir(parents=directory == paths.dagster_home, exist_ok=True)
        text = yaml.safe_dump(instance_config(database_url), sort_keys=False)
        write_private(directory / CONFIG, _mark(paths) + text)
    except OSError as error:
        raise StackError(
            f"DAGSTER_HOME={directory} cannot be written ({error.strerror}): make it, or unset DAGSTER_HOME"
        ) from None


def instance_config(database_url: str) -> dict[str, object]:
    """The content of `dagster.yaml`: what `deploy/` says, with this database as its storage."""
    config = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return {**config, "storage": {"postgres": {"postgres_url": storage_url(database_url)}}}


def read_config(directory: Path) -> str:
    """The text of the instance's `dagster.yaml`; empty where Dagster's defaults hold."""
    config = directory / CONFIG
    return config.read_text(encoding="utf-8", errors="replace") if config.exists() else ""


def names_driver(config: str) -> bool:
    """Whether a storage in Postgres says by which driver; a value from the environment is not looked at."""
    try:
        storage = yaml.safe_load(config)["storage"]["postgres"]
    except (yaml.YAMLError, TypeError, KeyError):
        return True  # another storage, or for Dagster to refuse
    if "postgres_db" in storage:
        return "scheme" in storage["postgres_db"]
    return not str(storage.get("postgres_url")).startswith(("postgresql://", "postgres://"))


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    scratch = path.with_suffix(".tmp")
    scratch.unlink(missing_ok=True)
    scratch.touch(mode=0o600)
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def _mark(paths: StackPaths) -> str:
    return MARK.format(home=paths.home)
