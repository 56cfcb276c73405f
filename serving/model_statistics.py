"""Which versions are loaded and what they did, in the words of Triton's repository and statistics extensions.

https://github.com/triton-inference-server/server/tree/main/docs/protocol
The figures are those of the metrics page, so with several workers they are the sum of all.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from serving.metrics_page import open_registry
from serving.model_catalog import ModelCatalog
from serving.worker_states import WorkerStates

_MEASURES = (
    *("mojoline_stage_seconds", "mojoline_last_inference_timestamp_seconds", "mojoline_inferred_rows"),
    *("mojoline_executions", "model_infer_request_success", "model_infer_request_failure"),
)
_STAGES = {"parse": "compute_input", "score": "compute_infer", "serialize": "compute_output"}


def index_models(states: WorkerStates, *, ready_only: bool = False) -> list[dict[str, str]]:
    """`[{"name", "version", "state", "reason", "alias"}]` of every version that a worker holds, or should.

    READY is what all of them hold; the one whose alias is champion answers.
    """
    workers = list(states.read().values())
    names = sorted({name for state in workers for name in state})
    entries = [entry for name in names for entry in _index(name, [state.get(name, {}) for state in workers])]
    return [entry for entry in entries if entry["state"] == "READY"] if ready_only else entries


async def model_statistics(
    catalog: ModelCatalog, model: str | None, version: str | None
) -> list[dict[str, Any]]:
    """The statistics of all loaded versions, or of one model, or of one version."""
    wanted = [
        (name, loaded)
        for name, slot in sorted(catalog.slots.items())
        for loaded in sorted(slot.loaded)
        if model in (None, name) and version in (None, loaded)
    ]
    registry = open_registry()
    # it reads every measure, and the files of every worker: not on the event loop
    return await asyncio.get_running_loop().run_in_executor(None, _describe_all, registry, wanted)


def _index(name: str, workers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    aliases = {
        version["version"]: version["alias"] for worker in workers for version in worker.get("loaded", ())
    }
    failed = next((str(worker["last_error"]) for worker in workers if worker.get("last_error")), "")

    def entry(version: str, state: str, reason: str) -> dict[str, str]:
        alias = aliases.get(version, "")
        return {"name": name, "version": version, "state": state, "reason": reason, "alias": alias}

    for version, alias in sorted(aliases.items()):
        holders = [worker for worker in workers if _holds(worker, version)]
        if len(holders) == len(workers):
            yield entry(version, "READY", failed if alias == "champion" else "")
        else:
            others = [worker for worker in workers if not _holds(worker, version)]
            coming = max(map(_generation, holders)) > min(map(_generation, others))
            reason = f"{len(holders)} of {len(workers)} workers hold it"
            yield entry(version, "LOADING" if coming else "UNLOADING", reason)
    awaited = {str(worker["loading"]) for worker in workers if worker.get("loading")} - aliases.keys()
    for version in sorted(awaited):
        yield entry(version, "LOADING", "")
    if not aliases and not awaited:
        yield entry("", "UNAVAILABLE", failed or "no champion is promoted yet")


def _holds(worker: Mapping[str, Any], version: str) -> bool:
    return any(loaded["version"] == version for loaded in worker.get("loaded", ()))


def _generation(worker: Mapping[str, Any]) -> int:
    return int(worker.get("generation") or 0)


def _describe_all(registry: CollectorRegistry, wanted: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    figures = {
        (*_of_version(sample.labels), sample.name, sample.labels.get("stage", "")): sample.value
        for metric in registry.collect()
        if metric.name in _MEASURES
        for sample in metric.samples
        if _of_version(sample.labels) in wanted
    }
    return [_describe(figures, name, version) for name, version in wanted]


def _of_version(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("model_name", ""), labels.get("model_version", "")


def _describe(figures: Mapping[tuple[str, str, str, str], float], name: str, version: str) -> dict[str, Any]:
    def value(sample: str, stage: str = "") -> float:
        return figures.get((name, version, sample, stage), 0.0)

    def spent(stage: str) -> dict[str, int]:
        count, seconds = (value(f"mojoline_stage_seconds_{part}", stage) for part in ("count", "sum"))
        return {"count": int(count), "ns": round(1e9 * seconds)}

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
