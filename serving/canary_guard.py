"""The canary guard: a variant that breaks its budget loses its traffic, by writing the alias file."""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from mojoline.errors import MojolineError
from mojoline.registry.errors import ConflictError
from serving.model_slot import ModelSlot
from serving.slot_status import summaries, variants_of
from serving.variant_tally import find_breach

if TYPE_CHECKING:
    from serving.context import ServingContext

INTERVAL = 1.0  # seconds between two looks
BY = "canary guard"

_log = logging.getLogger("mojoline.serving")


class CanaryGuard:
    """Watches every experiment with a budget, from the event loop it is started on.

    Every worker says each second how its variants do; the first one, which alone may write, decides on all.
    """

    def __init__(self, context: "ServingContext") -> None:
        self._context = context
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
            slots = [slot for slot in self._context.catalog.slots.values() if _is_split(slot)]
            for slot in slots:
                await self._refresh(slot)
            if slots:
                self._context.write_state()
            if self._context.states.worker == 0:
                for slot in slots:
                    await self._look(slot)

    async def _refresh(self, slot: ModelSlot) -> None:
        serving = slot.serving
        if serving is not None:
            seen = await asyncio.get_running_loop().run_in_executor(None, summaries, serving)
            if slot.serving is serving:
                slot.seen = seen

    async def _look(self, slot: ModelSlot) -> None:
        serving, generation = slot.serving, slot.generation
        if serving is None or serving.experiment is None or generation is None:
            return
        experiment = serving.experiment
        seen = variants_of(self._context.states.read(), slot.name, generation)
        breach = None if set(seen) != set(serving.tallies) else find_breach(experiment, seen)
        if breach is None:
            return
        _log.error("%s: variant %s loses its traffic: %s", slot.name, breach.variant, breach.reason)
        try:
            moved = await asyncio.get_running_loop().run_in_executor(
                None,
                lambda: self._context.registry.set_experiment(
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
            self._context.audit.write(
                BY,
                "set experiment",
                model=slot.name,
                generation_before=generation,
                generation_after=moved.generation,
                reason=moved.reason,
            )
            self._context.pushes.tell(slot.name, moved.generation)
        await slot.follow(force=True)


def _is_split(slot: ModelSlot) -> bool:
    return slot.serving is not None and slot.serving.experiment is not None
