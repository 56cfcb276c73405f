"""What a model's slot says of itself: to the status page, to the other workers, to the metrics."""

from mojoline.registry.experiment import Variant
from serving.model_slot import ModelSlot
from serving.routing import Serving
from serving.served_model import ServedModel

STATUS_WINDOW = 60.0  # seconds that a variant's figures look back


def describe_slot(slot: ModelSlot) -> dict[str, object]:
    """What `/admin/status` says about the model; `version` serves now, whatever the state is."""
    return {
        "version": slot.current.version if slot.current else None,
        "generation": slot.generation,
        "state": slot.state,
        "last_error": slot.last_error,
        "swap_seconds": slot.swap_seconds,
        "loading": slot.loading,
        "loaded": sorted(slot.loaded),
        "experiment": _describe_experiment(slot.serving),
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
    }


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


def _describe_experiment(serving: Serving | None) -> dict[str, object] | None:
    if serving is None or serving.experiment is None:
        return None
    experiment = serving.experiment
    return {
        "id": experiment.id,
        "variants": {v.name: _describe_variant(serving, v) for v in experiment.variants},
    }


def _describe_variant(serving: Serving, variant: Variant) -> dict[str, object]:
    shown: dict[str, object] = {"version": serving.variants[variant.name].version, "mode": variant.mode}
    if variant.name in serving.tallies:
        seen = serving.tallies[variant.name].summary(STATUS_WINDOW)
        shown |= {
            "weight": variant.weight,
            "requests": seen.requests,
            "failures": seen.failures,
            "p99_us": round(seen.p99 * 1e6, 1),
        }
    return shown
