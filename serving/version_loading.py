"""Loading a version beside the one that serves: verify, load, prove, warm. Blocking: run it in a thread.

Between its steps the loader rests: while it holds the interpreter lock each request waits for that lock
several times, and what piled up is to be answered before the next step adds to it.
"""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor

from mojoline.errors import MojolineError
from mojoline.registry.aliases import AliasEntry
from mojoline.registry.filesystem_reader import FilesystemReader
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, MOJO
from mojoline.registry.proofs import prove_equality, prove_loads, prove_pins
from mojoline.runtime.scoring_model import ScoringModel
from serving.errors import ServedVersionError
from serving.metrics import SWAP_SECONDS
from serving.plain_models import PlainModels
from serving.served_model import ServedModel
from serving.version_measures import measures_of

PROVEN_ROWS = 200
WARM_ROWS = 50
REST_SECONDS = 0.02

_log = logging.getLogger("mojoline.serving")
_early: dict[str, "Future[ServedModel | None]"] = {}


def load_early(registry: FilesystemReader) -> None:
    """Begin to load all champions in a thread, while the caller imports the rest of the server.

    What goes wrong is left to whoever loads them then.
    """
    try:
        names = registry.names()
    except MojolineError:
        return
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="early-loader")
    for name in names:
        _early[name] = thread.submit(_load_champion, registry, name)
    thread.shutdown(wait=False)


def load_version(registry: FilesystemReader, name: str, entry: AliasEntry) -> ServedModel:
    """The version an alias names, ready to serve: files, release and golden rows are as they were published.

    Raises:
        RegistryError: the version is missing, or damaged (names the file).
        RuntimeModelError: the MOJO cannot be loaded.
        ServedVersionError: it loads, but not as the manifest says, or it does not reproduce its golden rows.
    """
    early = _early.pop(name).result() if name in _early else None
    if early is not None and early.manifest_sha256 == entry.manifest_sha256:
        return early
    return _load(registry, name, entry, REST_SECONDS)


def _load_champion(registry: FilesystemReader, name: str) -> ServedModel | None:
    """The champion as it is now; None if there is none, or it cannot be loaded."""
    try:
        champion = registry.aliases(name).champion
        return None if champion is None else _load(registry, name, champion, rest=0.0)
    except MojolineError:
        return None


def _load(registry: FilesystemReader, name: str, entry: AliasEntry, rest: float) -> ServedModel:
    if isinstance(registry, PlainModels):
        with SWAP_SECONDS.labels(name, "parse").time():
            served = registry.load(name, entry)
    else:
        served = _load_published(registry, name, entry, rest)
    measures_of(name, served.version)  # some hundred series: not while the first request waits
    return served


def _load_published(registry: FilesystemReader, name: str, entry: AliasEntry, rest: float) -> ServedModel:
    started = time.perf_counter()
    with SWAP_SECONDS.labels(name, "verify").time():
        manifest = registry.verify(name, entry.version, entry.manifest_sha256)
    directory = registry.directory(name, entry.version)
    time.sleep(rest)
    with SWAP_SECONDS.labels(name, "parse").time():
        scoring = ScoringModel.load(directory / MOJO, manifest.reduction.impute)
    time.sleep(rest)
    with SWAP_SECONDS.labels(name, "prove").time():
        for proof in (
            prove_loads(directory, manifest, model=scoring),
            # its own pins: what is served does not change with those of whoever serves it
            prove_pins(directory, manifest, pins={"H2O_VERSION": manifest.h2o_version}, model=scoring),
            prove_equality(directory, manifest, model=scoring, limit=PROVEN_ROWS),
        ):
            if not proof.passed:
                raise ServedVersionError(
                    f"{name} {entry.version}: proof '{proof.name}' failed: {proof.message}"
                )
    time.sleep(rest)
    with SWAP_SECONDS.labels(name, "warm").time():
        for row in GoldenRows.read(directory / GOLDEN, WARM_ROWS).rows:
            scoring.score([row])
    _log.info("%s %s loaded in %.3f s", name, entry.version, time.perf_counter() - started)
    return ServedModel(manifest, entry.manifest_sha256, scoring)
