"""What code made an asset: a digest of the sources and packages that shape a stage's outcome.

A hand-kept number is forgotten on the day it matters; then a finished stage would be reused although the
code that made it has changed.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def code_version(*sources: str, distributions: tuple[str, ...] = ()) -> str:
    """Twelve hex digits of the Python sources below `sources` and the versions of `distributions`.

    Args:
        *sources: files or folders relative to the repository root, such as `mojoline/features`.
        distributions: installed packages whose version shapes the outcome, such as `h2o`.

    Raises:
        FileNotFoundError: a source does not exist.
    """
    digest = hashlib.sha256()
    for source in sorted(_python_files(sources)):
        digest.update(source.relative_to(ROOT).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    for name in distributions:
        digest.update(f"{name}=={_installed(name)}\n".encode())
    return digest.hexdigest()[:12]


def _python_files(sources: Iterable[str]) -> Iterable[Path]:
    for source in sources:
        path = ROOT / source
        if not path.exists():
            raise FileNotFoundError(f"{path}: a code version cannot be made of what is not there")
        yield from [path] if path.is_file() else path.rglob("*.py")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
