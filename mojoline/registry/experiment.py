"""An experiment: which share of the requests each variant of a model answers, kept in `aliases.json`.

A request belongs to a bucket by its key, and a variant owns ranges of buckets. The ranges are stored, not
computed from the weights: when weights change, only those requests move that have to, and a key stays with
its variant as long as that does not shrink.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

BUCKETS = 10_000

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Buckets [start, end), in ascending order."""


class Variant(BaseModel):
    """One way to answer.

    `model` is an alias (`champion`, `challenger`, `previous`) or a version, or the URI of one. A live variant
    answers `weight` of 10,000 buckets; a shadow variant scores a `sample` (0 to 1) of all requests besides,
    and nobody waits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")
    model: str = Field(min_length=1, max_length=150)
    weight: int = Field(default=0, ge=0, le=BUCKETS, strict=True)
    mode: Literal["live", "shadow"] = "live"
    sample: float = Field(default=1.0, gt=0, le=1)


class GuardBudget(BaseModel):
    """What a variant may cost before its traffic goes back to the first one.

    Both hold over the last `window` seconds once it had `min_requests` in them: the share of errors above the
    first variant's, and the 99th percentile as a multiple of the first variant's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_rate: float = Field(default=0.01, ge=0, le=1)
    p99_factor: float = Field(default=2.0, ge=1)
    min_requests: int = Field(default=200, ge=1)
    window: float = Field(default=60.0, gt=0)


class Experiment(BaseModel):
    """Live variants whose weights sum to 10,000, the first of them the default, and shadows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    variants: tuple[Variant, ...] = Field(min_length=1, max_length=16)
    guard: GuardBudget | None = None
    ranges: dict[str, Ranges] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_variants(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError(f"variants have the names {', '.join(names)}; each must be unique")
        total = sum(variant.weight for variant in self.live)
        if total != BUCKETS:
            raise ValueError(f"the weights of the live variants sum to {total}, not to {BUCKETS}")
        if any(variant.weight for variant in self.shadows):
            raise ValueError("a shadow variant has no weight: say which `sample` of the requests it sees")
        if self.ranges and not _fits(self.ranges, {v.name: v.weight for v in self.live}):
            raise ValueError("the ranges are not those of the weights: leave them out, they are found anew")
        return self

    @property
    def live(self) -> tuple[Variant, ...]:
        """The variants that answer."""
        return tuple(variant for variant in self.variants if variant.mode == "live")

    @property
    def shadows(self) -> tuple[Variant, ...]:
        """The variants that score without answering."""
        return tuple(variant for variant in self.variants if variant.mode == "shadow")

    def allotted(self, before: "Experiment | None") -> "Experiment":
        """The same with ranges for its weights: near those of `before` where that has the same id."""
        known = before.ranges if before is not None and before.id == self.id else {}
        weights = {variant.name: variant.weight for variant in self.live}
        return self.model_copy(update={"ranges": allot(weights, known)})

    def choose(self, key: str) -> Variant:
        """The live variant that answers requests with this key; the experiment must be allotted."""
        place = bucket(self.id, key)
        for variant in self.live:
            if any(start <= place < end for start, end in self.ranges[variant.name]):
                return variant
        raise AssertionError("the ranges cover all buckets")

    def shadows_of(self, key: str) -> list[Variant]:
        """The shadow variants that score requests with this key."""
        return [
            variant
            for variant in self.shadows
            if bucket(f"{self.id}:{variant.name}", key) < variant.sample * BUCKETS
        ]

    def without(self, name: str) -> "Experiment":
        """The same with all buckets of a live variant given to the first one; ValueError for the first."""
        first = self.live[0]
        if name == first.name:
            raise ValueError(f"variant {name} is the one that others fall back to")
        moved = sum(variant.weight for variant in self.live if variant.name == name)
        changes = {first.name: first.weight + moved, name: 0}
        variants = (v.model_copy(update={"weight": changes.get(v.name, v.weight)}) for v in self.variants)
        return self.model_copy(update={"variants": tuple(variants)}).allotted(self)


def allot(weights: Mapping[str, int], before: Mapping[str, Ranges]) -> dict[str, Ranges]:
    """Ranges of the given sizes that cover all buckets and differ from those before as little as can be.

    Args:
        weights: name -> size; they sum to 10,000.
        before: ranges of an earlier allotment, or nothing.
    """
    owner = [""] * BUCKETS
    for name, ranges in before.items():
        left = weights.get(name, 0)
        for start, end in ranges:
            kept = min(end - start, left)
            owner[start : start + kept] = [name] * kept
            left -= kept
    free = [place for place, name in enumerate(owner) if not name]
    for name, weight in weights.items():
        missing = weight - owner.count(name)
        for place in free[:missing]:
            owner[place] = name
        free = free[missing:]
    return {name: _ranges_of(name, owner) for name in weights}


def _ranges_of(name: str, owner: list[str]) -> Ranges:
    edges = [
        place for place in range(BUCKETS + 1) if _owned(name, owner, place) != _owned(name, owner, place - 1)
    ]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _owned(name: str, owner: list[str], place: int) -> bool:
    return 0 <= place < BUCKETS and owner[place] == name


def _fits(ranges: Mapping[str, Ranges], weights: Mapping[str, int]) -> bool:
    sizes = {name: sum(end - start for start, end in parts) for name, parts in ranges.items()}
    covered = sorted(part for parts in ranges.values() for part in parts)
    whole = [0, *(end for _, end in covered)]
    return sizes == weights and [start for start, _ in covered] == whole[:-1] and whole[-1] == BUCKETS


def bucket(experiment: str, key: str) -> int:
    """0 to 9,999, uniform over keys, the same on every machine."""
    digest = hashlib.sha256(f"{experiment}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS
