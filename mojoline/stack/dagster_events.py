"""What Dagster tells of a run and of an asset, as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunEvent:
    """One event of a run.

    `kind` is Dagster's event type (STEP_START, STEP_SUCCESS, STEP_FAILURE, ASSET_MATERIALIZATION,
    ASSET_CHECK_EVALUATION, RUN_SUCCESS, ...; "LOG" for a plain log line); `timestamp` is in seconds.
    """

    kind: str
    message: str
    timestamp: float
    step: str | None = None
    asset_key: str | None = None  # parts joined by "/"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Materialization:
    """What an asset recorded when it was last materialized."""

    run_id: str
    timestamp: float
    metadata: Mapping[str, Any]


def read_event(raw: Mapping[str, Any]) -> RunEvent:
    """One event as GraphQL gives it."""
    key = raw.get("assetKey") or (raw.get("evaluation") or {}).get("assetKey")
    entries = raw.get("metadataEntries") or (raw.get("evaluation") or {}).get("metadataEntries") or []
    metadata = read_metadata(entries)
    if evaluation := raw.get("evaluation"):
        metadata |= {"check": evaluation["checkName"], "passed": evaluation["success"]}
    return RunEvent(
        kind=raw.get("eventType") or "LOG",
        message=raw["message"],
        timestamp=float(raw["timestamp"]) / 1000,
        step=raw.get("stepKey"),
        asset_key="/".join(key["path"]) if key else None,
        metadata=metadata,
        error=_error_text(raw["error"]) if raw.get("error") else None,
    )


def read_metadata(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Recorded metadata as plain values, by label."""
    return {entry["label"]: _value(entry) for entry in entries}


def _value(entry: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the asset recorded
    if entry["__typename"] == "JsonMetadataEntry":
        return json.loads(entry["jsonString"])
    if entry["__typename"] == "IntMetadataEntry":
        return int(entry["intRepr"])  # GraphQL's own integers end at 2**31
    if entry["__typename"] == "TableMetadataEntry":
        return [json.loads(record) for record in entry["table"]["records"]]
    names = ("text", "floatValue", "boolValue", "mdStr", "path", "url", "timestampValue", "jobName", "runId")
    return next((entry[name] for name in names if name in entry), None)


def _error_text(error: Mapping[str, Any]) -> str:
    """The innermost cause: the outer ones only say that a step failed."""
    while error.get("cause"):
        error = error["cause"]
    return str(error["message"]).strip()
