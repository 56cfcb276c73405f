"""What must be true of a version before it serves, one function each.

Asset checks, the start of a server and `scripts/validate_mojo_artifact.py` call the same functions.
"""

import time
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mojoline.registry.golden import GoldenRows
from mojoline.registry.integrity import find_damage, list_files, read_manifest
from mojoline.registry.manifest import GOLDEN, MANIFEST, MOJO, Manifest, ManifestFacts
from mojoline.registry.proof import Figures, Proof, carry_out
from mojoline.registry.tolerances import TOLERANCES
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.runtime.scoring_runtime import RUNTIMES, RuntimeName, runtime_for

MAX_BYTES = 500_000_000
REPOSITORY_PINS = Path(__file__).resolve().parents[2] / "versions.env"
_WARM_UP_ROWS = 100
_TIMED_ROWS = 1000


def prove_version(directory: Path, manifest: Manifest) -> list[Proof]:
    """All proofs of the version in `directory`, also those after a failed one."""
    return [
        prove_digests(directory, manifest),
        prove_loads(directory, manifest),
        prove_pins(directory, manifest),
        prove_size(directory, manifest),
        prove_equality(directory, manifest),
        prove_latency(directory, manifest),
    ]


def prove_digests(directory: Path, manifest: Manifest) -> Proof:
    """The directory holds the manifest's files, each with its sha256, and no other; all damage is named."""

    def check() -> tuple[bool, str, Figures]:
        damage = list(find_damage(directory, manifest))
        if read_manifest(directory) != manifest:
            damage.append(f"{MANIFEST} is not the manifest that was asked for")
        figures: Figures = {
            "files": len(manifest.files),
            "bytes": sum(entry.bytes for entry in manifest.files),
        }
        return not damage, "; ".join(damage) or f"{len(manifest.files)} files are as published", figures

    return carry_out("digests", check)


def prove_structure(archive: Path, runtime: RuntimeName | None = None) -> Proof:
    """The archive is a whole zip of a kind that `runtime` (or any runtime) reads."""

    def check() -> tuple[bool, str, Figures]:
        fitting = runtime_for(archive)
        if runtime is not None and runtime != fitting:
            return (
                False,
                f"it is for {fitting} ({RUNTIMES[fitting]}), not for {runtime}",
                {"runtime": fitting},
            )
        try:
            with zipfile.ZipFile(archive) as opened:
                damaged, entries = opened.testzip(), len(opened.namelist())
        except (zipfile.BadZipFile, ValueError, EOFError, zlib.error) as error:
            return False, f"{archive.name} is no whole zip archive: {error}", {}
        if damaged is not None:
            return False, f"{archive.name}: the entry {damaged} is damaged", {}
        return (
            True,
            f"{entries} entries, for {fitting}: {RUNTIMES[fitting]}",
            {"entries": entries, "runtime": fitting},
        )

    return carry_out("structure", check)


def prove_loads(directory: Path, facts: ManifestFacts, *, model: ScoringModel | None = None) -> Proof:
    """The MOJO loads, and takes and gives what the manifest says.

    A `model` that is already loaded from the directory is looked at instead of loading it again; how long
    that took is not known then.
    """

    def check() -> tuple[bool, str, Figures]:
        started = time.perf_counter()
        loaded = model or _load(directory, facts)
        seconds = time.perf_counter() - started
        problems = list(_contradictions(loaded, facts))
        figures: Figures = {
            "algorithm": loaded.algorithm,
            "features": len(loaded.feature_names),
            "bytes_in_ram": loaded.nbytes,
        }
        if model is None:
            figures["load_ms"] = round(seconds * 1000, 3)
        return not problems, "; ".join(problems) or f"{loaded.algorithm} loads", figures

    return carry_out("loads", check)


def prove_pins(
    directory: Path,
    facts: ManifestFacts,
    *,
    pins: Mapping[str, str] | None = None,
    model: ScoringModel | None = None,
) -> Proof:
    """The MOJO was written by exactly the H2O release that is pinned.

    Args:
        directory: the version, or the draft of one.
        facts: its manifest, which keeps the pins it was trained with.
        pins: the pins to hold it against; None takes `versions.env` where this program runs from its
            repository, and the manifest's own pins where it is installed without that file.
        model: the loaded MOJO, where the caller has it.
    """

    def check() -> tuple[bool, str, Figures]:
        wanted = pins if pins is not None else _known_pins(facts)
        expected, found = wanted.get("H2O_VERSION"), (model or _load(directory, facts)).h2o_version
        figures: Figures = {"h2o": found, "pinned": expected or "nothing", "manifest": facts.h2o_version}
        if expected is None:
            return False, "no pins are known: neither versions.env nor the manifest has H2O_VERSION", figures
        if not expected == found == facts.h2o_version:
            message = (
                f"H2O {found} wrote the MOJO, the manifest says {facts.h2o_version}, pinned is {expected}"
            )
            return False, f"{message}: train it again with the pinned release", figures
        return True, f"written by H2O {found}, as pinned", figures

    return carry_out("pins", check)


def prove_size(directory: Path, facts: ManifestFacts) -> Proof:
    """The MOJO is smaller than 500 MB and than the spec's budget."""

    def check() -> tuple[bool, str, Figures]:
        limit, size = min(MAX_BYTES, facts.budget.bytes), (directory / MOJO).stat().st_size
        total = sum((directory / path).stat().st_size for path in list_files(directory))
        figures: Figures = {"bytes": size, "limit": limit, "bytes_of_all_files": total}
        if size >= limit:
            return (
                False,
                f"{MOJO} has {size:,} bytes, which must be below {limit:,}: use fewer trees",
                figures,
            )
        return True, f"{MOJO} has {size:,} bytes of {limit:,}", figures

    return carry_out("size", check)


