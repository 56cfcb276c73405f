"""What a model's slot says of itself: to the status page, to the other workers, to the metrics."""

from collections.abc import Mapping

from mojoline.registry.experiment import Variant
from serving.model_slot import ModelSlot
from serving.routing import Serving
from serving.served_model import ServedModel
from serving.variant_tally import Summary, merge
from serving.worker_states import State

STATUS_WINDOW = 60.0  # seconds that a variant's figures look back where no guard says it


def describe_slot(slot: ModelSlot, seen: Mapping[str, Summary]) -> dict[str, object]:
    """What `/admin/status` says about the model; `version` serves now, whatever the state is.

    Args:
        slot: the model's.
        seen: live variant -> how it does in all workers.
    """
    return {
        "version": slot.current.version if slot.current else None,
        "generation": slot.generation,
        "state": slot.state,
        "last_error": slot.last_error,
        "swap_seconds": slot.swap_seconds,
        "loading": slot.loading,
        "loaded": sorted(slot.loaded),
        "experiment": _describe_experiment(slot.serving, seen),
        "bytes": sum(served.scoring.nbytes for served in slot.loaded.values()),
    }


def served_state(slot: ModelSlot) -> dict[str, object]:
    """What the other workers and the metrics want to know: what serves, what is loaded, what failed."""
    return {
        "version": slot.current.version if slot.current else None,
        "generation": slot.generation,
        "state": slot.state,
        "last_error": slot.last_error,
        "loading": slot.loading,
        "loaded": [_describe_loaded(slot, slot.loaded[version]) for version in sorted(slot.loaded)],
        "variants": slot.seen,
        "drift": slot.drift,
    }


def variants_of(states: Mapping[int, State], model: str, generation: int | None = None) -> dict[str, Summary]:
    """Live variant -> how it does in all workers, or in those that serve `generation`."""
    parts: dict[str, list[Summary]] = {}
    for state in states.values():
        served = state.get(model, {})
        if generation not in (None, served.get("generation")):
            continue
        for name, figures in served.get("variants", {}).items():
            parts.setdefault(name, []).append(Summary(*figures))
    return {name: merge(found) for name, found in parts.items()}


def summaries(serving: Serving) -> dict[str, tuple[int, int, float]]:
    """Variant -> requests, failures, p99 in seconds of this worker. Not short: for a thread."""
    if serving.experiment is None:
        return {}
    guard = serving.experiment.guard
    found = {
        name: tally.summary(guard.window if guard else STATUS_WINDOW)
        for name, tally in serving.tallies.items()
    }
    return {name: (seen.requests, seen.failures, seen.p99) for name, seen in found.items()}


def _describe_loaded(slot: ModelSlot, served: ServedModel) -> dict[str, object]:
    entries = {entry.version: alias for alias, entry in sorted(slot.aliases.aliases.items(), reverse=True)}
    return {
        "version": served.version,
        "alias": entries.get(served.version, ""),
        "digest": served.manifest_sha256,
        "algorithm": served.scoring.algorithm,
        "h2o_version": served.scoring.h2o_version,
        "mojo_version": served.scoring.mojo_version,
        "bytes": served.scoring.nbytes,
        "created_at": served.manifest.created_at.timestamp(),
    }


def _describe_experiment(serving: Serving | None, seen: Mapping[str, Summary]) -> dict[str, object] | None:
    if serving is None or serving.experiment is None:
        return None
    experiment = serving.experiment
    return {
        "id": experiment.id,
        "variants": {v.name: _describe_variant(serving, v, seen.get(v.name)) for v in experiment.variants},
    }


def _describe_variant(serving: Serving, variant: Variant, seen: Summary | None) -> dict[str, object]:
    shown: dict[str, object] = {"version": serving.variants[variant.name].version, "mode": variant.mode}
    if variant.mode == "live":
        seen = seen or Summary(0, 0, 0.0)
        shown |= {
            "weight": variant.weight,
            "requests": seen.requests,
            "failures": seen.failures,
            "p99_us": round(seen.p99 * 1e6, 1),
        }
    return shown
