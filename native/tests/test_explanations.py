"""Contributions, leaf assignments and staged predictions: genmodel's kept answers, and what is refused."""

import shutil
import sys
import threading
import zipfile
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from java_oracle import read_table
from zoo_catalogue import zoo_models
from zoo_coverage import read_rows
from zoo_makers.zoo_model import ZOO, ZooModel

EXPLAINED = {"contributions", "leaves", "staged"}
MODELS = [model for model in zoo_models().values() if EXPLAINED & {*model.keeps}]


def numbers(columns: dict[str, list[str]]) -> np.ndarray:
    return np.array([[float.fromhex(cell) for cell in column] for column in columns.values()]).T


@pytest.mark.parametrize("entry", MODELS, ids=lambda model: model.name)
def test_equals_java(entry: ZooModel) -> None:
    model = mojo_scorer.load(entry.mojo)
    records = read_rows(entry.rows_file)
    if "contributions" in entry.keeps:
        wanted = read_table(entry.reference("contributions"))
        found = model.contributions(records)
        assert found.dtype == np.float32
        assert np.array_equal(found.view(np.int32), numbers(wanted).astype(np.float32).view(np.int32))
        assert model.contribution_names == [*wanted]
    if "leaves" in entry.keeps:
        leaves = [*read_table(entry.reference("leaves")).values()]
        paths, ids = model.leaf_assignment(records)
        count = len(model.tree_names)
        assert [list(column) for column in zip(*paths, strict=True)] == leaves[:count]
        assert ids is not None
        assert np.array_equal(ids, np.array(leaves[count:], np.int32).T)
    if "staged" in entry.keeps:
        wanted = numbers(read_table(entry.reference("staged")))
        stages = model.staged_predict(records)
        assert np.array_equal(stages, wanted, equal_nan=True)
        assert len(model.stage_names) == stages.shape[1]


def test_contributions_add_up_to_the_margin() -> None:
    model = mojo_scorer.load(ZOO / "gbm_binomial.zip")
    records = read_rows(ZOO / "rows.csv")
    yes = model.score(model.matrix(records))[:, 1]
    total = model.contributions(records).sum(axis=1)
    assert np.allclose(total, np.log(yes / (1 - yes)), atol=1e-4)


def test_names() -> None:
    assert mojo_scorer.load(ZOO / "gbm_binomial.zip").contribution_names[-2:] == ["many", "BiasTerm"]
    xgboost = mojo_scorer.load(ZOO / "xgboost_binomial.zip")
    assert xgboost.contribution_names[:2] == ["some.s00", "some.s01"]
    assert "few.missing(NA)" in xgboost.contribution_names
    multinomial = mojo_scorer.load(ZOO / "gbm_multinomial.zip")
    assert multinomial.tree_names[:4] == ["T1.C1", "T2.C1", "T3.C1", "T1.C2"]
    assert multinomial.stage_names[:4] == ["T1.C1", "T1.C2", "T1.C3", "T1.C4"]


REFUSED = {
    "contributions": {
        "gbm_multinomial": "more than two classes",
        "drf_double_trees": "binomial_double_trees",
        "xgboost_multinomial": "more than two classes",
        "xgboost_linear": "gblinear",
        "isolation_forest": "gbm, drf and xgboost only",
        "glm_binomial": "tree models only, not of glm",
        "pipeline_glm": "tree models only, not of glm",
    },
    "leaf_assignment": {
        "xgboost_linear": "no leaf assignments",
        "gbm_without_a_class": "class without trees",
    },
    "staged_predict": {"xgboost_binomial": "no staged predictions", "pca_numbers": "not of pca"},
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in REFUSED for name in REFUSED[kind]])
def test_refusals_say_why(kind: str, name: str) -> None:
    model = mojo_scorer.load(ZOO / f"{name}.zip")
    with pytest.raises(UnsupportedError, match=REFUSED[kind][name]):
        getattr(model, kind)(read_rows(ZOO / "rows.csv")[:2])


def test_a_pipeline_explains_its_main_model() -> None:
    pipeline = mojo_scorer.load(ZOO / "pipeline_gbm.zip")
    records = read_rows(ZOO / "rows.csv")
    names = pipeline.contribution_names
    assert names == ["PC1", "PC2", "few", "some", "BiasTerm"]
    scores = pipeline.score(pipeline.matrix(records))
    yes = scores[:, 1]
    total = pipeline.contributions(records).sum(axis=1)
    assert np.allclose(total, np.log(yes / (1 - yes)), atol=1e-4)
    assert len(pipeline.leaf_assignment(records)[0]) == len(records)
    stages = pipeline.staged_predict(records)
    assert np.array_equal(stages[:, -1], scores[:, 0], equal_nan=True)


def test_the_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    shutil.copy(ZOO / "gbm_binomial.zip", path)
    records = read_rows(ZOO / "rows.csv")
    kept = mojo_scorer.load(path)
    wanted = kept.contributions(records)
    replaced, gone = mojo_scorer.load(path), mojo_scorer.load(path)
    shutil.copy(ZOO / "gbm_regression.zip", path)
    with pytest.raises(FormatError, match="holds another model now"):
        replaced.contributions(records)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        gone.leaf_assignment(records)
    assert np.array_equal(kept.contributions(records), wanted)
    assert gone.score(gone.matrix(records)).shape == (len(records), 2)


def test_from_several_threads() -> None:
    model = mojo_scorer.load(ZOO / "xgboost_binomial.zip")
    records = read_rows(ZOO / "rows.csv")
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(model.contributions(records))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, results[0]) for result in results)


DAMAGED = {
    "aux cut": (lambda aux: aux[:-40], "ends early"),
    "aux too long": (lambda aux: aux + bytes(40), "behind the last split"),
    "id": (lambda aux: aux[:40] + b"\x63" + aux[41:], "where the tree has node"),
    "splits on the left": (lambda aux: aux[:4] + b"\x63" + aux[5:], "another number of splits"),
    "a ring of ids": (lambda aux: aux[:32] + bytes(4) + aux[36:], "where the tree has node"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_aux_files(case: str, tmp_path: Path) -> None:
    change, message = DAMAGED[case]
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(ZOO / "gbm_binomial.zip") as source, zipfile.ZipFile(path, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, change(content) if name == "trees/t00_001_aux.bin" else content)
    model = mojo_scorer.load(path)
    records = read_rows(ZOO / "rows.csv")
    assert model.score(model.matrix(records)).shape == (len(records), 2)
    with pytest.raises(FormatError, match=message):
        model.contributions(records)