def prove_equality(
    directory: Path, facts: ManifestFacts, *, model: ScoringModel | None = None, limit: int | None = None
) -> Proof:
    """The scorer gives the training cluster's own predictions on the golden rows.

    The largest absolute difference must be within the tolerance of the algorithm that is in the file; NaN
    agrees with NaN only, an infinity with itself.

    Args:
        directory: the version, or the draft of one.
        facts: its manifest, which has the values for missing inputs.
        model: the model of that directory, if it is already loaded.
        limit: look at no more than so many rows, spread over all of them.
    """

    def check() -> tuple[bool, str, Figures]:
        golden = GoldenRows.read(directory / GOLDEN, limit)
        loaded = model or _load(directory, facts)
        tolerance = TOLERANCES.get(loaded.algorithm)
        if tolerance is None:
            return (
                False,
                f"no tolerance is known for {loaded.algorithm}: known are {', '.join(TOLERANCES)}",
                {},
            )
        if len(golden) == 0:
            return False, f"{GOLDEN} has no rows, which proves nothing", {}
        if list(golden.outputs) != loaded.output_names:
            return (
                False,
                f"{GOLDEN} expects {list(golden.outputs)}, the model gives {loaded.output_names}",
                {},
            )
        scores, expected = loaded.score(golden.rows), np.asarray(golden.expected, dtype=np.float64)
        equal = (scores == expected) | (np.isnan(scores) & np.isnan(expected))
        difference = np.abs(np.subtract(scores, expected, where=~equal, out=np.zeros_like(scores)))
        worst = float(difference.max())
        figures: Figures = {
            "rows": len(golden),
            "missing_rows": golden.missing_rows(),
            "unseen_rows": golden.unseen_rows(loaded.domains),
            "max_abs_diff": worst if np.isfinite(worst) else str(worst),
            "tolerance": tolerance,
        }
        if not worst <= tolerance:  # also when it is NaN
            row = int(np.argmax(difference.max(axis=1)))
            message = f"golden row {row + 1} differs by {worst:.3g}, more than {tolerance:g}"
            return False, f"{message}: the scorer and H2O disagree; do not serve this version", figures
        return True, f"{len(golden)} golden rows differ by at most {worst:.3g} of {tolerance:g}", figures

    return carry_out("equality", check)


def prove_latency(directory: Path, facts: ManifestFacts, *, model: ScoringModel | None = None) -> Proof:
    """The 99th percentile of scoring one row, from dict to scores, is within the spec's budget."""

    def check() -> tuple[bool, str, Figures]:
        golden, loaded = GoldenRows.read(directory / GOLDEN), model or _load(directory, facts)
        if len(golden) == 0:
            return False, f"{GOLDEN} has no rows to time", {}
        microseconds = _time_rows(loaded, golden.rows)
        p50, p99 = (float(value) for value in np.percentile(microseconds, [50, 99]))
        figures: Figures = {
            "p50_us": round(p50, 2),
            "p99_us": round(p99, 2),
            "budget_ms": facts.budget.p99_ms,
        }
        if p99 > facts.budget.p99_ms * 1000:
            message = f"p99 of one row is {p99 / 1000:.3g} ms, the budget {facts.budget.p99_ms:g} ms"
            return False, f"{message}: use fewer or shallower trees", figures
        return True, f"p99 of one row is {p99:.0f} us of {facts.budget.p99_ms:g} ms", figures

    return carry_out("latency", check)


def _load(directory: Path, facts: ManifestFacts) -> ScoringModel:
    return ScoringModel.load(directory / MOJO, facts.reduction.impute)


def _known_pins(facts: ManifestFacts) -> Mapping[str, str]:
    if not REPOSITORY_PINS.is_file():
        return facts.pins
    from mojoline.versions import read_pins  # a tool of the repository: what it imports may not be installed

    return read_pins(REPOSITORY_PINS)


def _contradictions(model: ScoringModel, facts: ManifestFacts) -> list[str]:
    """Where the model is not what the manifest says. The model may lack columns: H2O drops constant ones."""
    types = {column.name: column.type for column in facts.columns}
    problems = []
    for name in model.feature_names:
        actual = "categorical" if name in model.domains else "numeric"
        if types.get(name) != actual:
            problems.append(
                f"the model takes {name} ({actual}), the manifest has {types.get(name, 'no such column')}"
            )
    if model.output_names != facts.outputs:
        problems.append(f"the model gives {model.output_names}, the manifest says {facts.outputs}")
    if model.algorithm != facts.algorithm.lower():
        problems.append(f"the model is {model.algorithm}, the manifest says {facts.algorithm}")
    return problems


def _time_rows(model: ScoringModel, rows: Sequence[Mapping[str, object]]) -> list[float]:
    """Microseconds of scoring one row at a time."""
    times = []
    for index in range(_WARM_UP_ROWS + _TIMED_ROWS):
        row = [rows[index % len(rows)]]
        started = time.perf_counter_ns()
        model.score(row)
        times.append((time.perf_counter_ns() - started) / 1000)
    return times[_WARM_UP_ROWS:]
