"""Publishable versions whose archive is a fake MOJO2, read by the fake daimojo beside this file."""

import json
import math
import zipfile
from pathlib import Path

from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, MOJO, Column, ManifestFacts, Reduction
from tests.data.tiny_versions import tiny_facts

FAKE_DAIMOJO = Path(__file__).parent / "fake_daimojo"
TYPES = {"distance": "float64", "stops": "int32", "carrier": "string"}


def write_fake_mojo2(path: Path, intercept: float = 0.5) -> Path:
    """A fake archive: intercept + 0.001 distance - 0.2 stops + 0.1 len(carrier)."""
    weights = {"distance": 0.001, "stops": -0.2, "carrier": 0.1}
    pipeline = {
        "types": TYPES,
        "weights": weights,
        "intercept": intercept,
        "target": "late",
        "labels": ["no", "yes"],
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mojo/pipeline.pb", json.dumps(pipeline))
    return path


def fake_score(row: dict[str, object], intercept: float = 0.5) -> float:
    """What the fake archive must say of a row; missing distances are filled with 100."""
    total = (
        intercept
        + 0.001 * (row["distance"] or 100.0)
        - 0.2 * (row["stops"] or 0)
        + 0.1 * len(row["carrier"] or "")
    )
    return 1 / (1 + math.exp(-total))


def fake_rows() -> list[dict[str, object]]:
    rows = [
        {"distance": 10.0 * i, "stops": i % 3, "carrier": ["UA", "DLH", None][i % 3]} for i in range(1, 120)
    ]
    return [*rows, {"distance": None, "stops": None, "carrier": "AA"}]


def fake_draft(directory: Path, intercept: float = 0.5) -> tuple[Path, ManifestFacts]:
    """A draft with a fake MOJO2 and golden rows, and its facts."""
    directory.mkdir(parents=True)
    write_fake_mojo2(directory / MOJO, intercept)
    rows = fake_rows()
    expected = [[1 - fake_score(row, intercept), fake_score(row, intercept)] for row in rows]
    golden = GoldenRows(columns=list(TYPES), outputs=["late.no", "late.yes"], rows=rows, expected=expected)
    golden.write(directory / GOLDEN)
    columns = [
        Column(name=name, type="categorical" if kind == "string" else "numeric")
        for name, kind in TYPES.items()
    ]
    facts = tiny_facts(
        "first",
        algorithm="mojo2",
        h2o_version="1.11.1",
        mojo_version="2.9.2",
        columns=columns,
        outputs=["late.no", "late.yes"],
        reduction=Reduction(kind="none", impute={"distance": 100.0}),
    )
    return directory, facts
