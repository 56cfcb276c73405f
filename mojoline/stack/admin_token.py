"""The bearer token of the control plane: made once, readable by its owner only."""

import os
import secrets
from pathlib import Path


def keep_admin_token(path: Path, given: str | None) -> str:
    """The token in `path`, which is written (mode 0600) when it is missing or differs from `given`."""
    try:
        present = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        present = ""
    token = given or present or secrets.token_urlsafe(32)
    if token != present:
        scratch = path.with_suffix(".tmp")
        scratch.unlink(missing_ok=True)
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        scratch.replace(path)
    path.chmod(0o600)
    return token
