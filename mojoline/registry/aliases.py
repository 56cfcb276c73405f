"""`aliases.json`, the only mutable file of a model, and how its content follows from the one before.

Every change adds one to `generation`, so that a writer can say which content its decision rests on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mojoline.registry.errors import ConflictError, NotFoundError
from mojoline.registry.experiment import Experiment
from mojoline.registry.manifest import VERSION_PATTERN

ALIASES = "aliases.json"

AliasName = Literal["champion", "challenger", "previous"]


class AliasEntry(BaseModel):
    """The version an alias names, with the digest its manifest must have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=rf"^{VERSION_PATTERN.pattern}$")
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Aliases(BaseModel):
    """What is served, since when, by whom and why. Generation 0: nothing was ever promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generation: int = Field(default=0, ge=0)
    aliases: dict[AliasName, AliasEntry] = Field(default_factory=dict)
    experiment: Experiment | None = None
    updated_by: str | None = None
    updated_at: datetime | None = None
    reason: str | None = None
    override: str | None = None

    @property
    def champion(self) -> AliasEntry | None:
        """The version that is served."""
        return self.aliases.get("champion")

    @property
    def previous(self) -> AliasEntry | None:
        """The version a rollback returns to."""
        return self.aliases.get("previous")

    @property
    def challenger(self) -> AliasEntry | None:
        """The version that waits for a decision."""
        return self.aliases.get("challenger")


class Change(BaseModel):
    """Who changes the aliases, when and why; `override` says why a gate was passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str
    at: datetime
    reason: str
    override: str | None = None


def require_generation(name: str, current: Aliases, expected: int) -> None:
    """ConflictError unless the aliases are still those the caller decided on."""
    if current.generation != expected:
        raise ConflictError(
            f"{name}: aliases are at generation {current.generation}, not {expected}: {current.updated_by} "
            f"changed them ({current.reason}); read them again and decide again"
        )


def with_champion(current: Aliases, entry: AliasEntry, change: Change) -> Aliases:
    """`entry` is champion, the champion before it is previous; it is no challenger any more."""
    if current.champion == entry:
        return current
    moved = dict(current.aliases)
    if current.challenger == entry:
        moved.pop("challenger")
    moved["champion"] = entry
    if current.champion is not None:
        moved["previous"] = current.champion
    return _changed(current, moved, change)


def with_challenger(current: Aliases, entry: AliasEntry | None, change: Change) -> Aliases:
    """`entry` is challenger; None takes the challenger away."""
    moved = dict(current.aliases)
    moved.pop("challenger", None)
    if entry is not None:
        moved["challenger"] = entry
    return current if moved == current.aliases else _changed(current, moved, change)


def with_rollback(name: str, current: Aliases, change: Change) -> Aliases:
    """Champion and previous change places, so that a second rollback undoes the first.

    Raises:
        NotFoundError: there is no version to return to.
    """
    if current.champion is None or current.previous is None:
        raise NotFoundError(
            f"{name} has no previous champion to roll back to: promote a second version before rolling back"
        )
    moved = {**current.aliases, "champion": current.previous, "previous": current.champion}
    return _changed(current, moved, change)


def with_experiment(current: Aliases, experiment: Experiment | None, change: Change) -> Aliases:
    """`experiment` splits the requests from now on; None: the champion answers them all."""
    wanted = None if experiment is None else experiment.allotted(current.experiment)
    if wanted == current.experiment:
        return current
    return _changed(current, current.aliases, change).model_copy(update={"experiment": wanted})


def _changed(current: Aliases, moved: Mapping[AliasName, AliasEntry], change: Change) -> Aliases:
    return Aliases(
        generation=current.generation + 1,
        aliases=dict(moved),
        experiment=current.experiment,
        updated_by=change.by,
        updated_at=change.at,
        reason=change.reason,
        override=change.override,
    )
