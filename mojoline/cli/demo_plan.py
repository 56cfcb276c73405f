"""What a demo shows: the time windows and the training budget, read from `models/demo/<name>.yaml`."""

from datetime import date, datetime, time
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mojoline.model_spec import SpecError


class Window(BaseModel):
    """Event times in [since, until); `since` None means from the beginning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: date | None = None
    until: date

    @property
    def start(self) -> datetime | None:
        """The first moment inside."""
        return None if self.since is None else datetime.combine(self.since, time.min)

    @property
    def end(self) -> datetime:
        """The first moment after."""
        return datetime.combine(self.until, time.min)


class TrainingBudget(BaseModel):
    """What one AutoML run of the demo may spend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_runtime_secs: int
    max_models: int
    ntrees: int | None = None


class DemoPlan(BaseModel):
    """One size of the demo: two training windows, and the rows that are replayed for the drift report.

    `history` is how far the source is loaded before the first run; without it, as far as each window reaches.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    history: date | None = None
    first: Window
    second: Window
    replay: Window
    training: TrainingBudget

    def loaded_until(self, window: Window) -> datetime:
        """How far the source table reaches when a version is trained on `window`."""
        return Window(until=self.history or window.until).end


class DemoFile(BaseModel):
    """The demo of one model spec, in two sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    full: DemoPlan
    small: DemoPlan


def read_demo(models_dir: Path) -> DemoFile:
    """The only demo file below `models_dir`.

    Raises:
        SpecError: there is none, there are several, or it has a wrong key or value.
    """
    files = sorted((models_dir / "demo").glob("*.yaml"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise SpecError(f"the demo needs exactly one file in {models_dir / 'demo'}, found: {found}")
    try:
        return DemoFile.model_validate(yaml.safe_load(files[0].read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise SpecError(f"{files[0]}: {error}") from error
