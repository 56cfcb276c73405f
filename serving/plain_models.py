"""MOJO files served as they are: no registry, no Redis, no PostgreSQL.

To the rest of the server they look like a registry that nobody writes: the version is made of the file's time
and its sha256, and a file that is replaced is followed like a champion that moved.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mojoline.registry.aliases import AliasEntry, Aliases
from mojoline.registry.errors import CorruptVersionError, RegistryError
from mojoline.registry.filesystem_registry import FilesystemRegistry
from mojoline.registry.integrity import read_manifest
from mojoline.registry.manifest import (
    MANIFEST,
    Budget,
    Column,
    Manifest,
    Parity,
    Reduction,
    Training,
    version_name,
)
from mojoline.registry.model_uri import require_name
from mojoline.runtime.scoring_model import ScoringModel
from serving.errors import ServedVersionError
from serving.served_model import ServedModel


@dataclass(frozen=True)
class _Seen:
    stamp: tuple[int, int]
    generation: int
    entry: AliasEntry


class PlainModels(FilesystemRegistry):
    """MOJO files by model name. Reads them only; whatever would change an alias is refused."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__(Path("/"))
        self.files = {require_name(name): path.absolute() for name, path in files.items()}
        self._seen: dict[str, _Seen] = {}

    def names(self) -> list[str]:
        """The models, sorted."""
        return sorted(self.files)

    def aliases(self, name: str) -> Aliases:
        """The file as it is now is the champion; RegistryError if it cannot be read."""
        path = self.files[name]
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            seen = self._seen.get(name)
            if seen is None or seen.stamp != stamp:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                version = version_name(datetime.fromtimestamp(stat.st_mtime, UTC), digest)
                entry = AliasEntry(version=version, manifest_sha256=digest)
                seen = _Seen(stamp, seen.generation + 1 if seen else 1, entry)
                self._seen[name] = seen
        except OSError as error:
            raise RegistryError(f"{path} cannot be read: {error.strerror}") from error
        return Aliases(generation=seen.generation, aliases={"champion": seen.entry})

    def load(self, name: str, entry: AliasEntry) -> ServedModel:
        """Load the file as a served version. A manifest beside it says how its gaps are filled.

        Raises:
            RuntimeModelError: the MOJO cannot be loaded.
            ServedVersionError: the manifest beside it is not one.
        """
        path = self.files[name]
        beside = None
        if (path.parent / MANIFEST).is_file():
            try:
                beside = read_manifest(path.parent)
            except CorruptVersionError as error:
                raise ServedVersionError(str(error)) from error
        scoring = ScoringModel.load(path, beside.reduction.impute if beside else {})
        manifest = beside.model_copy(update={"name": name, "version": entry.version}) if beside else None
        return ServedModel(
            manifest or _describe(name, entry.version, scoring), entry.manifest_sha256, scoring
        )

    def _update(self, name: str, *_: object) -> Aliases:
        raise RegistryError(f"{name} is a file, {self.files[name]}: publish it to a registry to move aliases")


def find_models(directory: Path, name: str) -> dict[str, Path]:
    """The MOJOs in `directory`: a single one is called `name`, several by their file names.

    Raises:
        RegistryError: there is none.
    """
    found = [directory] if directory.is_file() else sorted(directory.glob("*.zip"))
    if not found:
        raise RegistryError(f"{directory} holds no *.zip: put the model's MOJO there")
    return {name: found[0]} if len(found) == 1 else {path.stem: path for path in found}


def _describe(name: str, version: str, scoring: ScoringModel) -> Manifest:
    """What can be said about a MOJO that came alone."""
    labels = scoring.response_domain
    columns = [
        Column(name=feature, type="categorical" if feature in scoring.domains else "numeric")
        for feature in scoring.feature_names
    ]
    return Manifest(
        name=name,
        version=version,
        seq=1,
        created_at=datetime.now(UTC),
        files=[],
        algorithm=scoring.algorithm,
        task="regression" if labels is None else "binary" if len(labels) == 2 else "multiclass",
        target="unknown",
        h2o_version=scoring.h2o_version,
        mojo_version=scoring.mojo_version,
        columns=columns,
        outputs=list(scoring.output_names),
        reduction=Reduction(kind="none"),
        metric_name="unknown",
        lower_is_better=True,
        budget=Budget(p99_ms=50, bytes=max(1, scoring.nbytes)),
        training=Training(data_version="unknown", rows=0),
        parity=Parity(rows=0, missing_rows=0, unseen_rows=0, max_abs_diff=0.0, tolerance=1.0),
    )
