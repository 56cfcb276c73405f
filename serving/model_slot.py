"""One model's place in the server: load the champion beside, flip one reference, retire what is not needed.

The alias file decides what serves. While it cannot be followed (damaged version, unreadable registry) the
last good version stays, and the reason is in the slot's status.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor

from mojoline.errors import MojolineError
from mojoline.registry.aliases import AliasEntry, Aliases
from mojoline.registry.experiment import Experiment
from mojoline.registry.filesystem_reader import FilesystemReader
from serving.metrics import SWAP_LAST_SUCCESS, SWAP_SECONDS, SWAPS
from serving.routing import Serving
from serving.served_model import ServedModel
from serving.variant_drift import Drift
from serving.variant_tally import VariantTally
from serving.version_loading import load_version

FIRST_RETRY = 5.0
LAST_RETRY = 300.0

_log = logging.getLogger("mojoline.serving")


class ModelSlot:
    """Serves one model by name. `serving` is read by requests, everything else runs on the event loop."""

    def __init__(
        self,
        name: str,
        registry: FilesystemReader,
        loader: Executor,
        on_change: Callable[[], None] = lambda: None,
        prepare: Callable[[ServedModel], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.serving: Serving | None = None
        self.loaded: dict[str, ServedModel] = {}
        self.generation: int | None = None
        self.aliases = Aliases()  # those that are served
        self.last_error: str | None = None
        self.swap_seconds: float | None = None
        self._registry = registry
        self._loader = loader
        self._on_change = on_change
        self._prepare = prepare  # what else a version needs before requests come to it
        self._lock = asyncio.Lock()
        self.loading: str | None = None
        self.seen: dict[str, tuple[int, int, float]] = {}  # how the variants do, refreshed by the guard
        self.drift: dict[str, Drift] = {}  # of the variants, refreshed by the worker that measures it
        self._failed: int | None = None  # the generation that could not be followed
        self._pause = FIRST_RETRY
        self._retry_at = 0.0

    @property
    def current(self) -> ServedModel | None:
        """The champion that serves."""
        return self.serving.champion if self.serving else None

    @property
    def state(self) -> str:
        """`empty`, `loading`, `ready`, or `failed`: the newest alias cannot be followed."""
        if self.loading is not None:
            return "loading"
        if self.last_error is not None:
            return "failed"
        return "empty" if self.current is None else "ready"

    async def follow(self, *, force: bool = False) -> None:
        """Serve what the aliases name now. Never raises for what the registry holds: the reason is kept.

        A generation that failed is tried again after a pause that doubles, or at once with `force`.
        """
        async with self._lock:
            loop = asyncio.get_running_loop()
            try:
                aliases = await loop.run_in_executor(None, self._registry.aliases, self.name)
            except Exception as error:  # noqa: BLE001 - whatever it is, the version that serves must stay
                self._note_failure(None, error)
                self._on_change()
                return
            if aliases.generation == self.generation:
                if self._failed is None and self.last_error is not None:
                    self.last_error = None
                    self._on_change()
                return
            if not force and aliases.generation == self._failed and loop.time() < self._retry_at:
                return
            try:
                await self._apply(aliases)
            except Exception as error:  # noqa: BLE001 - as above; a defect of a new version is no exception
                self._note_failure(aliases.generation, error)
            finally:
                self.loading = None
                self._on_change()

    async def _apply(self, aliases: Aliases) -> None:
        champion = aliases.champion
        if champion is None:
            self.generation, self.aliases = aliases.generation, aliases
            return
        started = time.perf_counter()
        served = await self._load(champion)
        variants = await self._load_variants(aliases)
        before = self.current
        flipped = time.perf_counter()  # requests that hold the old one finish on it
        self.serving = Serving(served, aliases.experiment, variants, self._tallies(aliases.experiment))
        if served is not before:
            self.swap_seconds = time.perf_counter() - started
            _log.info("%s serves %s (generation %d)", self.name, served.version, aliases.generation)
        self.seen, self.drift = {}, {}
        SWAP_SECONDS.labels(self.name, "flip").observe(time.perf_counter() - flipped)
        SWAPS.labels(self.name, "done").inc()
        SWAP_LAST_SUCCESS.labels(self.name).set_to_current_time()
        self.generation, self.aliases = aliases.generation, aliases
        self.last_error = self._failed = None
        self._pause = FIRST_RETRY
        kept = {entry.version for entry in (champion, aliases.previous) if entry}
        self._retire(keep=kept | {variant.version for variant in variants.values()})

    async def _load(self, entry: AliasEntry) -> ServedModel:
        known = self.loaded.get(entry.version)
        if known is not None and known.manifest_sha256 == entry.manifest_sha256:
            return known
        self.loading = entry.version
        self._on_change()
        loop = asyncio.get_running_loop()
        served = await loop.run_in_executor(self._loader, load_version, self._registry, self.name, entry)
        if self._prepare is not None:
            await self._prepare(served)
        self.loaded[served.version] = served
        return served

    async def _load_variants(self, aliases: Aliases) -> dict[str, ServedModel]:
        """The version of every variant that answers or scores anything."""
        experiment = aliases.experiment
        wanted = () if experiment is None else (*experiment.live, *experiment.shadows)
        loop = asyncio.get_running_loop()
        found = {}
        for variant in wanted:
            entry = await loop.run_in_executor(
                None, self._registry.entry_of, self.name, aliases, variant.model
            )
            found[variant.name] = await self._load(entry)
        return found

    def _tallies(self, experiment: Experiment | None) -> dict[str, VariantTally]:
        """Those of the same experiment go on counting; a variant whose traffic starts anew starts anew."""
        if experiment is None:
            return {}
        before = self.serving
        known: Mapping[str, VariantTally] = {}
        if before is not None and before.experiment is not None and before.experiment.id == experiment.id:
            known = before.tallies
        return {
            variant.name: known.get(variant.name) or VariantTally(self.name, experiment.id, variant.name)
            for variant in experiment.live
        }

    def _retire(self, keep: set[str]) -> None:
        """Forget versions that no alias names; the memory goes with the last request that holds one."""
        for version in [version for version in self.loaded if version not in keep]:
            del self.loaded[version]

    def _note_failure(self, generation: int | None, error: Exception) -> None:
        expected = isinstance(error, MojolineError)
        self.last_error = str(error) if expected else repr(error)
        kept = self.current.version if self.current else "nothing"
        _log.error("%s keeps %s: %s", self.name, kept, self.last_error, exc_info=None if expected else error)
        if generation is None:
            return
        SWAPS.labels(self.name, "failed").inc()
        if generation != self._failed:
            self._pause = FIRST_RETRY
        self._failed = generation
        self._retry_at = asyncio.get_running_loop().time() + self._pause
        self._pause = min(2 * self._pause, LAST_RETRY)
