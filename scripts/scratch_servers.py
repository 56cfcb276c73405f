"""What the programs here measure against: servers started in a place of their own, which is then removed."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.registry.golden import GoldenRows
from mojoline.registry.integrity import read_manifest
from mojoline.registry.manifest import (
    GOLDEN,
    MANIFEST,
    MOJO,
    Budget,
    Column,
    Manifest,
    ManifestFacts,
    Parity,
    Reduction,
    Training,
)
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.stack.paths import StackPaths, stack_paths
from mojoline.stack.postgres import postgres_service, postgres_url
from mojoline.stack.redis_servers import CACHE, redis_service, redis_url
from mojoline.stack.service import Service, await_service, start_service, stop_service

TINY = Path(__file__).resolve().parents[1] / "tests" / "data" / "tiny_models"
GOLDEN_ROWS = 200


@dataclass(frozen=True)
class LoadedModel:
    """A model with what a cache needs to know of it."""

    name: str
    version: str
    manifest_sha256: str
    scoring: ScoringModel


def load_model(path: Path | None, version: str = "1") -> LoadedModel:
    """The model in a MOJO, or in the directory of a version; by default a small one of the tests."""
    if path is None:
        path = TINY / "first"
    if path.is_file():
        return LoadedModel("model", version, "none", ScoringModel.load(path, {}))
    impute = read_manifest(path).reduction.impute if (path / MANIFEST).exists() else {}
    return LoadedModel("model", version, "none", ScoringModel.load(path / MOJO, impute))


def draw_rows(scoring: ScoringModel, count: int, seed: int = 1) -> list[dict[str, float | str]]:
    """Rows that differ: numbers by chance, levels among those the model knows."""
    random = np.random.default_rng(seed)
    columns: list[tuple[str, NDArray[np.generic]]] = []
    for name in scoring.feature_names:
        levels = scoring.domains.get(name)
        drawn = random.choice(levels, count) if levels else np.round(random.normal(500, 400, count), 3)
        columns.append((name, drawn))
    names = [name for name, _ in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for _, c in columns), strict=True)]


def publish_turns(
    registry: FilesystemRegistry,
    name: str,
    paths: Sequence[Path],
    scratch: Path,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Versions that can take turns for ever, each being loaded anew when its turn comes.

    A server keeps the champion and the version before it, so every model is published twice.
    """
    return [
        publish_mojo(
            registry, name, path, scratch / f"draft-{number}", tags, copy=number // len(paths)
        ).version
        for number, path in enumerate([*paths, *paths])
    ]


def publish_mojo(
    registry: FilesystemRegistry,
    name: str,
    path: Path,
    draft: Path,
    tags: Mapping[str, str] | None = None,
    copy: int = 0,
) -> Manifest:
    """Publish a MOJO (with `tags`), or the directory of a version as it is, as a version of `name`.

    Equal content keeps its version; with another `copy` it becomes another one.
    """
    draft.mkdir(parents=True)
    if copy:
        (draft / "copy.txt").write_text(f"{copy}\n", encoding="utf-8")
    if path.is_dir() and (path / MANIFEST).exists():
        known = read_manifest(path)
        for entry in known.files:
            (draft / entry.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path / entry.path, draft / entry.path)
        kept = {field: getattr(known, field) for field in ManifestFacts.model_fields}
        return registry.publish(name, draft, ManifestFacts(**kept))
    mojo = path / MOJO if path.is_dir() else path
    shutil.copy(mojo, draft / MOJO)
    scoring = ScoringModel.load(mojo, {})
    rows = draw_rows(scoring, GOLDEN_ROWS)
    columns = [
        Column(name=column, type="categorical" if column in scoring.domains else "numeric")
        for column in scoring.feature_names
    ]
    golden = GoldenRows(scoring.feature_names, scoring.output_names, rows, scoring.score(rows).tolist())
    golden.write(draft / GOLDEN)
    labels = scoring.response_domain
    facts = ManifestFacts(
        algorithm=scoring.algorithm,
        task="regression" if labels is None else "binary" if len(labels) == 2 else "multiclass",
        target="target",
        positive=labels[1] if labels is not None and len(labels) == 2 else None,
        h2o_version=scoring.h2o_version,
        mojo_version=scoring.mojo_version,
        columns=columns,
        outputs=scoring.output_names,
        reduction=Reduction(kind="none"),
        metric_name="none",
        lower_is_better=True,
        tags=dict(tags or {}),
        budget=Budget(p99_ms=50, bytes=1_000_000_000),
        training=Training(data_version="unknown", rows=0),
        parity=Parity(rows=len(rows), missing_rows=0, unseen_rows=0, max_abs_diff=0, tolerance=1e-9),
    )
    return registry.publish(name, draft, facts)


@contextmanager
def scratch_place() -> Iterator[Path]:
    """A new directory that other users may pass, as Postgres must."""
    place = Path(tempfile.mkdtemp(prefix="mojoline-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def scratch_redis(given: str | None = None) -> AbstractContextManager[str]:
    """The URL of a Redis: `given`, or one that lives as long as the block."""
    return _scratch(given, lambda paths: (redis_service(paths, CACHE), redis_url(paths, CACHE)))


def scratch_postgres(given: str | None = None) -> AbstractContextManager[str]:
    """The URL of a database: `given`, or one of a server that lives as long as the block."""
    return _scratch(given, lambda paths: (postgres_service(paths), postgres_url(paths, "postgres")))


@contextmanager
def _scratch(given: str | None, describe: Callable[[StackPaths], tuple[Service, str]]) -> Iterator[str]:
    if given is not None:
        yield given
        return
    with scratch_place() as place:
        paths = stack_paths(place)
        paths.create()
        service, url = describe(paths)
        with _running(service, place):
            yield url


@contextmanager
def _running(service: Service, place: Path) -> Iterator[None]:
    paths = stack_paths(place)
    await_service(start_service(service, paths, _silent), paths, _silent)
    try:
        yield
    finally:
        stop_service(service, paths)


def _silent(_service: str, _text: str) -> None:
    """Progress that nobody needs to see."""
