"""What `/admin/status` says: what every worker serves, why not something newer, and how the stores are."""

from typing import TYPE_CHECKING, Protocol

from serving.context import ServingContext
from serving.model_slot import ModelSlot
from serving.slot_status import describe_slot, variants_of

if TYPE_CHECKING:
    from mojoline.drift.reservoir import ReservoirWriter
    from serving.breaker import Breaker


class _Store(Protocol):
    breaker: "Breaker"
    last_error: str | None


def describe_server(context: ServingContext) -> dict[str, object]:
    """Everything; a store that is away is no reason not to be ready."""
    catalog = context.catalog
    return {
        "ready": catalog.unready_reason is None,
        "reason": catalog.unready_reason,
        "models": {
            name: {**describe_model(context, slot), "shadows": context.shadow.describe(name)}
            for name, slot in catalog.slots.items()
        },
        "registry_error": catalog.last_error,
        "reservoir": _describe_reservoir(context.reservoir),
        "redis": _describe_store(context.redis_pool),
        "postgres": _describe_store(context.entity_pool),
    }


def describe_model(context: ServingContext, slot: ModelSlot) -> dict[str, object]:
    """The state of this worker; `generation` is that which all workers have come to."""
    states = context.states.read()
    workers = {
        str(worker): {key: state[slot.name][key] for key in ("version", "generation", "state", "last_error")}
        for worker, state in states.items()
        if slot.name in state
    }
    failed = next((str(one["last_error"]) for one in workers.values() if one["last_error"]), None)
    return {
        **describe_slot(slot, variants_of(states, slot.name)),
        "generation": context.states.generation(slot.name),
        "last_error": slot.last_error or failed,
        "workers": workers,
    }


def _describe_store(store: _Store | None) -> dict[str, object] | None:
    """None where the settings name no such store."""
    if store is None:
        return None
    return {"left_alone": store.breaker.is_open, "last_error": store.last_error}


def _describe_reservoir(reservoir: "ReservoirWriter | None") -> dict[str, object] | None:
    if reservoir is None:
        return None
    return {
        "written": reservoir.written,
        "pending": reservoir.pending,
        "lost": reservoir.lost,
        "last_error": reservoir.last_error,
    }
