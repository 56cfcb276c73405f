# mypy: disable-error-code="attr-defined, no-untyped-call"
# h2o has no types: names it imports from other modules are not seen as exported.
"""A cluster for one job: ours, or the one `MOJOLINE_H2O_URL` names, which is left running."""

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mojoline.settings import TrainingSettings
from mojoline.training.errors import ClusterError, TrainingError
from mojoline.training.jvm import USER, Jvm
from mojoline.training.memory_split import available_memory, split_memory

DYING_SECONDS = 10.0  # after an end of the connection
REFUSING_SECONDS = 2.0  # after an error that a living node gives as well


@dataclass(frozen=True)
class Cluster:
    """A cluster this process is connected to; `jvm_pid` and `heap_bytes` are None if it is not ours."""

    url: str
    jvm_pid: int | None
    heap_bytes: int | None


@contextmanager
def start_cluster(
    settings: TrainingSettings,
    h2o_url: str | None,
    directory: Path,
    *,
    brief: bool = False,
    xgboost: bool = True,
) -> Iterator[Cluster]:
    """Connect to a fresh cluster, or to `h2o_url`; afterwards ours is gone and the other one is as before.

    Args:
        settings: memory share and limit (bytes), threads.
        h2o_url: `http://user:password@host:port` of a running cluster, or None.
        directory: where the node may keep its files; they are removed at the end.
        brief: the job takes seconds; our node then starts faster and computes slower.
        xgboost: whether the job needs XGBoost; without it our node starts faster.

    Raises:
        ClusterError: it did not start, cannot be reached, or died during the body.
        TrainingError: there is too little memory, or H2O refused what the body asked for.
    """
    if h2o_url is None:
        with _own_cluster(settings, directory, brief=brief, xgboost=xgboost) as cluster:
            yield cluster
        return
    with _foreign_cluster(h2o_url) as cluster:
        yield cluster


@contextmanager
def _own_cluster(
    settings: TrainingSettings, directory: Path, *, brief: bool, xgboost: bool
) -> Iterator[Cluster]:
    split = split_memory(settings.memory_limit or available_memory(), settings.memory_share)
    scratch = Path(tempfile.mkdtemp(prefix="h2o-", dir=directory))
    try:
        jvm = Jvm(scratch, heap=split.heap, nthreads=settings.nthreads, brief=brief, xgboost=xgboost)
        try:
            with _connected(jvm.url, (USER, jvm.password), jvm):
                yield Cluster(jvm.url, jvm.pid, split.heap)
        finally:
            jvm.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _foreign_cluster(h2o_url: str) -> Iterator[Cluster]:
    parts = urlsplit(h2o_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TrainingError("MOJOLINE_H2O_URL must look like http://user:password@host:54321")
    port = parts.port or 54321
    url = f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"
    login = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    with _connected(url, login, None):
        import h2o

        before = _keys(h2o)
        try:
            yield Cluster(url, None, None)
        finally:
            for key in _keys(h2o) - before:
                _forget(h2o, key)


@contextmanager
def _connected(url: str, login: tuple[str, str] | None, jvm: Jvm | None) -> Iterator[None]:
    import h2o
    from h2o.exceptions import H2OConnectionError, H2OError, H2OServerError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about proxies in the environment, which loopback never uses
            with redirect_stdout(StringIO()):  # "there may be a newer version": there is, see versions.env
                h2o.connect(url=url, auth=login, verbose=False, strict_version_check=True)
        h2o.no_progress()
    except H2OError as error:
        raise ClusterError(f"no H2O cluster answers at {url}: {error}") from error
    try:
        yield
    except (H2OConnectionError, H2OServerError) as error:
        if jvm is not None and _died(jvm, DYING_SECONDS):
            raise ClusterError(f"the H2O node died: {jvm.last_words()}") from error
        raise ClusterError(f"the H2O cluster at {url} failed: {error}") from error
    except (H2OError, OSError) as error:
        if jvm is not None and _died(jvm, REFUSING_SECONDS):
            raise ClusterError(f"the H2O node died: {jvm.last_words()}") from error
        if isinstance(error, OSError) and not _about_job(error):
            raise
        raise TrainingError(f"H2O refused: {shorten(str(error))}") from error
    finally:
        if jvm is not None:
            jvm.stop()  # first, so that closing the session does not wait for a busy node
        h2o.connection().close()  # never raises; without it the client prints at the end of the process


def shorten(message: str) -> str:
    """The first lines of an error of H2O, without its Java stack."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not re.match(r"at |stacktrace|\[?java\.|water\.", line)]
    return " ".join(kept[:6])[:600]


def _about_job(error: OSError) -> bool:
    """A failed job of the cluster is raised as a bare EnvironmentError by the client."""
    return "Job with key" in str(error)


def _died(jvm: Jvm, within: float) -> bool:
    """A dying node closes its socket a moment before its process is reaped."""
    import time

    deadline = time.monotonic() + within
    while jvm.is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _keys(h2o: Any) -> set[str]:  # noqa: ANN401 - an untyped module
    frames = [frame["frame_id"]["name"] for frame in h2o.api("GET /3/Frames")["frames"]]
    models = [model["model_id"]["name"] for model in h2o.api("GET /3/Models")["models"]]
    return {*frames, *models}


def _forget(h2o: Any, key: str) -> None:  # noqa: ANN401 - an untyped module
    from h2o.exceptions import H2OError

    try:
        h2o.remove(key)
    except (H2OError, OSError):
        return  # it is gone already, or the cluster is: neither is ours to mend
