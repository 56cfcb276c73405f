"""Publishable versions made of the real MOJOs in `tiny_models`, for tests and for trying a program out."""

import json
import shutil
from pathlib import Path

from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import (
    GOLDEN,
    MOJO,
    Budget,
    Column,
    ManifestFacts,
    Parity,
    Reduction,
    Training,
)

TINY_MODELS = Path(__file__).parent / "tiny_models"
CATEGORICAL = {"carrier", "origin"}


def tiny_facts(which: str, **changes: object) -> ManifestFacts:
    """The manifest facts of `first`, `second` (two versions of one binary model) or `regression`."""
    known = json.loads((TINY_MODELS / which / "facts.json").read_text(encoding="utf-8"))
    golden = GoldenRows.read(TINY_MODELS / which / GOLDEN)
    columns = [
        Column(name=name, type="categorical" if name in CATEGORICAL else "numeric") for name in golden.columns
    ]
    facts = ManifestFacts(
        algorithm=known["algorithm"],
        task=known["task"],
        target=known["target"],
        positive=known["positive"],
        h2o_version="3.46.0.11",
        mojo_version={"regression": "1.40"}.get(which, "1.00"),
        pins={"H2O_VERSION": "3.46.0.11"},
        columns=columns,
        outputs=known["outputs"],
        reduction=Reduction(**known["reduction"]),
        metrics={"logloss": {"first": 0.5, "second": 0.45}.get(which, 0.4)},
        metric_name="logloss",
        lower_is_better=True,
        budget=Budget(p99_ms=50, bytes=10_000_000),
        training=Training(data_version=which, rows=4000),
        parity=Parity(rows=len(golden), missing_rows=120, unseen_rows=120, max_abs_diff=0.0, tolerance=1e-9),
    )
    return facts.model_copy(update=changes)


def tiny_draft(which: str, directory: Path) -> Path:
    """A draft with the files of one of the small models, in the new directory `directory`."""
    directory.mkdir(parents=True)
    for name in (MOJO, GOLDEN):
        shutil.copy(TINY_MODELS / which / name, directory / name)
    return directory
