"""Faces of models that are not a prediction per row: words, encodings, reconstructions."""

import zipfile
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest

ZOO = Path(__file__).parent / "zoo"


def test_words_have_vectors() -> None:
    model = mojo_scorer.load(ZOO / "word2vec.zip")
    assert (model.algorithm, model.category) == ("word2vec", "WordEmbedding")
    red, green = model.word_vector("red"), model.word_vector("green")
    assert red is not None
    assert green is not None
    assert red.dtype == np.float32
    assert red.shape == (5,)
    assert not np.array_equal(red, green)
    assert model.word_vector("never seen") is None
    assert model.word_vector("RED") is None
    red[:] = 0  # the caller's own copy
    assert np.any(model.word_vector("red"))


def test_sentences_average_the_known_words() -> None:
    model = mojo_scorer.load(ZOO / "word2vec.zip")
    red, green = model.word_vector("red"), model.word_vector("green")
    np.testing.assert_array_equal(
        model.sentence_vector(["red", "never seen", "green"]), (red + green) / np.float32(2)
    )
    assert np.isnan(model.sentence_vector(["never seen"])).all()
    assert np.isnan(model.sentence_vector([])).all()


def test_words_are_no_rows() -> None:
    model = mojo_scorer.load(ZOO / "word2vec.zip")
    with pytest.raises(mojo_scorer.RowError, match="scores words, not rows: use word_vector"):
        model.score(np.zeros((1, 1)))
    with pytest.raises(mojo_scorer.RowError, match="scores words, not rows"):
        model.predict([{"word": "red"}])
    with pytest.raises(mojo_scorer.UnsupportedError, match="a glm model holds no words"):
        mojo_scorer.load(ZOO / "glm_binomial.zip").word_vector("red")


def test_encoded_columns_are_named_as_h2o_names_them() -> None:
    model = mojo_scorer.load(ZOO / "targetencoder_multinomial.zip")
    assert model.output_names == [f"{c}_{k}_te" for c in ("few", "even") for k in ("k2", "k3", "k4")]
    row = model.predict([{"few": "red", "even": "a"}])
    assert list(row) == model.output_names
    # Files that name no output columns; these come in the order of a Java hash map.
    assert mojo_scorer.load(ZOO / "targetencoder_old_classes.zip").output_names == [
        f"{c}_{k}_te" for c in ("even", "few") for k in (1, 2, 3)
    ]
    assert mojo_scorer.load(ZOO / "targetencoder_interactions.zip").output_names[1:] == [
        "even_te",
        "even:few_te",
    ]


def test_reconstructed_columns_are_named_as_genmodel_names_them() -> None:
    model = mojo_scorer.load(ZOO / "autoencoder_unscaled.zip")
    levels = model.domains["few"]
    assert model.output_names == [
        *(f"reconstr_few.{level}" for level in levels),
        "reconstr_few.missing(NA)",
        *(f"reconstr_{name}" for name in ("alpha", "beta", "gamma")),
    ]


def test_a_network_names_the_row_whose_prediction_is_not_a_number() -> None:
    model = mojo_scorer.load(ZOO / "deeplearning_binomial.zip")
    rows = model.matrix([{"alpha": 1.0}, {"alpha": float("inf")}])
    with pytest.raises(mojo_scorer.RowError, match="row 1: the probability of class 0 is NaN"):
        model.score(rows)


def test_an_ensemble_names_the_row_that_a_base_model_refuses() -> None:
    model = mojo_scorer.load(ZOO / "stackedensemble_deeplearning.zip")
    records = [{"alpha": 1.0, "gamma": 0.0}] * 150
    records[130] = {"alpha": float("inf"), "gamma": 0.0}
    with pytest.raises(mojo_scorer.RowError, match="row 130: "):
        model.score(model.matrix(records))


@pytest.mark.parametrize("name", ["stackedensemble_multinomial", "stackedensemble_logit"])
def test_many_rows_score_as_one_by_one(name: str) -> None:
    model = mojo_scorer.load(ZOO / f"{name}.zip")
    rng = np.random.default_rng(1)
    rows = model.matrix({"alpha": rng.normal(0, 2, 200), "gamma": rng.normal(0, 2, 200)})
    one_by_one = np.vstack([model.score(rows[i : i + 1]) for i in range(200)])
    np.testing.assert_array_equal(model.score(rows), one_by_one)


def test_deviations_are_listed() -> None:
    def deviations(name: str) -> str:
        return " ".join(mojo_scorer.load(ZOO / f"{name}.zip").deviations)

    assert "whatever out_of_bounds was" in deviations("isotonicregression")
    assert "offset shift is not used" in deviations("deeplearning_offset")
    assert "NaN" in deviations("pca_numbers")
    assert "pca: a missing number" in deviations("pipeline_gbm")
    assert "two behind it" in deviations("klime_base_level")
    assert deviations("gbm_binomial") == ""


def test_levels_pass_an_ensemble_by_number(tmp_path: Path) -> None:
    """As in genmodel, which does not compare the levels of the base models; but ours says so."""
    copy = tmp_path / "levels.zip"
    with (
        zipfile.ZipFile(ZOO / "stackedensemble_regression.zip") as archive,
        zipfile.ZipFile(copy, "w") as out,
    ):
        for name in archive.namelist():
            content = archive.read(name)
            if name == "domains/d000.txt":
                first, second, *others = content.splitlines(keepends=True)
                content = b"".join([second, first, *others])
            out.writestr(name, content)
    whole, swapped = mojo_scorer.load(ZOO / "stackedensemble_regression.zip"), mojo_scorer.load(copy)
    rows = np.array([[1.0, 0.0, level] for level in range(6)])
    np.testing.assert_array_equal(swapped.score(rows), whole.score(rows))
    assert whole.deviations == []
    assert "base_model0 knows other levels of column few" in swapped.deviations[0]
