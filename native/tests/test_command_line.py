"""`python -m mojo_scorer`: what a user sees, and files in and out."""

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import mojo_scorer
import numpy as np
import pyarrow as pa
import pytest
from mojo_scorer.input_table import CHUNK, open_csv
from pyarrow import parquet

TESTS = Path(__file__).parent
ZOO = TESTS / "zoo"
GBM = ZOO / "gbm_binomial.zip"


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
    shown, _ = run("inspect", ZOO / "word2vec.zip")
    assert "Takes words instead of rows: word_vector(word), sentence_vector(words)." in shown
    assert "features" not in shown
    assert json.loads(run("inspect", "--json", ZOO / "word2vec.zip")[0])["features"] == []
    # A PCA drops missing numbers without filling them; such things are said.
    assert "perhaps not what you expect" in run("inspect", ZOO / "pca_numbers.zip")[0]


@pytest.mark.parametrize(
    "name", ["gbm_binomial", "xgboost_multinomial", "glm_poisson", "pca_mixed", "gbm_offset"]
)
def test_score_csv(name: str, tmp_path: Path) -> None:
    _, said = run("score", ZOO / f"{name}.zip", ZOO / "rows.csv", tmp_path / "out.csv")
    assert said.startswith("260 rows in ")
    assert "unseen levels: " in said or name == "pca_numbers"
    with open_csv(ZOO / "rows.csv") as table:
        expected = mojo_scorer.load(ZOO / f"{name}.zip").predict(next(table.pieces)[0])
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
    parquet.write_table(pa.table({"alpha": alpha, "few": few.dictionary_encode()}), tmp_path / "in.PARQUET")
    _, said = run("score", GBM, tmp_path / "in.PARQUET", tmp_path / "out.csv")
    assert f"{rows:,} rows in" in said
    assert f"few {few.to_pylist().count('mauve'):,}" in said
    expected = mojo_scorer.load(GBM).predict({"alpha": alpha, "few": few.to_pylist()})
    np.testing.assert_array_equal([*map(float, read_output(tmp_path / "out.csv")["yes"])], expected["yes"])
    warning = "warning: scored as missing, for no such column: beta, gamma, some, many\n"
    assert said.endswith(warning)
    quiet = run("score", GBM, tmp_path / "in.PARQUET", tmp_path / "out.csv", "--quiet")
    assert quiet == ("", warning)
    assert run("score", GBM, ZOO / "rows.csv", tmp_path / "out.csv", "--quiet") == ("", "")


def test_a_bad_row_is_named_and_leaves_no_output(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("alpha,few\n" + "1.5,red\n" * CHUNK + "2.5,red\n2.5,mauve\n")
    _, said = run("score", GBM, source, output, "--unseen", "error", status=1)
    assert said == f"behind row {CHUNK}: row 1, column 'few': level 'mauve' was not seen in training\n"
    assert not output.exists()
    source.write_text("alpha,few\n1,red\n1\n")
    assert "line 3: 1 cells for 2 columns" in run("score", GBM, source, output, status=1)[1]
    source.write_text('alpha,few\n1,"two\nlines"\n1\n')
    assert "line 4: 1 cells for 2 columns" in run("score", GBM, source, output, status=1)[1]
    source.write_text("")
    assert "is empty" in run("score", GBM, source, output, status=1)[1]
    # A GLM that skips rows with gaps refuses them.
    source.write_text("alpha,few\n1.5,red\n")
    assert run("score", ZOO / "glm_skip.zip", source, output, status=1)[1].startswith("row 0")
    assert list(tmp_path.iterdir()) == [source]


def test_input_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((ZOO / "rows.csv").read_bytes()), daemon=True)
    writer.start()
    run("score", GBM, pipe, tmp_path / "out.csv")
    run("score", GBM, ZOO / "rows.csv", tmp_path / "expected.csv")
    assert (tmp_path / "out.csv").read_text() == (tmp_path / "expected.csv").read_text()


