"""Champion rollout: the registry's aliases moved, so the prediction server is told and watched until it follows.

The server also reads the aliases by itself; this is the faster way, and the one that says what went wrong.
"""

import json
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
    """The last generation the server was told about, and when (seconds since the epoch); the sensor's cursor."""

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
    """Tell the server, or leave it, and why."""

    action: Literal["tell", "leave"]
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
    if server is not None and server.generation >= wanted.generation and server.version == wanted.version:
        return Decision("leave", f"the server follows: {server.version}, generation {server.generation}")
    if server is not None and server.generation > wanted.generation:
        return Decision(
            "leave", f"the server is ahead at generation {server.generation}: the registry is read again"
        )
    if told.generation == wanted.generation and now - told.at < RETRY_SECONDS:
        error = server.last_error if server and server.last_error else "it is still loading"
        kept = server.version if server else None
        return Decision("leave", f"told of generation {wanted.generation}, the server keeps {kept}: {error}")
    return Decision("tell", f"the server has to move to {wanted.version}, generation {wanted.generation}")


def champion_rollout_sensor(spec: ModelSpec) -> dg.SensorDefinition:
    """The sensor that carries the champion of `spec` to the prediction server."""

    @dg.sensor(
        name=f"{spec.name}_champion_rollout",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Tells the prediction server when the champion of {spec.name} changed, and records the swap on the "
            "champion asset. A server or registry that cannot be read is reported, never taken as empty."
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
    decision = decide(wanted, plane.read_state(spec.name), told, plane.now())
    if decision.action == "leave":
        return dg.SkipReason(decision.reason)
    told = Told(wanted.generation, plane.now())
    plane.sync(spec.name, wanted.generation)
    state = plane.wait_for(spec.name, wanted.generation, seconds=CONVERGENCE_SECONDS)
    if state is None or state.generation < wanted.generation:
        error = state.last_error if state and state.last_error else f"not loaded in {CONVERGENCE_SECONDS:g} s"
        return dg.SensorResult(
            skip_reason=f"{decision.reason}, but it keeps {state.version if state else None}: {error}",
            cursor=told.write(),
        )
    return dg.SensorResult(
        skip_reason=f"the server moved to {state.version}, generation {state.generation}",
        cursor=told.write(),
        asset_events=[_swap_observation(spec, state)],
    )


def _read_wanted(registry_url: str, name: str) -> Wanted | None:
    aliases = open_registry(registry_url).aliases(name)
    champion = aliases.aliases.get("champion")
    return None if champion is None else Wanted(champion.version, aliases.generation)


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
