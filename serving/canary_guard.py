"""The canary guard: a variant that breaks its budget loses its traffic, by writing the alias file."""

import asyncio
import contextlib
import logging

from mojoline.errors import MojolineError
from mojoline.registry.errors import ConflictError
from mojoline.registry.filesystem_registry import FilesystemRegistry
from serving.audit_log import AuditLog
from serving.model_catalog import ModelCatalog
from serving.model_slot import ModelSlot
from serving.pushes import Pushes
from serving.variant_tally import find_breach

INTERVAL = 1.0  # seconds between two looks
BY = "canary guard"

_log = logging.getLogger("mojoline.serving")


class CanaryGuard:
    """Watches every experiment with a budget, from the event loop it is started on."""

    def __init__(
        self, catalog: ModelCatalog, registry: FilesystemRegistry, pushes: Pushes, audit: AuditLog
    ) -> None:
        self._catalog = catalog
        self._registry = registry
        self._pushes = pushes
        self._audit = audit
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Watch no longer."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            for slot in list(self._catalog.slots.values()):
                await self._look(slot)

    async def _look(self, slot: ModelSlot) -> None:
        serving, generation = slot.serving, slot.generation
        if serving is None or serving.experiment is None or generation is None:
            return
        experiment = serving.experiment
        breach = find_breach(experiment, serving.tallies)
        if breach is None:
            return
        _log.error("%s: variant %s loses its traffic: %s", slot.name, breach.variant, breach.reason)
        try:
            moved = await asyncio.get_running_loop().run_in_executor(
                None,
                lambda: self._registry.set_experiment(
                    slot.name,
                    experiment.without(breach.variant),
                    expected_generation=generation,
                    by=BY,
                    reason=f"variant {breach.variant}: {breach.reason}",
                ),
            )
        except ConflictError:
            pass  # another worker or a person was faster: the next look sees what they decided
        except MojolineError as error:
            _log.error("%s: the experiment cannot be changed: %s", slot.name, error)
            return
        else:
            self._audit.write(
                BY,
                "set experiment",
                model=slot.name,
                generation_before=generation,
                generation_after=moved.generation,
                reason=moved.reason,
            )
            self._pushes.tell(slot.name, moved.generation)
        await slot.follow(force=True)
