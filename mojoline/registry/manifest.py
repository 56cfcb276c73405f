"""The manifest: what a model version is, where it came from, and the digest of every file in it.

`ManifestFacts` is what the builder of a version knows; publishing adds the name, the version and the files.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MANIFEST = "manifest.json"
MOJO = "mojo.zip"
GOLDEN = "golden.jsonl"

VERSION_PATTERN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")
_STAMP = "%Y%m%dT%H%M%SZ"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Part):
    """One file of a version; `path` is relative to the version's directory, with `/` between its parts."""

    path: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    media_type: str

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if path != "/".join(parts) or not parts or ".." in parts or parts[0] == "/" or "\\" in path:
            raise ValueError(f"{path!r} must be a relative path that stays inside the version")
        return path


class Column(_Part):
    """One raw input column. `na`: a missing value is scored as missing ("nan"), or refused ("error")."""

    name: str
    type: Literal["numeric", "categorical"]
    na: Literal["nan", "error"] = "nan"
    levels_ref: str | None = None


class Reduction(_Part):
    """The reducer inside the MOJO; `impute` fills missing values before scoring, which no MOJO can do."""

    kind: Literal["pca", "none"]
    k: int = Field(default=0, ge=0)
    inputs: list[str] = Field(default_factory=list)
    variance: float | None = None
    impute: dict[str, float] = Field(default_factory=dict)


class Training(_Part):
    """Where the version came from: the run, the code, and the database snapshot with its isolation level."""

    dagster_run_id: str | None = None
    asset_key: str | None = None
    code_version: str | None = None
    data_version: str
    pg_snapshot: str | None = None
    pg_lsn: str | None = None
    isolation_level: str | None = None
    rows: int = Field(ge=0)
    since: datetime | None = None
    until: datetime | None = None


class Parity(_Part):
    """How close the scorer came to the training cluster's own predictions on the golden rows."""

    rows: int = Field(ge=0)
    missing_rows: int = Field(ge=0)
    unseen_rows: int = Field(ge=0)
    max_abs_diff: float = Field(ge=0)
    tolerance: float = Field(gt=0)


class Budget(_Part):
    """The limits a version must keep (`p99_ms`, `bytes`: from the spec) and its measured time per row."""

    p99_ms: float = Field(gt=0)
    bytes: int = Field(gt=0)
    score_us_p50: float | None = Field(default=None, ge=0)


class ManifestFacts(_Part):
    """What the builder of a version knows before it is published."""

    algorithm: str
    task: Literal["binary", "multiclass", "regression"]
    target: str
    positive: str | None = None
    h2o_version: str
    mojo_version: str
    pins: dict[str, str] = Field(default_factory=dict)
    columns: list[Column]
    outputs: list[str]
    reduction: Reduction
    metrics: dict[str, float] = Field(default_factory=dict)
    metric_name: str
    lower_is_better: bool
    budget: Budget
    training: Training
    parity: Parity
    spec_digest: str | None = None
    baseline_ref: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class Manifest(ManifestFacts):
    """`manifest.json` of a published version; written last, never changed."""

    schema_version: Literal[1] = 1
    name: str
    version: str = Field(pattern=rf"^{VERSION_PATTERN.pattern}$")
    seq: int = Field(ge=1)
    created_at: datetime
    files: list[FileEntry]

    @property
    def content_digest(self) -> str:
        """The sha256 (64 hex digits) over the listed files, whose first 12 digits end the version."""
        return content_digest(self.files)


def content_digest(files: Iterable[FileEntry]) -> str:
    """The sha256 (64 hex digits) over the sorted lines `<sha256>  <path>`, as `sha256sum` prints them."""
    lines = sorted(f"{entry.sha256}  {entry.path}\n" for entry in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def version_name(moment: datetime, digest: str) -> str:
    """The version of content with this digest, published at `moment` (whole seconds, UTC)."""
    return f"{moment.astimezone(UTC).strftime(_STAMP)}-{digest[:12]}"


def version_moment(version: str) -> datetime:
    """When a version was published, from its name (UTC, whole seconds)."""
    return datetime.strptime(version.split("-", 1)[0], _STAMP).replace(tzinfo=UTC)
