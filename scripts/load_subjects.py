"""What a load test serves: versions of a model that answer differently in turns, and real rows."""

import csv
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from flight_models import CATEGORICAL, FEATURES, flights
from numpy.typing import NDArray
from scratch_servers import publish_turns

from mojoline.features.fetch import fetch_rows
from mojoline.model_spec import ModelSpec, load_spec
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.manifest import MOJO
from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.settings import Settings
from mojoline.stack.local_stack import up
from mojoline.stack.stack_state import StackState

ROOT = Path(__file__).resolve().parents[1]
DATA = ("postgres", "cache", "reservoir")
MOST_ROWS = 60_000
POSITIVE = "True"
TIMETABLE = f"""
name: timetable
source: {{table: load_test_timetable, entity_key: flight_id, event_time: departs, available_at: departs}}
target: {{column: late, task: binary, positive: "{POSITIVE}"}}
features:
  hot: [carrier, origin, dest, month, day, sched_dep_time, sched_arr_time, distance]
"""


@dataclass(frozen=True)
class Subject:
    """A model, versions that take turns, and the rows that are asked for; each holds its entity key."""

    spec: ModelSpec
    registry: FilesystemRegistry
    versions: Sequence[str]
    rows: Sequence[dict[str, Any]]
    models_dir: Path

    def features(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a caller sends of a row."""
        return {name: row[name] for name in self.spec.features.names if row.get(name) is not None}

    def expected(self) -> dict[str, NDArray[np.float64]]:
        """Version -> float64[n]: the positive class's probability of every row."""
        known = [self.features(row) for row in self.rows]
        found: dict[str, NDArray[np.float64]] = {}
        by_content: dict[str, NDArray[np.float64]] = {}  # of what `publish_turns` published twice
        for version in self.versions:
            manifest = self.registry.manifest(self.spec.name, version)
            [digest] = [entry.sha256 for entry in manifest.files if entry.path == MOJO]
            if digest not in by_content:
                print(f"computing {len(known):,} answers of version {version}", flush=True)
                path = self.registry.directory(self.spec.name, version) / MOJO
                model = ScoringModel.load(path, impute=manifest.reduction.impute)
                positive = model.output_names.index(self.spec.target.positive or "")
                by_content[digest] = model.score(known)[:, positive]
            found[version] = by_content[digest]
        return found


def demo_subject(settings: Settings, stack: StackState, scratch: Path) -> Subject:
    """The two newest versions of the demo's flights, published in `scratch`; the demo runs if it must."""
    spec = load_spec(settings.models_dir / "flights.yaml")
    demo = open_registry(settings.registry_url)
    if len(demo.versions(spec.name)) < 2:
        subprocess.run([sys.executable, "-m", "mojoline.cli.main", "demo", "--exit"], check=True, cwd=ROOT)
        up(settings, only=DATA)
    newest = [demo.directory(spec.name, version) for version in demo.versions(spec.name)[-2:]]
    registry = open_registry(f"file://{scratch}/registry")
    versions = publish_turns(registry, spec.name, newest, scratch)
    rows = list(islice(fetch_rows(stack.database_url, spec, since=None, until=None), MOST_ROWS))
    return Subject(spec, registry, versions, rows, settings.models_dir)


def timetable_subject(mojos: Sequence[Path], stack: StackState, scratch: Path) -> Subject:
    """Two MOJOs that have no `misfit`, published in `scratch`; their rows stand in a table of the stack."""
    models = scratch / "models"
    models.mkdir()
    (models / "timetable.yaml").write_text(TIMETABLE, encoding="utf-8")
    spec = load_spec(models / "timetable.yaml")
    registry = open_registry(f"file://{scratch}/registry")
    print(f"publishing {' and '.join(path.name for path in mojos)}", flush=True)
    tags = {"entity_key": spec.source.entity_key, "event_time": spec.source.event_time}
    versions = publish_turns(registry, spec.name, mojos, scratch, tags)
    print(f"filling a table with up to {MOST_ROWS:,} flights", flush=True)
    rows = [
        {"flight_id": f"T{number}", **{n: f[n] if n in CATEGORICAL else float(f[n]) for n in FEATURES}}
        for number, f in enumerate(islice(flights(), MOST_ROWS))
    ]
    _fill_table(stack.database_url, rows, scratch / "timetable.csv")
    return Subject(spec, registry, versions, rows, models)


def misfit(mojo: Path) -> str | None:
    """Why a MOJO cannot be a version of the timetable; None where it can."""
    try:
        model = ScoringModel.load(mojo, {})
    except RuntimeModelError as error:
        return str(error)
    if POSITIVE not in model.output_names:
        return f"{mojo} predicts {', '.join(model.output_names[:5])}, not {POSITIVE} or not"
    strange = [name for name in model.feature_names if name not in FEATURES]
    return f"{mojo} takes {', '.join(strange[:5])}, no columns of the flights" if strange else None


def _fill_table(url: str, rows: Sequence[dict[str, Any]], file: Path) -> None:
    columns = ["flight_id", *FEATURES]
    with file.open("w", newline="", encoding="utf-8") as written:
        csv.DictWriter(written, columns).writerows(rows)
    kinds = ", ".join(f"{n} {'text' if n in CATEGORICAL else 'double precision'}" for n in FEATURES)
    names = ", ".join(columns)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS load_test_timetable")
        cursor.execute(
            f"CREATE TABLE load_test_timetable (flight_id text PRIMARY KEY, {kinds},"
            " departs timestamptz NOT NULL DEFAULT now(), late text)"
        )
        with cursor.copy(f"COPY load_test_timetable ({names}) FROM STDIN (FORMAT csv)") as copy:
            copy.write(file.read_bytes())
        cursor.execute("ANALYZE load_test_timetable")
