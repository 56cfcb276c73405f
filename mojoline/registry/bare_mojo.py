"""A MOJO that was never published, made provable: facts from the model, golden rows from a CSV file."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mojoline.registry.errors import RegistryError
from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import Budget, Column, ManifestFacts, Parity, Reduction, Training
from mojoline.runtime.scoring_model import ScoringModel

MISSING = frozenset({"", "NA", "N/A", "-"})  # what H2O's CSV tool takes for a missing cell
P99_MS = 50.0

Table = Mapping[str, Sequence[str]]


def read_table(path: Path) -> Table:
    """The columns of a CSV file with a header, as text. RegistryError where it is no table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file, strict=True)
        return {name: [line[at] for line in lines] for at, name in enumerate(header)}
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise RegistryError(f"{path} is no CSV table with a header: {error}") from error


def reference_rows(model: ScoringModel, table: Table, answers: Table) -> GoldenRows:
    """Rows from the features of `table`, expected scores from the outputs of `answers`.

    An output may be called as the model calls it, or `p<name>` as H2O calls a class that is a number.

    Raises:
        RegistryError: an output is missing, or one of its cells is no number.
    """
    names = [name for name in model.feature_names if name in table]
    if not names:
        raise RegistryError(f"the reference data has none of the columns {', '.join(model.feature_names)}")
    expected = []
    for output in model.output_names:
        column = next((answers[name] for name in (output, f"p{output}") if name in answers), None)
        if column is None:
            raise RegistryError(
                f"the reference predictions lack the column {output}; they have {', '.join(answers)}"
            )
        expected.append([_score(cell, output, row) for row, cell in enumerate(column, start=1)])
    columns = [
        [
            None if cell in MISSING else cell if name in model.domains else _number(cell)
            for cell in table[name]
        ]
        for name in names
    ]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return GoldenRows(names, model.output_names, rows, [*zip(*expected, strict=True)])


def facts_of(model: ScoringModel, max_bytes: int) -> ManifestFacts:
    """What a manifest would say of the model, with the usual budget and no training behind it."""
    labels = model.response_domain
    return ManifestFacts(
        algorithm=model.algorithm,
        task="regression" if labels is None else "binary" if len(labels) == 2 else "multiclass",
        target="unknown",
        h2o_version=model.h2o_version,
        mojo_version=model.mojo_version,
        columns=[
            Column(name=name, type="categorical" if name in model.domains else "numeric")
            for name in model.feature_names
        ],
        outputs=model.output_names,
        reduction=Reduction(kind="none"),
        metric_name="unknown",
        lower_is_better=True,
        budget=Budget(p99_ms=P99_MS, bytes=max_bytes),
        training=Training(data_version="unknown", rows=0),
        parity=Parity(rows=0, missing_rows=0, unseen_rows=0, max_abs_diff=0, tolerance=1e-9),
    )


def _number(cell: str) -> float | str:
    """Text where JSON has no such number, or only Java: the scorer reads both."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if math.isfinite(number) else cell


def _score(cell: str, output: str, row: int) -> float:
    """NaN for a missing cell: so H2O writes that it has no number for the row."""
    if cell in MISSING:
        return math.nan
    try:
        return float.fromhex(cell) if "0x" in cell else float(cell)
    except ValueError:
        raise RegistryError(
            f"the reference prediction {output} of row {row} is {cell!r}, which is no number"
        ) from None
