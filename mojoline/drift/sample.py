"""One sampled row: what was scored, what came out, and when it happened; the members of the reservoir."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from mojoline.drift.errors import DriftError

DEFAULT_SIZE = 500  # rows kept of each hour


@dataclass(frozen=True)
class SampledRow:
    """A row of the reservoir with its draw `u` in [0, 1); smaller draws are kept longer."""

    u: float
    model: str
    version: str
    variant: str
    request_id: str
    row: int
    event_time: datetime
    features: Mapping[str, object]
    scores: Sequence[float]
    label: str | None = None
    entity: str | None = None


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one answered request, as the writer takes them.

    `features[i]` holds the values of row i by column (missing ones absent or None), `scores[i]` the model's
    outputs, `labels[i]` its label (no list for a regression). `event_time` None means now.
    """

    model: str
    version: str
    variant: str
    request_id: str
    features: Sequence[Mapping[str, object]]
    scores: Sequence[Sequence[float]]
    labels: Sequence[str] | None = None
    event_time: datetime | None = None
    entities: Sequence[str | None] = field(default_factory=list)

    def member(self, row: int, event_time: datetime) -> bytes:
        """Row `row` as the text that is kept in Redis; the same for every retry with an event time."""
        content: dict[str, object] = {
            "request_id": self.request_id,
            "row": row,
            "event_time": event_time.isoformat(),
            "features": {k: v for k, v in self.features[row].items() if v is not None},
            "scores": list(self.scores[row]),
        }
        if self.labels is not None:
            content["label"] = self.labels[row]
        if self.entities and self.entities[row] is not None:
            content["entity"] = self.entities[row]
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def reservoir_key(model: str, version: str, variant: str, hour: datetime) -> str:
    """The sorted set with the sample of the (UTC) hour of a moment; one cluster slot per model."""
    utc = hour.astimezone(UTC)
    stamp = f"{utc.year:04}{utc.month:02}{utc.day:02}{utc.hour:02}"
    return f"mojoline:{{{model}}}:r:{version}:{variant}:{stamp}"


def parse_member(key: str, member: bytes, u: float) -> SampledRow:
    """The row behind one member of the set `key`; DriftError if it is not what `ScoredRows.member` writes."""
    try:
        model, _, version, variant, _ = key.removeprefix("mojoline:").split(":")
        content = orjson.loads(member)
        return SampledRow(
            u=u,
            model=model[1:-1],
            version=version,
            variant=variant,
            request_id=content["request_id"],
            row=content["row"],
            event_time=datetime.fromisoformat(content["event_time"]),
            features=content["features"],
            scores=content["scores"],
            label=content.get("label"),
            entity=content.get("entity"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DriftError(f"{key} holds {member[:80]!r}, which is not a sampled row: {error!r}") from error
