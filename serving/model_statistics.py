"""Which versions are loaded and what they did, in the words of Triton's repository and statistics extensions.

https://github.com/triton-inference-server/server/tree/main/docs/protocol
The figures are those of the metrics page, so with several workers they are the sum of all.
"""

from typing import Any

from prometheus_client import CollectorRegistry

from serving.metrics_page import open_registry
from serving.model_catalog import ModelCatalog
from serving.model_slot import ModelSlot

_STAGES = {"parse": "compute_input", "score": "compute_infer", "ser": "compute_output"}


def index_models(catalog: ModelCatalog, *, ready_only: bool = False) -> list[dict[str, str]]:
    """`[{"name", "version", "state", "reason"}]` of every version that is loaded, or should be."""
    entries = [entry for name in sorted(catalog.slots) for entry in _index(catalog.slots[name])]
    return [entry for entry in entries if entry["state"] == "READY"] if ready_only else entries


def model_statistics(catalog: ModelCatalog, model: str | None, version: str | None) -> list[dict[str, Any]]:
    """The statistics of all loaded versions, or of one model, or of one version."""
    registry = open_registry()
    return [
        _describe(registry, name, loaded)
        for name, slot in sorted(catalog.slots.items())
        for loaded in sorted(slot.loaded)
        if model in (None, name) and version in (None, loaded)
    ]


def _index(slot: ModelSlot) -> list[dict[str, str]]:
    status = slot.status()
    entries = [
        {"name": slot.name, "version": version, "state": "READY", "reason": ""}
        for version in sorted(slot.loaded)
    ]
    if status["loading"] is not None:
        entries.append(
            {"name": slot.name, "version": str(status["loading"]), "state": "LOADING", "reason": ""}
        )
    elif slot.current is None:
        reason = slot.last_error or "no champion is promoted yet"
        entries.append({"name": slot.name, "version": "", "state": "UNAVAILABLE", "reason": reason})
    return entries


def _describe(registry: CollectorRegistry, name: str, version: str) -> dict[str, Any]:
    labels = {"model_name": name, "model_version": version}

    def value(sample: str, **more: str) -> float:
        return registry.get_sample_value(sample, {**labels, **more}) or 0.0

    def spent(stage: str) -> dict[str, int]:
        count = value("mojoline_stage_seconds_count", stage=stage)
        return {"count": int(count), "ns": round(1e9 * value("mojoline_stage_seconds_sum", stage=stage))}

    success = int(value("model_infer_request_success_total"))
    stages = {key: spent(stage) for stage, key in _STAGES.items()}
    return {
        "name": name,
        "version": version,
        "last_inference": round(1000 * value("mojoline_last_inference_timestamp_seconds")),
        "inference_count": int(value("mojoline_inferred_rows_total")),
        "execution_count": int(value("mojoline_executions_total")),
        "inference_stats": {
            "success": {"count": success, "ns": sum(stage["ns"] for stage in stages.values())},
            "fail": {"count": int(value("model_infer_request_failure_total")), "ns": 0},
            **stages,
        },
    }
