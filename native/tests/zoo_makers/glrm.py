"""Generalized low rank models: every loss and regulariser. genmodel counts rows, so each row gets a model
loaded anew."""

from collections.abc import Sequence
from pathlib import Path

from h2o.estimators import H2OGeneralizedLowRankEstimator

from zoo_makers.data import LIGHT, NUMBERS, NUMERIC, training
from zoo_makers.zoo_model import Maker, Workbench, ZooModel, train

MIXED = [*NUMBERS, "few"]


def settings(options: dict[str, object]) -> dict[str, object]:
    return {"k": 3, "seed": 7, "transform": "standardize", "max_iterations": 30, "gamma_x": 0.1} | options


def glrm(name: str, features: Sequence[str] = MIXED, **options: object) -> ZooModel:
    maker = train(H2OGeneralizedLowRankEstimator, None, features, **settings(options))
    return ZooModel(name, maker, answers="fresh")


def train_whole(features: Sequence[str], **options: object) -> Maker:
    """Losses for counts and for zeros and ones, on columns that have no other values."""

    def make(bench: Workbench, output: Path) -> None:
        columns = training()
        columns["bit"] = [None if v is None else float(v > 0) for v in columns["gamma"]]
        model = H2OGeneralizedLowRankEstimator(**settings(options | {"transform": "none"}))
        model.train(x=list(features), training_frame=bench.upload(columns, [*NUMERIC, "bit"]))
        model.download_mojo(str(output))

    return make


def glrm_whole(name: str, features: Sequence[str], losses: Sequence[str], **options: object) -> ZooModel:
    options |= {"loss_by_col": list(losses), "loss_by_col_idx": list(range(len(losses)))}
    return ZooModel(name, train_whole(features, **options), answers="fresh")


MODELS = [
    glrm("glrm_none", LIGHT),
    glrm("glrm_quadratic", regularization_x="quadratic", loss="absolute"),
    glrm("glrm_l2", regularization_x="l2", transform="demean", loss="huber"),
    glrm("glrm_l1", regularization_x="l1", transform="descale"),
    glrm("glrm_nonnegative", regularization_x="non_negative", multi_loss="ordinal"),
    glrm("glrm_onesparse", regularization_x="one_sparse", transform="normalize"),
    glrm("glrm_unit", regularization_x="unit_one_sparse", k=4),
    glrm("glrm_simplex", regularization_x="simplex", k=5),
    glrm("glrm_numbers", NUMBERS, k=2),
    glrm("glrm_huge", [*NUMBERS, "huge"], k=2),
    glrm_whole("glrm_poisson", ["alpha", "few", "count"], ["quadratic", "categorical", "poisson"]),
    glrm_whole("glrm_logistic", ["alpha", "few", "bit"], ["quadratic", "categorical", "logistic"]),
    glrm_whole("glrm_hinge", ["alpha", "few", "bit"], ["absolute", "ordinal", "hinge"]),
]
EMPTY: dict[str, str] = {
    "offset": "archetypes have no target to offset",
    "weights": "H2O's GLRM takes none",
    "calibration": "archetypes are no probabilities",
    "binary": "unsupervised",
    "multiclass": "unsupervised",
    "regression": "unsupervised",
}
