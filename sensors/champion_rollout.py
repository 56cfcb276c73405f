"""Champion rollout: the aliases moved, so the prediction server is told and watched until it follows.

The server also reads the aliases by itself; this is the faster way, and the one that says what went wrong.
"""

import json
import time
from dataclasses import asdict, dataclass
from typing import Literal

import dagster as dg

from mojoline.errors import MojolineError
from mojoline.model_spec import ModelSpec
from mojoline.registry.filesystem_registry import open_registry
from mojoline.settings import load_settings
from sensors.admin_plane import AdminPlane, ServerState, ServerUnreadableError

INTERVAL_SECONDS = 5
CONVERGENCE_SECONDS = 20.0
RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Wanted:
    """What the registry says should be served."""

    version: str
    generation: int


@dataclass(frozen=True)
class Told:
    """The sensor's cursor: the last generation the server was told about, and when (seconds since 1970)."""

    generation: int = -1
    at: float = 0.0

    @classmethod
    def read(cls, cursor: str | None) -> "Told":
        """From the cursor of an earlier tick."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def write(self) -> str:
        """As a cursor."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Decision:
    """Tell the server, record that it followed by itself, or leave it; and why."""

    action: Literal["tell", "record", "leave"]
    reason: str


def decide(wanted: Wanted | None, server: ServerState | None, told: Told, now: float) -> Decision:
    """Whether the server has to be told.

    Args:
        wanted: champion and generation of the registry; None if nothing was ever promoted.
        server: what the server says of this model; None if it answers but does not know the model yet.
        told: the generation it was last told about.
        now: seconds since the epoch.
    """
    if wanted is None:
        return Decision("leave", "no champion in the registry yet")
    at = f"generation {wanted.generation}"
    if server is not None and server.generation >= wanted.generation:
        if server.generation > wanted.generation:
            return Decision("leave", f"the server is ahead (generation {server.generation}): read again")
        if server.version == wanted.version:
            known = told.generation >= wanted.generation
            return Decision("leave" if known else "record", f"the server serves {server.version}, {at}")
    if told.generation == wanted.generation and now - told.at < RETRY_SECONDS:
        error = server.last_error if server and server.last_error else "it is still loading"
        kept = server.version if server else None
        return Decision("leave", f"told to serve {wanted.version}, {at}, the server keeps {kept}: {error}")
    return Decision("tell", f"the server has to move to {wanted.version}, {at}")


def champion_rollout_sensor(spec: ModelSpec) -> dg.SensorDefinition:
    """The sensor that carries the champion of `spec` to the prediction server."""

    @dg.sensor(
        name=f"{spec.name}_champion_rollout",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Tells the prediction server when the champion of {spec.name} changed, and records the swap on "
            "the champion asset. A server or registry that cannot be read is reported, never taken as empty."
        ),
    )
    def champion_rollout(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            return _roll_out(spec, Told.read(context.cursor))
        except ServerUnreadableError as error:
            return dg.SkipReason(f"could not read the server: {error}")
        except (MojolineError, OSError) as error:
            return dg.SkipReason(f"could not read the registry: {error}")

    return champion_rollout


def _roll_out(spec: ModelSpec, told: Told) -> dg.SensorResult | dg.SkipReason:
    settings = load_settings()
    wanted = _read_wanted(settings.registry_url, spec.name)
    if wanted is None:
        return dg.SkipReason(decide(None, None, told, 0.0).reason)
    plane = AdminPlane.of(settings)
    state, now = plane.read_state(spec.name), time.time()
    decision = decide(wanted, state, told, now)
    if decision.action == "leave":
        return dg.SkipReason(decision.reason)
    outcome = decision.reason
    if decision.action == "tell":
        plane.sync(spec.name, wanted.generation)
        before, state = state, plane.wait_for(spec.name, wanted.generation, seconds=CONVERGENCE_SECONDS)
        outcome = describe_outcome(wanted, before, state)
    moved = state is not None and state.generation >= wanted.generation
    return dg.SensorResult(
        skip_reason=outcome,
        cursor=Told(wanted.generation, now).write(),
        asset_events=[_swap_observation(spec, state)] if state is not None and moved else [],
    )


def describe_outcome(wanted: Wanted, before: ServerState | None, after: ServerState | None) -> str:
    """What came of telling the server, in a sentence for the tick list."""
    if after is None:
        return f"told to serve {wanted.version}, the server does not know the model yet"
    if after.generation < wanted.generation:
        error = after.last_error or f"not loaded after {CONVERGENCE_SECONDS:g} s"
        return f"told to serve {wanted.version}, the server keeps {after.version}: {error}"
    return f"the server moved from {before.version if before else None} to {after.version}"


def _read_wanted(registry_url: str, name: str) -> Wanted | None:
    aliases = open_registry(registry_url).aliases(name)
    return None if aliases.champion is None else Wanted(aliases.champion.version, aliases.generation)


def _swap_observation(spec: ModelSpec, state: ServerState) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=dg.AssetKey([spec.name, "champion"]),
        description=f"the prediction server serves {state.version}",
        metadata={
            "version": str(state.version),
            "generation": state.generation,
            "swap_seconds": state.swap_seconds or 0.0,
        },
    )
