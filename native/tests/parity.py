"""mojo_scorer against genmodel's kept answers over the zoo: `make parity`, or `parity.py [NAME ...]`.

Prints models, rows, the largest distance in ulps before the link ("margin", must be 0) and of the answer,
and the largest absolute one; then the same by algorithm, as README.md has it, and the coverage matrix. Exit
status 1 when a model is beyond its tolerance (`tolerances.py`), README.md has other figures or an empty cell
of the matrix has no reason. No JVM is needed; that the kept answers are still Java's is a test of its own.
"""

import argparse
import struct
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import mojo_scorer
import numpy as np
from java_oracle import read_table
from link_free import without_link
from tolerances import TOLERANCES, Tolerance
from zoo_catalogue import zoo_models
from zoo_coverage import coverage_matrix, print_matrix, read_rows
from zoo_makers.zoo_model import ZooModel

README = Path(__file__).parent.parent / "README.md"


@dataclass
class Comparison:
    """How one model compares; `faults` says in words what must not be."""

    model: ZooModel
    algorithm: str
    rows: int
    refused: int = 0
    max_ulps: int = 0
    max_abs: float = 0.0
    faults: list[str] = field(default_factory=list)


def ulps_apart(a: float, b: float) -> int:
    """Count the doubles between two numbers; NaN equals NaN."""
    if a != a or b != b:
        return 0 if a != a and b != b else sys.maxsize
    x, y = (struct.unpack("<q", struct.pack("<d", value))[0] for value in (a, b))
    x, y = (bits if bits >= 0 else -(2**63) - bits for bits in (x, y))
    return abs(x - y)


def java_double(text: str) -> float:
    return float("nan") if text == "NA" else float.fromhex(text)


def compare_values(
    found: Comparison, name: str, ours: list[float], java: list[float], allowed: Tolerance
) -> None:
    """Note the distances of one output column; beyond `allowed` they are a fault."""
    for row, (a, b) in enumerate(zip(ours, java, strict=True)):
        ulps = ulps_apart(a, b)
        distance = 0.0 if ulps == 0 else abs(a - b)
        found.max_ulps, found.max_abs = max(found.max_ulps, ulps), max(found.max_abs, distance)
        if ulps > allowed.ulps and not distance <= allowed.absolute:
            found.faults.append(f"{name}, row {row}: {a.hex()}, Java {b.hex()}, {ulps} ulp apart")


def offsets_of(model: mojo_scorer.Model, records: list[dict[str, str | None]]) -> list[float] | None:
    name = model.offset_column
    return None if name is None else [float(record[name] or "nan") for record in records]


def refuses(model: mojo_scorer.Model, record: dict[str, str | None]) -> bool:
    try:
        model.score(model.matrix([record]), offsets_of(model, [record]))
    except mojo_scorer.RowError:
        return True
    return False


def java_outputs(model: mojo_scorer.Model, java: dict[str, list[str]]) -> list[list[str]]:
    """Return Java's columns in the order of score()'s."""
    if "refused" in java:  # the raw array: a label in front where there are classes
        raw = [column for name, column in java.items() if name != "refused"]
        first = 1 if model.response_domain else 0
        return raw[first : first + len(model.output_names)]
    return [
        column
        for name, column in java.items()
        if (name != "predict" or name in model.output_names) and not name.startswith("cal_")
    ]


def java_labels(model: mojo_scorer.Model, java: dict[str, list[str]]) -> list[str] | None:
    if not model.response_domain:
        return None
    if "refused" in java:
        return [model.response_domain[int(java_double(index))] for index in java["preds0"]]
    return java["predict"]


