"""`python -m mojo_scorer`: what a user sees, and files in and out."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import mojo_scorer
import numpy as np
import pyarrow as pa
import pytest
from mojo_scorer.file_scoring import CHUNK, read_csv
from pyarrow import parquet

TESTS = Path(__file__).parent
ZOO = TESTS / "zoo"


def run(*arguments: object, status: int = 0) -> tuple[str, str]:
    command = [sys.executable, "-m", "mojo_scorer", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def read_output(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    return {name: [line[at] for line in lines] for at, name in enumerate(header)}


def test_inspect() -> None:
    shown, _ = run("inspect", ZOO / "gbm_offset.zip")
    for line in [
        "offset_column     shift",
        "outputs           no, yes",
        "few                           6 levels: ",
    ]:
        assert line in shown
    facts = json.loads(run("inspect", "--json", ZOO / "glm_gaussian.zip")[0])
    model = mojo_scorer.load(ZOO / "glm_gaussian.zip")
    assert [feature["name"] for feature in facts["features"]] == model.feature_names
    assert {f["name"]: f["levels"] for f in facts["features"] if "levels" in f} == model.domains
    assert (facts["algorithm"], facts["default_threshold"]) == ("glm", None)
    # A PCA drops missing numbers without filling them; such things are said.
    assert "perhaps not what you expect" in run("inspect", ZOO / "pca_numbers.zip")[0]


@pytest.mark.parametrize(
    "name", ["gbm_binomial", "xgboost_multinomial", "glm_poisson", "pca_mixed", "gbm_offset"]
)
def test_score_csv(name: str, tmp_path: Path) -> None:
    _, said = run("score", ZOO / f"{name}.zip", ZOO / "rows.csv", tmp_path / "out.csv")
    assert said.startswith("260 rows in ")
    assert "unseen levels: " in said or name == "pca_numbers"
    columns = next(read_csv(ZOO / "rows.csv"))[0]
    expected = mojo_scorer.load(ZOO / f"{name}.zip").predict(columns)
    found = read_output(tmp_path / "out.csv")
    assert list(found) == list(expected)
    for column, values in expected.items():
        if isinstance(values, list):
            assert found[column] == values
        else:
            np.testing.assert_array_equal([*map(float, found[column])], values)


def test_score_parquet_in_pieces(tmp_path: Path) -> None:
    rows = 2 * CHUNK + 7
    rng = np.random.default_rng(5)
    alpha = rng.normal(0, 2, rows)
    few = pa.array(["red", "blue", None, "mauve"]).take(pa.array(rng.integers(0, 4, rows)))
    parquet.write_table(pa.table({"alpha": alpha, "few": few.dictionary_encode()}), tmp_path / "in.parquet")
    _, said = run("score", ZOO / "gbm_binomial.zip", tmp_path / "in.parquet", tmp_path / "out.csv")
    assert f"{rows:,} rows in" in said
    assert f"few {few.to_pylist().count('mauve'):,}" in said
    expected = mojo_scorer.load(ZOO / "gbm_binomial.zip").predict({"alpha": alpha, "few": few.to_pylist()})
    np.testing.assert_array_equal([*map(float, read_output(tmp_path / "out.csv")["yes"])], expected["yes"])
    assert run(
        "score", ZOO / "gbm_binomial.zip", tmp_path / "in.parquet", tmp_path / "out.csv", "--quiet"
    ) == ("", "")


def test_a_bad_row_is_named_and_leaves_no_output(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("alpha,few\n" + "1.5,red\n" * CHUNK + "2.5,red\n2.5,mauve\n")
    _, said = run("score", ZOO / "gbm_binomial.zip", source, output, "--unseen", "error", status=1)
    assert said == f"behind row {CHUNK}: row 1, column 'few': level 'mauve' was not seen in training\n"
    assert not output.exists()
    source.write_text("alpha,few\n1,red\n1\n")
    assert (
        "line 3: 1 cells for 2 columns" in run("score", ZOO / "gbm_binomial.zip", source, output, status=1)[1]
    )
    source.write_text("")
    assert "is empty" in run("score", ZOO / "gbm_binomial.zip", source, output, status=1)[1]


def test_bench() -> None:
    found = json.loads(run("bench", ZOO / "gbm_offset.zip", "--seconds", "0.01", "--json")[0])
    assert set(found["batch_us_per_row"]) == {"1", "10", "100", "1000", "10000"}
    assert 0 < found["batch_us_per_row"]["10000"] < found["single_row_us"]["dict"]
    shown, _ = run("bench", ZOO / "glm_skip.zip", "--seconds", "0.01")
    assert "rows_per_second" in shown
    assert (
        "load_ms" in run("bench", ZOO / "pca_mixed.zip", "--seconds", "0.01", "--rows", ZOO / "rows.csv")[0]
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pojo.java", "is the Java source of a model (POJO): export the same model as MOJO"),
        ("saved_model.bin", "in H2O's own binary form (save_model).* export the MOJO"),
    ],
)
def test_other_exports_are_refused_with_what_to_do(name: str, said: str, tmp_path: Path) -> None:
    # The name does not matter, the content does.
    foreign = tmp_path / "model.zip"
    shutil.copy(TESTS / "foreign" / name, foreign)
    with pytest.raises(mojo_scorer.UnsupportedError, match=said.replace("(", r"\(").replace(")", r"\)")):
        mojo_scorer.load(foreign)
    assert "download_mojo(path)" in run("inspect", foreign, status=1)[1]


def test_a_folder_is_to_be_packed_again(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.unpack_archive(ZOO / "gbm_offset.zip", folder)
    with pytest.raises(mojo_scorer.UnsupportedError, match="unpacked MOJO: pack its content again"):
        mojo_scorer.load(folder)
    packed = mojo_scorer.load(shutil.make_archive(str(tmp_path / "again"), "zip", folder))
    assert packed.uuid == mojo_scorer.load(ZOO / "gbm_offset.zip").uuid
    with pytest.raises(IsADirectoryError):
        mojo_scorer.load(tmp_path)
