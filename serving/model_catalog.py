"""Every model of the registry in its slot, kept up to date by polling and by pushes to the admin plane."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

from mojoline.errors import MojolineError
from mojoline.registry.filesystem_reader import FilesystemReader
from serving.errors import bad_request, not_found, unavailable
from serving.model_slot import ModelSlot
from serving.routing import Serving
from serving.served_model import ServedModel

_log = logging.getLogger("mojoline.serving")


class ModelCatalog:
    """Follows the registry from one event loop; `start` it there, `close` it at the end."""

    def __init__(
        self,
        registry: FilesystemReader,
        poll_seconds: float,
        on_change: Callable[[], None] = lambda: None,
        prepare: Callable[[ServedModel], Awaitable[None]] | None = None,
    ) -> None:
        self.slots: dict[str, ModelSlot] = {}
        self.draining = False
        self.last_error: str | None = None
        self._registry = registry
        self._poll_seconds = poll_seconds
        self._on_change = on_change  # a slot began, ended or failed to follow
        self._prepare = prepare
        self.looked = asyncio.Event()  # once, whatever was found
        self._looked = False
        self._random = random.Random()  # noqa: S311 - spreads the load, guards nothing
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model-loader")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to follow the registry; the first look happens at once, in the background."""
        self._spawn(self._run())

    async def close(self) -> None:
        """Stop following; what serves goes on serving."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._loader.shutdown(wait=False, cancel_futures=True)

    @property
    def unready_reason(self) -> str | None:
        """Why no requests should come here; None if they may. A later failed swap is no reason."""
        if self.draining:
            return "the server is going down"
        if any(slot.current for slot in self.slots.values()) and self._looked:
            return None
        if not self._looked:
            return "the models are being loaded"
        failed = [slot.name for slot in self.slots.values() if slot.last_error]
        if failed or self.last_error:  # what it is about may name files, which is not for everybody
            what = ", ".join(failed) or "the registry"
            return f"{what} cannot be loaded: the log and /admin/status say why"
        return "no model has a champion yet: publish and promote one"

    def pick(self, name: str | None, version: str | None = None) -> Serving:
        """What serves a model (the only one for None), or a loaded version of it, pinned.

        Raises:
            ApiError: 404 for an unknown model or version, 503 where the model is not loaded yet, 400 where
                several models are served and none is named.
        """
        slot = self._only_slot() if name is None else self.slots.get(name)
        if slot is None:
            if not self._looked:
                raise unavailable("the models are being loaded")
            raise not_found(f"there is no model {name!r}; there are: {', '.join(self.slots) or 'none'}")
        if version is not None:
            found = slot.loaded.get(version)
            if found is None:
                loaded = ", ".join(sorted(slot.loaded)) or "none"
                raise not_found(f"version {version!r} of {slot.name} is not loaded; loaded: {loaded}")
            return Serving.pinned(found)
        if slot.serving is None:
            why = "the log and /admin/status say why" if slot.last_error else "no champion is promoted yet"
            raise unavailable(f"{slot.name} is not loaded: {why}")
        return slot.serving

    async def find(self, name: str) -> ModelSlot:
        """The slot of a model, made now if the registry has it since the last look; 404 if it has not."""
        if name not in self.slots:
            await self._discover()
        if name not in self.slots:
            raise not_found(f"there is no model {name!r}; there are: {', '.join(self.slots) or 'none'}")
        return self.slots[name]

    def follow_soon(self, slot: ModelSlot) -> None:
        """Let a slot look at its aliases now, in the background."""
        self._spawn(slot.follow(force=True))

    def follow_now(self, model: str | None = None, generation: int | None = None) -> None:
        """Look at the aliases of one model (or of all) now, unless `generation` is reached already."""
        for slot in list(self.slots.values()):
            reached = generation is not None and slot.generation is not None and slot.generation >= generation
            if model in (None, slot.name) and not reached:
                self.follow_soon(slot)

    def _only_slot(self) -> ModelSlot:
        slots = list(self.slots.values())
        if len(slots) == 1:
            return slots[0]
        if not slots:
            raise unavailable(self.unready_reason or "no model is loaded")
        raise bad_request(f'name a model: "model" is one of {", ".join(self.slots)}')

    async def _run(self) -> None:
        while True:
            found = await self._discover()
            for slot in list(self.slots.values()):
                await slot.follow()
            self._looked = self._looked or found
            self.looked.set()
            # jitter: replicas that were started together must not read the registry together for ever
            await asyncio.sleep(self._poll_seconds * self._random.uniform(0.8, 1.0))

    async def _discover(self) -> bool:
        """Make a slot for every model of the registry; False if it cannot be read."""
        try:
            names = await asyncio.get_running_loop().run_in_executor(None, self._registry.names)
        except MojolineError as error:
            self.last_error = str(error)
            _log.error("the registry cannot be read: %s", error)
            return False
        if not names and not self._looked:
            _log.warning("there is no model in %s yet: is that the registry?", self._registry.root)
        self.last_error = None
        new = [name for name in names if name not in self.slots]
        for name in new:
            self.slots[name] = ModelSlot(name, self._registry, self._loader, self._on_change, self._prepare)
        if new:
            self._on_change()  # it tells of all models: once for all of them
        return True

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
