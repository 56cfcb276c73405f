"""What one generation of a model's aliases serves, flipped as a whole: no answer mixes two of them."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property

from mojoline.registry.experiment import Experiment
from serving.served_model import ServedModel
from serving.variant_tally import VariantTally

CHAMPION = "champion"
PINNED = "pinned"  # the caller named the version


_UNCOUNTED = nullcontext()


@dataclass(frozen=True)
class Route:
    """Who answers a request. `sticky` tells whether the next one with its key comes here too."""

    served: ServedModel
    variant: str = CHAMPION
    sticky: bool | None = None  # None: nothing is split
    tally: VariantTally | None = None

    def noted(self) -> AbstractContextManager[None]:
        """Count the block as a request of the variant; one that ends with an error as a failure."""
        return _UNCOUNTED if self.tally is None else self._counted(self.tally)

    @contextmanager
    def _counted(self, tally: VariantTally) -> Iterator[None]:
        started, failed = time.perf_counter(), True
        try:
            yield
            failed = False
        finally:
            tally.note(time.perf_counter() - started, failed)


@dataclass(frozen=True)
class Serving:
    """The champion and, while an experiment runs, the version and the tally of each of its variants.

    `key` is what the caller says the request is about; it goes before the entity keys of the rows.
    `forced` is the variant that the caller chose; it goes before both.
    """

    champion: ServedModel
    experiment: Experiment | None = None
    variants: Mapping[str, ServedModel] = field(default_factory=dict)
    tallies: Mapping[str, VariantTally] = field(default_factory=dict)
    key: str | None = None
    forced: str | None = None

    @classmethod
    def pinned(cls, served: ServedModel) -> "Serving":
        """One version that a caller named, whatever the aliases say."""
        return cls(served, variants={PINNED: served})

    @cached_property
    def _champion_only(self) -> Route:
        """The route of all requests where nothing is split."""
        return Route(self.champion)

    @property
    def answering(self) -> Mapping[str, ServedModel]:
        """The variants that answer somebody, by name."""
        if PINNED in self.variants:
            return self.variants
        if self.experiment is None:
            return {CHAMPION: self.champion}
        return {variant.name: self.variants[variant.name] for variant in self.experiment.live}

    def asked(self, key: str | None, forced: str | None = None) -> "Serving":
        """The same for a request about `key` that wants the variant `forced`; None: it does not say."""
        return self if key is None and forced is None else replace(self, key=key, forced=forced)

    def route(self, entities: Iterable[object], request_id: str) -> Route:
        """Who answers.

        Args:
            entities: the entity keys of the request's rows. The rows of one request are answered by one
                variant, so only a key that they share makes the request sticky.
            request_id: stands in for the key where there is none.
        """
        if PINNED in self.variants:
            return Route(self.champion, PINNED)
        if self.experiment is None:
            return self._champion_only
        if self.forced is not None:
            return Route(self.variants[self.forced], self.forced, False, self.tallies[self.forced])
        key = self.key or shared_key(entities)
        variant = self.experiment.choose(request_id if key is None else key)
        return Route(self.variants[variant.name], variant.name, key is not None, self.tallies[variant.name])

    def shadows(self, request_id: str) -> list[Route]:
        """The variants that score a request besides, answering nobody."""
        if self.experiment is None:
            return []
        chosen = self.experiment.shadows_of(request_id)
        return [Route(self.variants[variant.name], variant.name) for variant in chosen]


def shared_key(entities: Iterable[object]) -> str | None:
    """The key that all rows have; None if one has none, or another."""
    keys = set(map(str, known)) if None not in (known := list(entities)) else set()
    return keys.pop() if len(keys) == 1 else None