def compare(entry: ZooModel) -> Comparison:
    """Score the model's rows and compare with what genmodel answered."""
    if entry.answers == "words":
        return compare_words(entry)
    model = mojo_scorer.load(entry.mojo)
    java = read_table(entry.reference())
    records = read_rows(entry.rows_file)
    found = Comparison(entry, model.main_algorithm, len(records))
    refused = [bool(reason) for reason in java.get("refused", [""] * len(records))]
    found.refused = sum(refused)
    for row, record in enumerate(records):
        if refused[row] and not refuses(model, record):
            found.faults.append(f"row {row}: Java refuses it ({java['refused'][row]})")
    records = [record for record, out in zip(records, refused, strict=True) if not out]
    java = {
        name: [cell for cell, out in zip(column, refused, strict=True) if not out]
        for name, column in java.items()
    }
    scores = model.score(model.matrix(records), offsets_of(model, records))
    ours = model.predict(records, calibrated=model.calibration is not None)
    outputs = java_outputs(model, java)
    if len(outputs) != len(model.output_names):
        found.faults.append(
            f"outputs are {model.output_names}, Java has {len(outputs)} columns: {list(java)}"
        )
        return found
    for at, (name, column) in enumerate(zip(model.output_names, outputs, strict=True)):
        if not np.array_equal(ours[name], scores[:, at], equal_nan=True):
            found.faults.append(f"{name}: predict() and score() differ")
        compare_values(
            found, name, scores[:, at].tolist(), [*map(java_double, column)], TOLERANCES[found.algorithm]
        )
    for name, column in java.items():
        if name.startswith("cal_"):
            compare_values(
                found, name, ours[name].tolist(), [*map(java_double, column)], TOLERANCES[found.algorithm]
            )
    labels = java_labels(model, java)
    if labels is not None and ours["predict"] != labels:
        found.faults.append("the labels differ")
    return found


def compare_words(entry: ZooModel) -> Comparison:
    """Compare the vectors of the rows, each a sentence; of rows with one word also word_vector()."""
    model = mojo_scorer.load(entry.mojo)
    java = read_table(entry.reference())
    records = read_rows(entry.rows_file)
    found = Comparison(entry, model.algorithm, len(records))
    sentences = [[word for word in record.values() if word is not None] for record in records]
    vectors = [model.sentence_vector(words) for words in sentences]
    for words, vector in zip(sentences, vectors, strict=True):
        alone = model.word_vector(words[0]) if len(words) == 1 else None
        if alone is not None and not np.array_equal(alone, vector):
            found.faults.append(f"{words}: word_vector() and sentence_vector() differ")
    for at, (name, column) in enumerate(java.items()):
        ours = [float(vector[at]) for vector in vectors]
        compare_values(found, name, ours, [*map(java_double, column)], TOLERANCES[found.algorithm])
    return found


def compare_margins(entry: ZooModel) -> Comparison:
    """Compare what is computed before the link function, class by class; every bit must be Java's."""
    records = read_rows(entry.rows_file)
    algorithm = mojo_scorer.load(entry.mojo).algorithm
    found = Comparison(entry, algorithm, len(records))
    for at, (name, java) in enumerate(read_table(entry.reference("margins")).items()):
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "margin.zip"
            column = without_link(entry.mojo, algorithm, copy, at)
            model = mojo_scorer.load(copy)
        margins = model.score(model.matrix(records), offsets_of(model, records))[:, column].tolist()
        compare_values(found, name, margins, [*map(java_double, java)], Tolerance(0))
    return found


def table_by_algorithm(found: list[Comparison]) -> str:
    """Return README.md's table of what was found, the algorithms by name."""
    lines = [
        "| algorithm | models | rows | max ulp | max abs diff | allowed ulp |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for algorithm in sorted({one.algorithm for one in found}):
        same = [one for one in found if one.algorithm == algorithm]
        rows = sum(one.rows - one.refused for one in same)
        ulps, distance = max(one.max_ulps for one in same), max(one.max_abs for one in same)
        allowed = TOLERANCES[algorithm].ulps
        lines.append(f"| {algorithm} | {len(same)} | {rows:,} | {ulps} | {distance:.2g} | {allowed} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="models to compare; all without a name")
    options = parser.parse_args()
    known = zoo_models()
    failed, everything = False, []
    heads = ["rows", "refused", "margin", "max ulp", "allowed", "max abs"]
    print(f"{'model':32}" + "".join(f"{head:>9}" for head in heads))
    for name in options.names or known:
        found = compare(known[name])
        everything.append(found)
        allowed = TOLERANCES[found.algorithm].ulps
        margin: int | str = ""
        if "margins" in known[name].keeps:
            margins = compare_margins(known[name])
            margin = margins.max_ulps
            found.faults += margins.faults
        cells = [found.rows, found.refused, margin, found.max_ulps, allowed, f"{found.max_abs:.2g}"]
        print(f"{name:32}" + "".join(f"{cell:>9}" for cell in cells))
        for fault in found.faults[:5]:
            print(f"    {fault}")
        failed |= bool(found.faults)
    if not options.names:
        print(f"\n{(table := table_by_algorithm(everything))}")
        if table not in README.read_text(encoding="utf-8"):
            print(f"    {README} has another table")
            failed = True
        matrix = coverage_matrix()
        print_matrix(matrix)
        failed |= any(value == "" for cells in matrix.values() for value in cells.values())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
