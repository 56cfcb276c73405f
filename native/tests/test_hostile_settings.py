"""A wrong model.ini of a tree model, and what all models have in theirs, is refused with the reason."""

import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

SETTINGS = {
    "no equals": ("gbm_laplace", "mojo_version = 1.40", "mojo_version 1.40", FormatError, "without '='"),
    "billions of columns": (
        "gbm_laplace",
        "n_columns = 6",
        "n_columns = 4000000000",
        FormatError,
        "n_columns",
    ),
    "lost column": ("gbm_laplace", "n_columns = 6", "n_columns = 7", FormatError, "6 are listed"),
    "negative features": ("gbm_laplace", "n_features = 5", "n_features = -5", FormatError, "n_features"),
    "billions of trees": ("gbm_laplace", "n_trees = 3", "n_trees = 2000000000", FormatError, "n_trees"),
    "a tree too many": ("gbm_laplace", "n_trees = 3", "n_trees = 4", FormatError, "t00_003.bin is missing"),
    "trees per class": (
        "gbm_multinomial",
        "n_trees_per_class = 4",
        "n_trees_per_class = 3",
        FormatError,
        "neither",
    ),
    "classes": ("gbm_multinomial", "n_classes = 4", "n_classes = 1000000000", FormatError, "n_classes"),
    "level count": ("gbm_laplace", "3: 6 d000", "3: 1000000000 d000", FormatError, "levels"),
    "domain of no column": ("gbm_laplace", "3: 6 d000", "-1: 6 d000", FormatError, "does not exist"),
    "domain twice": ("gbm_laplace", "4: 45 d001", "3: 45 d001", FormatError, "two domains"),
    "domain path": ("gbm_laplace", "6 d000.txt", "6 ../../../../etc/passwd", FormatError, "missing"),
    "big endian": ("gbm_laplace", "LITTLE_ENDIAN", "BIG_ENDIAN", UnsupportedError, "big endian"),
    "future": ("gbm_laplace", "mojo_version = 1.40", "mojo_version = 1.50", UnsupportedError, "1.50"),
    "no number": ("gbm_laplace", "init_f = ", "init_f = x", FormatError, "init_f"),
    "algorithm": (
        "gbm_laplace",
        "= Gradient Boosting Machine",
        "= Deep Learning",
        UnsupportedError,
        "Deep Learning",
    ),
    "distribution": ("gbm_laplace", "= laplace", "= cauchy", UnsupportedError, "cauchy"),
    "link": ("gbm_laplace", "link_function = identity", "link_function = cube", UnsupportedError, "cube"),
    "encoding": ("gbm_laplace", "encoding = AUTO", "encoding = Hashing", UnsupportedError, "Hashing"),
    "original names": ("gbm_one_hot", "_orig_names = 6", "_orig_names = 5", FormatError, "has 6 lines"),
    "original domains": (
        "gbm_one_hot",
        "_n_orig_domain_values = 6",
        "_n_orig_domain_values = 3",
        FormatError,
        "fewer _orig_domain_values",
    ),
    "original levels": (
        "gbm_one_hot",
        "_m_orig_domain_values_3 = 6",
        "_m_orig_domain_values_3 = 2000000000",
        FormatError,
        "outside of 0 to 10000000",
    ),
    "projection": (
        "gbm_eigen",
        "_orig_projection_array = [",
        "_orig_projection_array = [1.0]\nx = [",
        FormatError,
        "too short",
    ),
    "calibration": ("gbm_platt", "= platt", "= magic", UnsupportedError, "magic"),
    "calibration beta": ("gbm_platt", "glm_beta = [", "glm_beta = [1.0, ", FormatError, "has 3 entries"),
    "calibration range": (
        "gbm_isotonic",
        "min_x = 0",
        "min_x = -7",
        FormatError,
        "outside of the thresholds",
    ),
    "sample size": (
        "extended_isolation_forest",
        "sample_size = ",
        "sample_size = -",
        FormatError,
        "sample_size",
    ),
    "sloped trees": (
        "extended_isolation_forest",
        "ntrees = 8",
        "ntrees = 9",
        FormatError,
        "t08.bin is missing",
    ),
    "path length": ("isolation_forest", "min_path_length = ", "min_path_length = -", FormatError, "min_path"),
    "classes of a forest": ("isolation_forest", "n_classes = 1", "n_classes = 2", FormatError, "no classes"),
    "balance": (
        "drf_balanced",
        "prior_class_distrib = [",
        "prior_class_distrib = null\nx = [",
        FormatError,
        "without class distributions",
    ),
    "priors": (
        "gbm_multinomial",
        "prior_class_distrib = [",
        "prior_class_distrib = [0.1, ",
        FormatError,
        "prior",
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_malformed_ini(case: str, tmp_path: Path) -> None:
    kind, old, new, error, message = SETTINGS[case]
    with pytest.raises(error, match=message):
        mojo_scorer.load(write_zip(tmp_path / "ini.zip", edit_ini(read_entries(kind), old, new)))


# h2o-genmodel, too, refuses a file without them.
REQUIRED = [
    ("gbm_binomial", "default_threshold"),
    ("gbm_binomial", "balance_classes"),
    ("gbm_binomial", "supervised"),
    ("gbm_one_hot", "_genmodel_encoding"),
    ("deeplearning_one_hot", "_genmodel_encoding"),
    ("deeplearning_binomial", "use_all_factor_levels"),
    ("coxph_mixed", "use_all_factor_levels"),
    ("xgboost_binomial", "use_all_factor_levels"),
    ("xgboost_binomial", "sparse"),
    ("kmeans_plain", "standardize"),
    ("drf_binomial", "binomial_double_trees"),
]


@pytest.mark.parametrize(("model", "key"), REQUIRED)
def test_settings_without_a_default(model: str, key: str, tmp_path: Path) -> None:
    entries = edit_ini(read_entries(model), f"\n{key} = ", f"\nx{key} = ")
    with pytest.raises(FormatError, match=f"{key} is missing"):
        mojo_scorer.load(write_zip(tmp_path / "ini.zip", entries))
