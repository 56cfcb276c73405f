"""Prove one model version, or a MOJO alone against reference predictions.

`python scripts/validate_mojo_artifact.py [TARGET] [--output FILE]`
`... --mojo FILE [--runtime native|daimojo] --reference-data CSV [--java] [--output FILE]`

TARGET is the directory of a version, or `models:/<name>@<alias>` or `models:/<name>/<version>` in the
registry. Without one, a small version that comes with the tests is published into a temporary registry and
proven, which shows that this machine can.

With --mojo the CSV holds the features, and the predictions that must come out: one column per output of the
model, NA where NaN must come out. With --java h2o-genmodel makes the predictions, from h2o.jar.

Ends with 1 when a proof fails; each is named in the report.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.errors import MojolineError
from mojoline.registry.bare_mojo import facts_of, read_table, reference_rows
from mojoline.registry.errors import RegistryError
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.integrity import read_manifest
from mojoline.registry.manifest import GOLDEN, MOJO, Manifest
from mojoline.registry.proofs import (
    MAX_BYTES,
    Proof,
    prove_equality,
    prove_latency,
    prove_loads,
    prove_pins,
    prove_size,
    prove_structure,
    prove_version,
)
from mojoline.runtime.errors import RuntimeModelError
from mojoline.runtime.scoring_model import ScoringModel
from mojoline.runtime.scoring_runtime import RUNTIMES, RuntimeName, runtime_for
from mojoline.settings import load_settings


def prove_target(target: str, registry_url: str | None) -> tuple[Manifest, list[Proof]]:
    """Manifest and proofs of a directory or a model URI; MojolineError if there is no such version."""
    if not target.startswith("models:"):
        directory = Path(target)
        if directory.is_file():
            raise RegistryError(
                f"{target} is a file. A MOJO alone proves nothing: what it must hold to, manifest.json and "
                "golden.jsonl, lies beside it in the directory of its version. Name that directory, or "
                "models:/NAME/VERSION"
            )
        manifest = read_manifest(directory)
        return manifest, prove_version(directory, manifest)
    registry = open_registry(registry_url or load_settings().registry_url)
    name, version, digest = registry.resolve(target)
    directory = registry.directory(name, version)
    manifest = read_manifest(directory, digest)
    return manifest, prove_version(directory, manifest)


def prove_small_version() -> tuple[Manifest, list[Proof]]:
    """The same for a small version that is published for the purpose and forgotten."""
    from tests.data.tiny_versions import tiny_draft, tiny_facts

    with tempfile.TemporaryDirectory() as place:
        registry = open_registry(f"file://{place}/registry")
        manifest = registry.publish("small", tiny_draft("first", Path(place, "draft")), tiny_facts("first"))
        return prove_target(f"models:/small/{manifest.version}", f"file://{place}/registry")


def prove_mojo(mojo: Path, runtime: RuntimeName | None, reference: Path, *, java: bool) -> list[Proof]:
    """The proofs of a MOJO alone: those after `structure` only where it can be loaded at all."""
    structure = prove_structure(mojo, runtime)
    if not structure.passed:
        return [structure]
    try:
        model = ScoringModel.load(mojo, {}, runtime)
    except RuntimeModelError as error:
        return [structure, Proof("loads", passed=False, message=str(error))]
    facts, table = facts_of(model, MAX_BYTES), read_table(reference)
    golden = reference_rows(model, table, java_answers(model, mojo, reference) if java else table)
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        shutil.copy(mojo, directory / MOJO)
        golden.write(directory / GOLDEN)
        # The release that wrote a MOJO2 is not pinned here.
        pins = [] if runtime_for(mojo) == "daimojo" else [prove_pins(directory, facts)]
        return [
            structure,
            prove_loads(directory, facts),
            *pins,
            prove_size(directory, facts),
            prove_equality(directory, facts, model=model),
            prove_latency(directory, facts, model=model),
        ]


def java_answers(model: ScoringModel, mojo: Path, rows: Path) -> Mapping[str, Sequence[str]]:
    """What genmodel says of the rows, by the model's outputs; ScorerFailedError if it cannot."""
    from genmodel import java_scores

    columns = java_scores(mojo, rows, len(model.output_names))
    return dict(zip(model.output_names, columns, strict=True))


def draw_table(title: str, proofs: list[Proof]) -> Table:
    """One line for each proof."""
    table = Table("proof", "", "finding", "figures", title=title)
    for proof in proofs:
        figures = ", ".join(f"{name} {value}" for name, value in proof.figures.items())
        table.add_row(proof.name, "[green]pass" if proof.passed else "[red]FAIL", proof.message, figures)
    return table


def main() -> int:
    """Prove, print, and write the report; the exit status."""
    parser = argparse.ArgumentParser(description="Prove one model version before it serves.")
    parser.add_argument(
        "target", nargs="?", help="a directory, models:/NAME@champion or models:/NAME/VERSION"
    )
    parser.add_argument("--registry", metavar="URL", help="file:///…; default: MOJOLINE_REGISTRY_URL")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the proofs there as JSON")
    parser.add_argument("--mojo", type=Path, metavar="FILE", help="a MOJO alone, instead of a version")
    parser.add_argument(
        "--runtime", choices=list(RUNTIMES), help="insist on it; default: what the archive is for"
    )
    parser.add_argument(
        "--reference-data", type=Path, metavar="CSV", help="features, and predictions to meet"
    )
    parser.add_argument("--java", action="store_true", help="take the predictions from h2o-genmodel instead")
    arguments = parser.parse_args()
    if (arguments.mojo is None) != (arguments.reference_data is None):
        parser.error("--mojo and --reference-data go together")
    if arguments.mojo is not None and arguments.target is not None:
        parser.error("name either a version or --mojo")
    if arguments.mojo is None and (arguments.java or arguments.runtime is not None):
        parser.error("--java and --runtime are for --mojo; a version knows its own")
    if arguments.output is not None and not arguments.output.absolute().parent.is_dir():
        parser.error(f"there is no directory {arguments.output.absolute().parent} for the report")
    console = Console()
    try:
        if arguments.mojo is not None:
            named = {"mojo": str(arguments.mojo)}
            proofs = prove_mojo(
                arguments.mojo, arguments.runtime, arguments.reference_data, java=arguments.java
            )
        else:
            if arguments.target is None:
                manifest, proofs = prove_small_version()
            else:
                manifest, proofs = prove_target(arguments.target, arguments.registry)
            named = {"name": manifest.name, "version": manifest.version}
    except MojolineError as error:
        console.print(f"[red]refused:[/red] {error}", soft_wrap=True, highlight=False)
        report: dict[str, object] = {"passed": False, "error": str(error), "proofs": []}
    else:
        console.print(draw_table(" ".join(named.values()), proofs))
        report = {
            **named,
            "passed": all(proof.passed for proof in proofs),
            "proofs": [asdict(proof) for proof in proofs],
        }
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