def test_output_through_a_link_or_into_a_pipe(tmp_path: Path) -> None:
    plain, link, pipe = tmp_path / "scores" / "plain.csv", tmp_path / "link.csv", tmp_path / "pipe"
    plain.parent.mkdir()
    plain.write_text("old")
    link.symlink_to(plain)
    run("score", GBM, ZOO / "rows.csv", link)
    assert link.is_symlink()
    assert len(read_output(plain)["yes"]) == 260
    os.mkfifo(pipe)
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()), daemon=True)
    reader.start()
    run("score", GBM, ZOO / "rows.csv", pipe)
    reader.join(timeout=60)
    assert received == [plain.read_text()]
    assert pipe.is_fifo()
    assert [*plain.parent.iterdir()] == [plain]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_bytes(b"alpha,few\n3,red\n")
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbfalpha,few\r\n3,red\r\n")
    for name in ["plain", "excel"]:
        run("score", GBM, tmp_path / f"{name}.csv", tmp_path / f"{name}.out")
    assert (tmp_path / "excel.out").read_text() == (tmp_path / "plain.out").read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Alpha,b,c,d,e\n1,2,3,4,5\n", "it has 'Alpha', 'b', 'c', 'd', ..., the model 'alpha', 'beta', "),
        ("alpha;few\n1,5;red\n", "Its cells seem to be separated by semicolons: separate them by commas"),
        ("alpha\tfew\n1.5\tred\n", "separated by tabs"),
    ],
)
def test_a_table_without_any_column_of_the_model_is_refused(content: str, said: str, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(content)
    assert said in run("score", GBM, source, output, status=1)[1]
    assert said in run("bench", GBM, "--rows", source, status=1)[1]
    assert not output.exists()


def test_tables_without_rows_give_the_header(tmp_path: Path) -> None:
    csv_file, parquet_file, output = tmp_path / "in.csv", tmp_path / "in.parquet", tmp_path / "out.csv"
    csv_file.write_text("alpha,few\n")
    parquet.write_table(pa.table({"alpha": pa.array([], pa.float64())}), parquet_file)
    for model, header in [("gbm_binomial", "predict,no,yes\n"), ("glm_gaussian", "predict\n")]:
        for source in [csv_file, parquet_file]:
            assert run("score", ZOO / f"{model}.zip", source, output)[1].startswith("0 rows in ")
            assert output.read_text() == header
            output.unlink()
    assert "has no rows" in run("bench", GBM, "--rows", csv_file, status=1)[1]


@pytest.mark.parametrize("rows", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_one_blank_line_at_the_end_is_no_row(rows: int, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("alpha,few\n" + "1,red\n" * rows + "\n")
    with open_csv(source) as table:
        assert sum(len(columns["alpha"]) for columns, _ in table.pieces) == rows
    for more in ["\n\n", "\n1,red\n"]:
        source.write_text("alpha,few\n" + "1,red\n" * rows + more)
        with (
            pytest.raises(ValueError, match=f"line {rows + 2}: 0 cells for 2 columns"),
            open_csv(source) as table,
        ):
            list(table.pieces)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("before", [b"alpha,", b"alpha,few\n1,red\n2,"])
def test_a_file_in_another_encoding_is_refused_with_the_byte(
    start: bytes, before: bytes, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(start + before + "größe\n3,red\n".encode("latin-1"))
    said = run("score", GBM, source, tmp_path / "out.csv", status=1)[1]
    assert said == f"{source}, byte {len(start + before) + 2}: 0xf6 is not UTF-8: save it as UTF-8\n"
    source.write_text('alpha,few\n1,"red\n')
    assert f"{source}, line 2: unexpected end" in run("score", GBM, source, tmp_path / "out.csv", status=1)[1]


def test_calibrated_probabilities(tmp_path: Path) -> None:
    run("score", ZOO / "gbm_platt.zip", ZOO / "rows.csv", tmp_path / "out.csv", "--calibrated")
    with open_csv(ZOO / "rows.csv") as table:
        expected = mojo_scorer.load(ZOO / "gbm_platt.zip").predict(next(table.pieces)[0], calibrated=True)
    found = read_output(tmp_path / "out.csv")
    assert list(found) == list(expected)
    np.testing.assert_array_equal([*map(float, found["cal_yes"])], expected["cal_yes"])
    said = run("score", GBM, ZOO / "rows.csv", tmp_path / "other.csv", "--calibrated", status=1)[1]
    assert "without calibrated probabilities" in said


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
