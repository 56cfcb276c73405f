"""Target encoders."""

from collections.abc import Sequence
from pathlib import Path

from h2o.estimators import H2OTargetEncoderEstimator

from zoo_makers.edit import Entries, edited, slim
from zoo_makers.zoo_model import Workbench, ZooModel


def encoder(
    name: str, target: str, columns: Sequence[str], rows: int | None = None, **options: object
) -> ZooModel:
    """`rows`: train on the first ones only, which do not have every level of the columns."""

    def make(bench: Workbench, output: Path) -> None:
        frame = bench.frame if rows is None else bench.frame[:rows, :]
        model = H2OTargetEncoderEstimator(noise=0.0, seed=1, **options)
        model.train(x=list(columns), y=target, training_frame=frame)
        model.download_mojo(str(output))

    return ZooModel(name, slim(make), answers="raw")


def drop_mappings(entries: Entries) -> Entries:
    """As files were before they said which columns make which."""
    return {name: content for name, content in entries.items() if not name.endswith("columns_map.ini")}


BLENDING = {"blending": True, "inflection_point": 10, "smoothing": 20}
INTERACTIONS = [["few", "some"], ["even"], ["even", "few"]]
REGRESSION = encoder("targetencoder_regression", "amount", ["few", "some", "many", "even"])
MULTINOMIAL = encoder("targetencoder_multinomial", "kind", ["few", "even"], **BLENDING)

MODELS = [
    encoder("targetencoder_binomial", "flag", ["few", "some"]),
    REGRESSION,
    MULTINOMIAL,
    encoder("targetencoder_blending", "flag", ["few", "many", "even"], blending=True, smoothing=1),
    encoder("targetencoder_no_missing", "flag", ["even"]),
    encoder("targetencoder_interactions", "flag", ["few", "some", "even"], columns_to_encode=INTERACTIONS),
    encoder(
        "targetencoder_folds",
        "flag",
        ["few", "even"],
        data_leakage_handling="KFold",
        fold_column="grade",
    ),
    encoder("targetencoder_huge", "amount", ["huge"], **BLENDING),
    # Java sums the prior in the order of a hash map: not that of the levels where some are not there.
    encoder("targetencoder_few_levels", "amount", ["huge"], rows=1000, **BLENDING),
    ZooModel("targetencoder_old", edited(REGRESSION.make, drop_mappings), answers="raw"),
    ZooModel("targetencoder_old_classes", edited(MULTINOMIAL.make, drop_mappings), answers="raw"),
]
EMPTY: dict[str, str] = {
    "offset": "an encoder takes no offset",
    "weights": "an encoder takes no weights",
    "calibration": "encodings are no probabilities",
    "extremes": "its columns are categorical",
}
