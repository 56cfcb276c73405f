"""Isotonic regression."""

from pathlib import Path

from h2o.estimators import H2OIsotonicRegressionEstimator

from zoo_makers.zoo_model import Workbench, ZooModel


def isotonic(name: str, column: str, **options: object) -> ZooModel:
    def make(bench: Workbench, output: Path) -> None:
        model = H2OIsotonicRegressionEstimator(**options)
        # It refuses missing values in training.
        known = bench.frame[bench.frame[column].isna() == 0, :]
        model.train(x=[column], y="amount", training_frame=known)
        model.download_mojo(str(output))

    return ZooModel(name, make, answers="raw")


MODELS = [
    isotonic("isotonicregression", "alpha"),
    isotonic("isotonicregression_clip", "beta", out_of_bounds="clip"),
    # Its thresholds come more than once.
    isotonic("isotonicregression_weights", "gamma", weights_column="weight"),
]
EMPTY: dict[str, str] = {
    "binary": "its target is a number",
    "multiclass": "its target is a number",
    "unseen": "its column is a number",
    ">1024 levels": "its column is a number",
    "offset": "it takes no offset",
    "calibration": "it is what others are calibrated with",
}
