"""`validate_mojo_artifact.py --mojo`: a MOJO alone against reference predictions, its own or Java's."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mojoline.registry.golden import GoldenRows
from mojoline.registry.manifest import GOLDEN, MOJO
from tests.data.fake_versions import write_fake_mojo2
from tests.data.tiny_versions import TINY_MODELS

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "native" / "tests" / "zoo"
PROVEN = ["structure", "loads", "pins", "size", "equality", "latency"]


def write_reference(path: Path, which: str, shift: float = 0.0) -> Path:
    """The golden rows of a small model as CSV with the predictions, which `shift` makes wrong.

    Rows with gaps stay out: a small model's PCA gives them no number without the manifest's fill.
    """
    golden = GoldenRows.read(TINY_MODELS / which / GOLDEN)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*golden.columns, *golden.outputs])
        for row, scores in zip(golden.rows, golden.expected, strict=True):
            if all(name in row for name in golden.columns):
                writer.writerow(
                    [*(row[name] for name in golden.columns), *(score + shift for score in scores)]
                )
    return path


def validate(tmp_path: Path, *arguments: object, status: int = 0) -> dict:
    report = tmp_path / "report.json"
    command = [sys.executable, ROOT / "scripts" / "validate_mojo_artifact.py", "--output", report]
    done = subprocess.run([*map(str, [*command, *arguments])], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(report.read_text(encoding="utf-8"))


@pytest.mark.parametrize("which", ["first", "regression"])
def test_predictions_of_the_csv_are_met(which: str, tmp_path) -> None:
    reference = write_reference(tmp_path / "rows.csv", which)
    report = validate(
        tmp_path, "--mojo", TINY_MODELS / which / MOJO, "--runtime", "native", "--reference-data", reference
    )
    assert [proof["name"] for proof in report["proofs"]] == PROVEN
    assert report["passed"]
    assert report["proofs"][4]["figures"]["rows"] > 50


def test_wrong_predictions_are_found(tmp_path) -> None:
    reference = write_reference(tmp_path / "rows.csv", "first", shift=1e-6)
    report = validate(
        tmp_path, "--mojo", TINY_MODELS / "first" / MOJO, "--reference-data", reference, status=1
    )
    assert [proof["name"] for proof in report["proofs"] if not proof["passed"]] == ["equality"]
    # Java is asked instead of the file, and is right.
    assert validate(
        tmp_path, "--mojo", TINY_MODELS / "first" / MOJO, "--reference-data", reference, "--java"
    )["passed"]


def test_every_spelling_of_a_number_is_a_cell(tmp_path) -> None:
    """Java's own spellings, and those that JSON has no number for."""
    mojo = ZOO / "gbm_regression.zip"
    rows = tmp_path / "rows.csv"
    rows.write_text("alpha,beta,few\nInfinity,2.5f,red\n-Infinity,0x1p3,NA\n1e308,NA,never seen\n")
    report = validate(tmp_path, "--mojo", mojo, "--reference-data", rows, "--java")
    assert report["proofs"][4]["figures"]["rows"] == 3


@pytest.mark.parametrize(
    "name",
    [
        "gbm_binomial",  # one of its levels has a backslash
        "gbm_quasibinomial",  # a classifier whose classes are not in the file
        *("glrm_l2", "pipeline_glrm_glm"),  # which count the rows they have scored
        *("autoencoder", "uplift_drf", "targetencoder_multinomial"),  # which H2O's CSV tool cannot write
        *("isotonicregression", "pca_normalize"),  # no number where a value is missing
    ],
)
def test_java_is_met_by_models_of_every_kind(name: str, tmp_path) -> None:
    mojo, rows = ZOO / f"{name}.zip", ZOO / "rows.csv"
    report = validate(tmp_path, "--mojo", mojo, "--reference-data", rows, "--java")
    assert report["proofs"][4]["figures"]["rows"] > 200


def test_only_nan_agrees_with_nan(tmp_path) -> None:
    mojo, rows = ZOO / "isotonicregression.zip", tmp_path / "rows.csv"
    rows.write_text("alpha,predict\nNA,NA\n", encoding="utf-8")
    assert validate(tmp_path, "--mojo", mojo, "--reference-data", rows)["passed"]
    for cells in ("1.0,NA", "NA,0.5"):
        rows.write_text(f"alpha,predict\nNA,NaN\n{cells}\n", encoding="utf-8")
        report = validate(tmp_path, "--mojo", mojo, "--reference-data", rows, status=1)
        assert "golden row 2 differs by nan" in report["proofs"][4]["message"]


def test_an_infinite_prediction_is_met_by_itself_only(tmp_path) -> None:
    mojo, rows = ZOO / "coxph_numbers.zip", ZOO / "rows.csv"
    assert validate(tmp_path, "--mojo", mojo, "--reference-data", rows, "--java")["passed"]
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("alpha,beta,gamma,stop,lp\n1,2,3,4,-Infinity\n", encoding="utf-8")
    report = validate(tmp_path, "--mojo", mojo, "--reference-data", wrong, status=1)
    assert "golden row 1 differs by inf" in report["proofs"][4]["message"]


def test_what_java_refuses_is_one_sentence_in_its_words(tmp_path) -> None:
    report = validate(
        tmp_path,
        *("--mojo", ZOO / "glm_skip.zip", "--reference-data", ZOO / "rows.csv", "--java"),
        status=1,
    )
    assert report["error"].startswith("h2o-genmodel refuses 53 of 260 rows")
    assert report["error"].endswith(
        "first row 1: java.lang.IllegalArgumentException: categorical value out of range; leave such rows out"
    )


def test_the_report_needs_a_directory_and_java_a_mojo(tmp_path) -> None:
    script = [sys.executable, ROOT / "scripts" / "validate_mojo_artifact.py"]
    for arguments, reason in [
        (["--output", tmp_path / "absent" / "report.json"], "there is no directory"),
        (["--java"], "--java and --runtime are for --mojo"),
    ]:
        done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert reason in done.stderr


def test_what_cannot_be_proven_says_why(tmp_path) -> None:
    reference = write_reference(tmp_path / "rows.csv", "first")
    mojo = TINY_MODELS / "first" / MOJO
    report = validate(
        tmp_path, "--mojo", mojo, "--runtime", "daimojo", "--reference-data", reference, status=1
    )
    assert "it is for native (H2O-3 MOJOs (model.ini)), not for daimojo" in report["proofs"][0]["message"]
    fake = write_fake_mojo2(tmp_path / "two.mojo")
    report = validate(tmp_path, "--mojo", fake, "--reference-data", reference, status=1)
    assert [proof["passed"] for proof in report["proofs"]] == [True, False]
    assert "pip install 'mojoline[daimojo]'" in report["proofs"][1]["message"]
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(mojo.read_bytes()[:-200])
    assert (
        validate(tmp_path, "--mojo", damaged, "--reference-data", reference, status=1)["proofs"][0]["name"]
        == "structure"
    )
    bare = tmp_path / "bare.csv"
    bare.write_text("distance,carrier\n1,UA\n")
    report = validate(tmp_path, "--mojo", mojo, "--reference-data", bare, status=1)
    assert "the reference" in report["error"]
    words = tmp_path / "words.csv"
    words.write_text(reference.read_text(encoding="utf-8") + ",".join(["x"] * 20) + "\n", encoding="utf-8")
    report = validate(tmp_path, "--mojo", mojo, "--reference-data", words, status=1)
    assert "is 'x', which is no number" in report["error"]
