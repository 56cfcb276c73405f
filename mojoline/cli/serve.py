"""`mojoline serve`: the command line of the server's own process."""

import sys
from collections.abc import Sequence
from pathlib import Path

from mojoline.errors import MojolineError


class NoSuchModelError(MojolineError):
    """A model that was to be served is not there."""


def server_command(
    models: Sequence[str], *, port: int | None, host: str | None, workers: int | None
) -> list[str]:
    """`python -m serving` with the same meaning, its first element being the program.

    Args:
        models: `FILE`, `NAME=FILE` or a directory of MOJOs; none: what the registry says.
        port: of the prediction API; None: that of the settings, and so on.
        host: address the port is opened on.
        workers: processes that share the port.

    Raises:
        NoSuchModelError: a file or directory does not exist; names it.
    """
    command = [sys.executable, "-m", "serving"]
    for text in models:
        for name, path in _files(text).items():
            command += ["--model", f"{name}={path}"]
    for option, value in (("--http_port", port), ("--host", host), ("--workers", workers)):
        if value is not None:
            command += [option, str(value)]
    return command


def _files(text: str) -> dict[str, Path]:
    """Name -> MOJO."""
    name, _, rest = text.rpartition("=")
    path = Path(rest)
    if path.is_dir():
        found = {one.stem: one.absolute() for one in sorted(path.glob("*.zip"))}
        if not found:
            raise NoSuchModelError(f"{path} holds no *.zip: put the model's MOJO there")
        return {name: next(iter(found.values()))} if name and len(found) == 1 else found
    if not path.is_file():
        raise NoSuchModelError(f"{path} does not exist: name a MOJO (model.zip) or a directory of them")
    return {name or path.stem: path.absolute()}
