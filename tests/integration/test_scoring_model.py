"""The scorer with the imputation before it, on real MOJOs and rows that the training cluster scored."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest

from mojoline.registry.golden import GoldenRows
from mojoline.runtime.errors import RowRefusedError, RuntimeModelError
from mojoline.runtime.scoring_model import ScoringModel
from tests.data.tiny_versions import TINY_MODELS, tiny_facts

MODELS = ["first", "second", "regression"]
ZOO = Path(__file__).parents[2] / "native" / "tests" / "zoo"


def load(which):
    folder = TINY_MODELS / which
    model = ScoringModel.load(folder / "mojo.zip", tiny_facts(which).reduction.impute)
    return model, GoldenRows.read(folder / "golden.jsonl")


@pytest.mark.parametrize("which", MODELS)
def test_rows_and_columns_score_as_the_cluster_did(which):
    model, golden = load(which)
    columns = {name: [row.get(name) for row in golden.rows] for name in golden.columns}
    for data in (golden.rows, columns):
        scores = model.score(data)
        assert scores.shape == (len(golden), len(model.output_names))
        assert np.abs(scores - np.array(golden.expected)).max() <= 1e-9


def test_without_the_imputation_the_cluster_is_not_met():
    """PCA turns a missing number into missing components: the fill values are part of the model."""
    _, golden = load("first")
    bare = ScoringModel.load(TINY_MODELS / "first" / "mojo.zip", {})
    assert not np.abs(bare.score(golden.rows) - np.array(golden.expected)).max() <= 1e-9


def test_what_a_model_says_about_itself():
    model, golden = load("first")
    assert model.algorithm == "gbm"
    assert model.h2o_version == "3.46.0.11"
    assert float(model.mojo_version) == 1.0
    assert sorted(model.feature_names) == sorted(golden.columns)
    assert model.domains == {"carrier": ["AA", "B6", "DL", "UA"], "origin": ["EWR", "JFK", "LGA"]}
    assert (model.output_names, model.response_domain) == (["no", "yes"], ["no", "yes"])
    assert model.nbytes > 0


def test_labels_follow_the_threshold_of_the_model():
    model, golden = load("first")
    scores = model.score(golden.rows)
    threshold = 0.3784105494248011  # default_threshold in the MOJO's model.ini
    assert model.label(scores) == ["yes" if yes >= threshold else "no" for yes in scores[:, 1]]
    assert len(set(model.label(scores))) == 2
    assert model.label(np.array([[1 - threshold, threshold]])) == ["yes"]


def test_a_regression_has_no_label():
    model, golden = load("regression")
    assert model.label(model.score(golden.rows)) is None


def test_no_rows_give_no_scores():
    model, _ = load("first")
    assert model.score([]).shape == (0, 2)
    assert model.label(model.score([])) == []


def test_a_value_that_is_no_number_is_the_callers_error():
    model, _ = load("first")
    with pytest.raises(RowRefusedError, match="temp"):
        model.score([{"temp": "warm"}])


def test_threads_score_the_same():
    model, golden = load("first")
    alone = model.score(golden.rows)
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: model.score(golden.rows), range(16)):
            np.testing.assert_array_equal(scores, alone)


@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06" + bytes(18), b"not a zip" * 100])
def test_what_is_no_mojo_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "mojo.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeModelError, match=r"mojo\.zip cannot be loaded"):
        ScoringModel.load(path, {})


def test_the_offset_of_a_model_is_an_input_like_others():
    model = ScoringModel.load(ZOO / "gbm_offset.zip", {})
    assert model.feature_names[-1] == "shift"
    row = {"alpha": 0.5, "beta": -1.0, "few": "a"}
    shifts = [-1.0, 0.0, 0.5]
    rows = [{**row, "shift": shift} for shift in shifts]
    columns = {name: [one[name] for one in rows] for name in rows[0]}
    expected = mojo_scorer.load(ZOO / "gbm_offset.zip").predict([row] * 3, shifts)
    assert len(set(expected["yes"])) == 3
    for data in (rows, columns):
        assert model.score(data)[:, 1].tolist() == list(expected["yes"])
    with pytest.raises(RowRefusedError, match="row 1: the offset is missing"):
        model.score([rows[0], row])
    assert ScoringModel.load(ZOO / "gbm_offset.zip", {"shift": 0.5}).score([row])[0, 1] == expected["yes"][2]
    # one that is among the model's inputs already stands there once
    assert ScoringModel.load(ZOO / "coxph_offset.zip", {}).feature_names.count("shift") == 1


def test_a_row_that_the_model_refuses_is_the_callers_matter():
    model = ScoringModel.load(ZOO / "glm_skip.zip", {})  # trained to fill no gaps
    complete = {name: model.domains.get(name, [0.5])[0] for name in model.feature_names}
    with pytest.raises(RowRefusedError, match=r"row 1: .* missing"):
        model.score([complete, {}])


def test_word_vectors_are_no_model_of_rows():
    with pytest.raises(RuntimeModelError, match="vectors of words"):
        ScoringModel.load(ZOO / "word2vec.zip", {})
