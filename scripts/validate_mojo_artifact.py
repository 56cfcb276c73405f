"""Prove one model version: `python scripts/validate_mojo_artifact.py [TARGET] [--output FILE]`.

TARGET is the directory of a version, or `models:/<name>@<alias>` or `models:/<name>/<version>` in the
registry. Without one, a small version that comes with the tests is published into a temporary registry and
proven, which shows that this machine can. Ends with 1 when a proof fails.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.errors import MojolineError
from mojoline.registry.errors import RegistryError
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.integrity import read_manifest
from mojoline.registry.manifest import Manifest
from mojoline.registry.proofs import Proof, prove_version
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


def draw_table(manifest: Manifest, proofs: list[Proof]) -> Table:
    """One line for each proof."""
    table = Table("proof", "", "finding", "figures", title=f"{manifest.name} {manifest.version}")
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
    arguments = parser.parse_args()
    console = Console()
    try:
        if arguments.target is None:
            manifest, proofs = prove_small_version()
        else:
            manifest, proofs = prove_target(arguments.target, arguments.registry)
    except MojolineError as error:
        console.print(f"[red]refused:[/red] {error}", soft_wrap=True, highlight=False)
        report: dict[str, object] = {"passed": False, "error": str(error), "proofs": []}
    else:
        console.print(draw_table(manifest, proofs))
        report = {
            "name": manifest.name,
            "version": manifest.version,
            "passed": all(proof.passed for proof in proofs),
            "proofs": [asdict(proof) for proof in proofs],
        }
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
