"""Malformed linear and other small models are refused with the reason."""

import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

SETTINGS = {
    "cat_offsets fall": (
        "xgboost_multinomial",
        "cat_offsets = [0, ",
        "cat_offsets = [0, 900, ",
        FormatError,
        "cat_off",
    ),
    "cats": ("xgboost_multinomial", "cats = 2", "cats = 200000000", FormatError, "cats"),
    "beta": ("glm_multinomial", "beta = [", "beta = [0.0, ", FormatError, "beta has"),
    "family": ("glm_multinomial", "family = multinomial", "family = normal", UnsupportedError, "normal"),
    "permutation": ("pca_mixed", "permutation = [", "permutation = [77", FormatError, "permutation"),
    "components": ("pca_mixed", "k = 3", "k = 2000000000", FormatError, "of 2000000000 doubles"),
    "eigenvectors": (
        "pca_mixed",
        "eigenvector_size = ",
        "eigenvector_size = 1",
        FormatError,
        "eigenvector_size is not",
    ),
    "centers": ("kmeans_mixed", "center_num = 4", "center_num = 5", FormatError, "center_4"),
    "billions of centers": (
        "kmeans_mixed",
        "center_num = 4",
        "center_num = 2000000000",
        FormatError,
        "center_num",
    ),
    "width of a center": ("kmeans_mixed", "center_0 = [", "center_0 = [1.0, ", FormatError, "center_0 has 6"),
    "modes": (
        "kmeans_mixed",
        "standardize_modes = [",
        "standardize_modes = [1, ",
        FormatError,
        "standardize_modes",
    ),
    "rank": ("glrm_simplex", "ncolX = 5", "ncolX = 2000000000", FormatError, "nrowY is not ncolX"),
    "archetypes": ("glrm_simplex", "ncolY = 9", "ncolY = 8", FormatError, "ncolY"),
    "levels": (
        "glrm_simplex",
        "num_levels_per_category = [6",
        "num_levels_per_category = [2000000000",
        FormatError,
        "ncolY",
    ),
    "no levels": (
        "glrm_simplex",
        "num_levels_per_category = [6",
        "num_levels_per_category = [0",
        FormatError,
        "num_levels_per_category holds 0",
    ),
    "order of columns": (
        "glrm_simplex",
        "cols_permutation = [3, 0",
        "cols_permutation = [3, 3",
        FormatError,
        "cols_permutation holds 3",
    ),
    "regularization": ("glrm_simplex", "X = Simplex", "X = Cube", UnsupportedError, "regularization Cube"),
    "no seed": ("glrm_simplex", "seed = 7", "sead = 7", FormatError, "seed is missing"),
    "before seeds": ("glrm_simplex", "mojo_version = 1.10", "mojo_version = 1.00", UnsupportedError, "1.00"),
    "strata": (
        "coxph_strata",
        "strata_count = 12",
        "strata_count = 2000000000",
        FormatError,
        "x_mean_cat_size1",
    ),
    "stratum twice": (
        "coxph_strata",
        "strata_1 = ",
        "strata_1 = [0.0, 2.0]\nx = ",
        FormatError,
        "one stratum twice",
    ),
    "coefficients": (
        "coxph_strata",
        "cat_offsets = [0, 5",
        "cat_offsets = [0, 5000",
        FormatError,
        "cat_offsets",
    ),
    "means": (
        "coxph_mixed",
        "x_mean_num_size2 = 3",
        "x_mean_num_size2 = 30000",
        FormatError,
        "x_mean_num_size2",
    ),
    "numbers": ("coxph_mixed", "num_offsets = [5", "num_offsets = [-5", FormatError, "num_offsets holds -5"),
    "interaction": (
        "coxph_levels_levels",
        "interactions_1 = [1]",
        "interactions_1 = [900]",
        FormatError,
        "interactions name column 900",
    ),
    "pair without levels": (
        "coxph_levels_levels",
        "interaction_targets = [0]",
        "interaction_targets = [3]",
        FormatError,
        "has no levels",
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_malformed_ini(case: str, tmp_path: Path) -> None:
    kind, old, new, error, message = SETTINGS[case]
    with pytest.raises(error, match=message):
        mojo_scorer.load(write_zip(tmp_path / "ini.zip", edit_ini(read_entries(kind), old, new)))


LOSSES = {
    "unknown": (b"Quadratic", b"Quartic", UnsupportedError, "GLRM loss Quartic"),
    "periodic": (b"Quadratic", b"Periodic(7)", UnsupportedError, r"Periodic\(7\)"),
    "numbers as levels": (b"Categorical", b"Quadratic", FormatError, "does not suit column 0"),
    "too few": (b"Quadratic\n", b"", FormatError, "fewer lines"),
    "too many": (b"Quadratic\n", b"Quadratic\nHuber\n", FormatError, "more lines"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_malformed_losses(case: str, tmp_path: Path) -> None:
    old, new, error, message = LOSSES[case]
    entries = read_entries("glrm_simplex")
    entries["losses"] = entries["losses"].replace(old, new, 1)
    path = write_zip(tmp_path / "losses.zip", entries)
    with pytest.raises(error, match=message):
        mojo_scorer.load(path)


TABLES = {
    "pca_mixed": "eigenvectors_raw",
    "glrm_simplex": "archetypes",
    "coxph_strata": "x_mean_cat",
    "coxph_mixed": "x_mean_num",
    "gam_multinomial": "beta_multinomial_centering",
    "gam_cubic": "_binvD",
    "gam_mixed": "zTranspose",
    "gam_thin_pair": "zTransposeCS",
    "gam_integrated": "knots",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_another_size(kind: str, tmp_path: Path) -> None:
    entries = read_entries(kind)
    name = TABLES[kind]
    for content in [b"", entries[name][:-1], entries[name][:-8], entries[name] + bytes(8)]:
        with pytest.raises(FormatError, match=f"{name}: {len(content)} bytes do not hold"):
            mojo_scorer.load(write_zip(tmp_path / "table.zip", entries | {name: content}))


def test_categorical_columns_only(tmp_path: Path) -> None:
    """genmodel reads the empty norm_sub of such a GLRM as text and fails."""
    entries = read_entries("glrm_simplex")
    numbers = next(
        line for line in entries["model.ini"].decode().splitlines() if line.startswith("num_numeric")
    )
    path = write_zip(tmp_path / "levels.zip", edit_ini(entries, numbers, "num_numeric = 0"))
    with pytest.raises(UnsupportedError, match="GLRM of categorical columns only"):
        mojo_scorer.load(path)
