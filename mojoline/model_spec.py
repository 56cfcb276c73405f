"""A model spec: the one typed file that says everything particular to a model (`models/<name>.yaml`).

Nothing else in the packages names a table, a column or a key. Durations are written `30m`, `6h`, `7d`; sizes
`500MB`; shares `0.5` or `-1%`. A key nobody knows, a value out of range or a feature that is also the target
stops the reading with every fault named.
"""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mojoline.errors import MojolineError
from mojoline.quantities import Duration, Share, Size
from mojoline.spec_faults import describe_faults


class SpecError(MojolineError):
    """A model spec that cannot be used; the message names the file, each fault and what is allowed."""


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
TableName = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*\.)?[A-Za-z_][A-Za-z0-9_]*$")]
KeyPath = Annotated[str, Field(pattern=r"^[^.{}\"\\\s]+(\.[^.{}\"\\\s]+)*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoadSpec(_Part):
    """Files to COPY into staging tables `raw_<name>` (all columns text), and a script that builds from them.

    A file is a path beside the spec or `python-package:<package>/<path>` inside an installed package; a
    `.zip` holds one CSV. `null_text` is how the files write a missing value. `future` is a script that
    rewrites, in the staging tables, what nobody knew at `%(at)s` (in the terms of `source.available_at`): no
    feature may change by it, which a check of every extraction proves.
    """

    files: dict[Identifier, str] = Field(min_length=1)
    sql: str
    future: str | None = None
    null_text: str = ""


class SourceSpec(_Part):
    """Where rows come from: one table, its key, the time of the event, the time its features were known."""

    table: TableName
    entity_key: Identifier
    event_time: Identifier
    available_at: Identifier
    load: LoadSpec | None = None


class TargetSpec(_Part):
    """What is predicted; `positive` names the level a binary model is about."""

    column: Identifier
    task: Literal["binary", "multiclass", "regression"]
    positive: str | None = None

    @model_validator(mode="after")
    def _positive_belongs_to_binary(self) -> Self:
        if (self.task == "binary") != (self.positive is not None):
            raise ValueError(f"`positive` is given exactly for task binary; task is {self.task}")
        return self


class ColdSpec(_Part):
    """Features that live in one JSONB column, named by their key path (`plane.year`)."""

    column: Identifier
    keys: list[KeyPath] = Field(min_length=1)


class FeatureSpec(_Part):
    """Hot features are typed columns, cold ones keys of a JSONB column; `max_age` bounds their age online."""

    hot: list[Identifier] = Field(min_length=1)
    cold: ColdSpec | None = None
    max_age: Duration = timedelta(hours=24)

    @property
    def names(self) -> list[str]:
        """Every feature, hot ones first, in the order of the spec: the order of a model's columns."""
        return [*self.hot, *(self.cold.keys if self.cold else [])]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"named more than once: {', '.join(repeated)}")
        return self


class ReductionSpec(_Part):
    """How the numeric block is reduced; `target_ratio` caps components as a share of its columns."""

    kind: Literal["auto", "pca", "none", "glrm"] = "auto"
    variance: float = Field(default=0.99, gt=0, le=1)
    target_ratio: float = Field(default=0.5, gt=0, le=1)

    @model_validator(mode="after")
    def _glrm_comes_later(self) -> Self:
        if self.kind == "glrm":
            raise ValueError("glrm is not supported yet; use auto, pca or none")
        return self


class AutomlSpec(_Part):
    """The pruned search: families, limits and budget."""

    families: list[Literal["GBM", "GLM", "XGBoost"]] = Field(default=["GBM", "GLM", "XGBoost"], min_length=1)
    max_depth: int = Field(default=10, ge=1, le=10)
    ntrees: int = Field(default=1000, ge=1, le=1000)
    max_runtime_secs: int = Field(default=3600, ge=1)
    max_models: int | None = Field(default=None, ge=1)
    stopping_metric: str = "AUTO"
    stopping_tolerance: float = Field(default=0.001, gt=0, lt=1)
    seed: int = 1


class BudgetSpec(_Part):
    """What serving may cost: p99 of a request in milliseconds, size of the artifact in bytes."""

    p99_ms: float = Field(default=50, gt=0)
    bytes: Size = 500_000_000


class RetrainSpec(_Part):
    """How often drift may start a training run."""

    cooldown: Duration = timedelta(hours=24)
    per_day: int = Field(default=1, ge=0)


class DriftSpec(_Part):
    """Which features are watched (`all` or a list, less `exclude`), and when PSI warns and alerts."""

    columns: Literal["all"] | list[str] = "all"
    exclude: list[str] = []
    reservoir: int = Field(default=500, ge=1)
    warn: float = Field(default=0.1, gt=0)
    alert: float = Field(default=0.25, gt=0)
    min_samples: int = Field(default=200, ge=1)
    retrain: RetrainSpec = RetrainSpec()

    @model_validator(mode="after")
    def _warn_before_alert(self) -> Self:
        if self.warn > self.alert:
            raise ValueError(f"warn ({self.warn}) must not exceed alert ({self.alert})")
        return self


class PromotionSpec(_Part):
    """Whether a new version becomes champion by itself, and how much worse it may be (a negative share)."""

    mode: Literal["auto", "manual"] = "auto"
    not_worse: Share = -0.01


class ModelSpec(_Part):
    """Everything particular to one model."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    source: SourceSpec
    target: TargetSpec
    features: FeatureSpec
    reduction: ReductionSpec = ReductionSpec()
    automl: AutomlSpec = AutomlSpec()
    budget: BudgetSpec = BudgetSpec()
    drift: DriftSpec = DriftSpec()
    promotion: PromotionSpec = PromotionSpec()

    @property
    def digest(self) -> str:
        """sha256 (hex) of the spec's canonical JSON: what a stage's key depends on."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @model_validator(mode="after")
    def _features_are_known_beforehand(self) -> Self:
        reserved = {
            self.target.column: "the target",
            self.source.entity_key: "the entity key",
            self.source.event_time: "the event time",
            self.source.available_at: "the time features were available",
        }
        for name in self.features.names:
            if name in reserved:
                raise ValueError(f"feature {name!r} is {reserved[name]}; take it out of features")
        watched = [] if self.drift.columns == "all" else self.drift.columns
        unknown = sorted({*watched, *self.drift.exclude} - set(self.features.names))
        if unknown:
            raise ValueError(
                f"drift names what is no feature: {', '.join(unknown)}; "
                f"features are {', '.join(self.features.names)}"
            )
        return self


def load_spec(path: Path) -> ModelSpec:
    """The spec in one YAML file; SpecError names every fault, its place and what is allowed there."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file; a model needs a spec, see models/") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise SpecError(f"{path}: a spec is a mapping with the keys {', '.join(ModelSpec.model_fields)}")
    try:
        return ModelSpec.model_validate(document)
    except ValidationError as error:
        faults = "\n".join(f"  {fault}" for fault in describe_faults(error, ModelSpec))
        raise SpecError(f"{path}: {error.error_count()} fault(s)\n{faults}") from None


def load_specs(models_dir: Path) -> list[ModelSpec]:
    """Every spec (`*.yaml`) of a directory, by file name; SpecError if two share a name."""
    if not models_dir.is_dir():
        raise SpecError(f"{models_dir}: no such directory; set MOJOLINE_MODELS_DIR to where the specs are")
    found: dict[str, Path] = {}
    specs = []
    for path in sorted(models_dir.glob("*.yaml")):
        spec = load_spec(path)
        if spec.name in found:
            raise SpecError(f"{path}: the name {spec.name!r} is taken by {found[spec.name]}; rename one")
        found[spec.name] = path
        specs.append(spec)
    return specs
