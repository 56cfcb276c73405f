"""mojo_scorer against H2O's own Java scorer, over the models and rows of `zoo/`."""

import csv
import struct
import sys
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from java_genmodel import predict_csv

ZOO = Path(__file__).parent / "zoo"
MISSING = {"", "NA", "N/A", "-"}  # what PredictCsv takes for a missing cell
# Java's Math.exp and the C library's differ by one ulp in 0.3 % of all arguments, which 1 - p and a division
# can make two to three. XGBoost rounds to float32 and PCA has no exp: both must be equal to the last bit.
ULPS = {"gbm": 3, "glm": 3, "xgboost": 0, "pca": 0}


def read_rows(path: Path) -> list[dict[str, str | None]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: None if v in MISSING else v for k, v in row.items()} for row in csv.DictReader(file)]


def ulps_apart(a: float, b: float) -> int:
    """Count the doubles between two numbers; NaN equals NaN."""
    if a != a or b != b:
        return 0 if a != a and b != b else sys.maxsize
    x, y = (struct.unpack("<q", struct.pack("<d", value))[0] for value in (a, b))
    x, y = (bits if bits >= 0 else -(2**63) - bits for bits in (x, y))
    return abs(x - y)


def java_double(text: str) -> float:
    return float("nan") if text == "NA" else float.fromhex(text)


def compare(mojo: Path, lines: list[str], folder: Path) -> None:
    rows = folder / "rows.csv"
    rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    records = read_rows(rows)
    # PredictCsv takes a backslash for an escape, where a CSV file has none.
    rows.write_text(rows.read_text(encoding="utf-8").replace("\\", "\\\\"), encoding="utf-8")
    java = predict_csv(mojo, rows)

    model = mojo_scorer.load(mojo)
    ours = model.predict(records)
    scores = model.score(model.matrix(records))
    java_names = [name for name in java if name != "predict" or name in model.output_names]
    assert len(java_names) == len(model.output_names)
    for at, name in enumerate(java_names):
        worst = max(map(ulps_apart, scores[:, at].tolist(), map(java_double, java[name])))
        assert worst <= ULPS[model.main_algorithm], f"{mojo.name}, {name}: {worst} ulp apart"
        assert np.array_equal(ours[model.output_names[at]], scores[:, at], equal_nan=True)
    if model.response_domain:
        assert ours["predict"] == java["predict"]


@pytest.mark.parametrize("mojo", sorted(ZOO.glob("*.zip")), ids=lambda path: path.stem)
def test_equals_java(mojo: Path, tmp_path: Path) -> None:
    header, *lines = (ZOO / "rows.csv").read_text(encoding="utf-8").splitlines()
    if mojo.stem == "glm_skip":
        # This model refuses missing values: Java would stop at the first, ours must name the row.
        model = mojo_scorer.load(mojo)
        records = read_rows(ZOO / "rows.csv")
        gaps = np.isnan(model.matrix(records)).any(axis=1)
        lines = [line for line, gap in zip(lines, gaps, strict=True) if not gap]
        assert len(lines) > 80
        missing_level = next(i for i, row in enumerate(records) if row["few"] is None)
        with pytest.raises(mojo_scorer.RowError, match="row 1: categorical column"):
            model.score(model.matrix([records[int(np.flatnonzero(~gaps)[0])], records[missing_level]]))
    compare(mojo, [header, *lines], tmp_path)
