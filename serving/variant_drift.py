"""How far what each variant scored lately lies from its training data: measured from the reservoir's rows."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mojoline.errors import MojolineError
from serving.routing import Serving

if TYPE_CHECKING:
    from mojoline.drift.drift_report import DriftReport, FeatureDrift
    from serving.context import ServingContext

WINDOW = timedelta(hours=24)  # event times further back do not count
REST_SECONDS = 0.02
ENOUGH_ROWS = 1000  # of so many a PSI of 0.05 is more than chance; then older hours are not read

_log = logging.getLogger("mojoline.serving")

Drift = Mapping[str, Any]
"""Of one variant, as `served_metrics` shows it: its version, the rows that were looked at, PSI by feature."""


class DriftWatch:
    """Measures all variants that answer somebody; `start` it on the loop, `close` it at the end.

    The samples are those of all workers and replicas. So one worker is enough, and replicas say the same.
    """

    def __init__(self, context: "ServingContext", reservoir_url: str) -> None:
        self._context = context
        self._url = reservoir_url
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name="drift")

    async def close(self) -> None:
        """Measure no more."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._context.settings.serving.drift_seconds)
            for slot in list(self._context.catalog.slots.values()):
                if (serving := slot.serving) is None:
                    continue
                try:
                    measured = await loop.run_in_executor(None, self._measure, serving)
                except (MojolineError, OSError, ValueError) as error:
                    _log.warning("%s: its drift is not measured: %s", slot.name, error)
                    measured = {}  # what was measured before is no longer so
                if slot.serving is serving:
                    slot.drift = measured
            self._context.write_state()

    def _measure(self, serving: Serving) -> dict[str, Drift]:
        """Variant -> its drift; without those whose version has no baseline, or that scored nothing. Slow."""
        from mojoline.drift.baseline import Baseline
        from mojoline.drift.drift_report import build_report
        from mojoline.drift.reservoir_reader import read_reservoir

        found: dict[str, Drift] = {}
        for variant, served in serving.answering.items():
            if served.manifest.baseline_ref is None:
                continue
            rows = read_reservoir(
                self._url,
                served.name,
                served.version,
                variant=variant,
                since=datetime.now(UTC) - WINDOW,
                size=served.reservoir_size,
                enough=ENOUGH_ROWS,
            )
            if rows:
                directory = self._context.registry.directory(served.name, served.version)
                content = (directory / served.manifest.baseline_ref).read_bytes()
                baseline = Baseline.model_validate_json(content)
                found[variant] = _describe(build_report(baseline, rows, rest=_rest))
        return found


def _rest() -> None:
    """Let the requests catch up that waited for the interpreter lock."""
    time.sleep(REST_SECONDS)


def _describe(report: "DriftReport") -> Drift:
    return {
        "version": report.version,
        "rows": report.rows,
        "alert": report.alert,
        "verdict": report.verdict,
        "features": {feature.name: _numbers(feature) for feature in report.features},
        "prediction": None if report.prediction is None else _numbers(report.prediction),
    }


def _numbers(feature: "FeatureDrift") -> tuple[float, float | None]:
    return feature.psi, feature.critical
