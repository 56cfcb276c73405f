"""One loaded version: immutable, so that a request which took it finishes on it whatever happens then."""

from collections.abc import Mapping, Sequence
from typing import Literal

from mojoline.drift.sample import DEFAULT_SIZE
from mojoline.registry.manifest import Manifest
from mojoline.runtime.scoring_model import ScoringModel
from serving.column_census import ColumnCensus

Kind = Literal["numeric", "categorical"]

PLATFORM = "h2o_mojo"


class ServedModel:
    """A model version with everything a request needs to know about it."""

    def __init__(self, manifest: Manifest, manifest_sha256: str, scoring: ScoringModel) -> None:
        self.name = manifest.name
        self.version = manifest.version
        self.manifest = manifest
        self.manifest_sha256 = manifest_sha256
        self.scoring = scoring
        self.features = frozenset(scoring.feature_names)
        self.kinds = _input_kinds(manifest, scoring)
        self.required = tuple(column.name for column in manifest.columns if column.na == "error")
        self.entity_key = manifest.tags.get("entity_key")
        self.event_time = manifest.tags.get("event_time")
        self.ignored = frozenset(name for name in (self.entity_key, self.event_time) if name)
        self.reservoir_size = int(manifest.tags.get("reservoir", DEFAULT_SIZE))
        self.output_fields = _output_fields(scoring)
        self.census = ColumnCensus(self.name, scoring.feature_names, scoring.domains)

    def describe(self, versions: Sequence[str]) -> dict[str, object]:
        """The model's metadata in the words of the Open Inference Protocol."""
        datatypes = {"numeric": "FP64", "categorical": "BYTES"}
        outputs = [{"name": "predict", "datatype": "BYTES", "shape": [-1]}] if self.has_labels else []
        outputs += [{"name": name, "datatype": "FP64", "shape": [-1]} for name in self.output_fields]
        return {
            "name": self.name,
            "versions": list(versions),
            "platform": PLATFORM,
            "inputs": [
                {"name": name, "datatype": datatypes[kind], "shape": [-1]}
                for name, kind in self.kinds.items()
            ],
            "outputs": outputs,
        }

    @property
    def contribution_space(self) -> str:
        """Whose columns contributions have: `raw` the caller's, `reduced` those of a pipeline's model."""
        return "reduced" if self.scoring.is_pipeline else "raw"

    @property
    def has_labels(self) -> bool:
        """Whether a prediction is one of several labels; else it is a number (or components)."""
        return self.scoring.response_domain is not None


def _input_kinds(manifest: Manifest, scoring: ScoringModel) -> Mapping[str, Kind]:
    """Name -> kind of what a row may hold: what the MOJO reads, and what training dropped as constant."""
    kinds: dict[str, Kind] = {
        name: "categorical" if name in scoring.domains else "numeric" for name in scoring.feature_names
    }
    for column in manifest.columns:
        kinds.setdefault(column.name, column.type)
    return kinds


def _output_fields(scoring: ScoringModel) -> list[str]:
    """The name of each score in a V2 answer: p0 and p1 for two classes, p_<label> for more."""
    labels = scoring.response_domain
    if labels is None:
        return list(scoring.output_names)
    if len(labels) == 2:
        return ["p0", "p1"]
    return [f"p_{label}" for label in labels]
