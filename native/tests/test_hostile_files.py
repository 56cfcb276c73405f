"""Damaged and malicious files end in FormatError or UnsupportedError, or load; never in a crash or a hang."""

import contextlib
import random
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import FormatError, UnsupportedError

ZOO = Path(__file__).parent / "zoo"
KINDS = [
    "gbm_laplace",
    "gbm_multinomial",
    "xgboost_multinomial",
    "glm_multinomial",
    "pca_mixed",
    "pipeline_xgboost",
    "drf_one_hot",
    "extended_isolation_forest",
    "isolation_forest_flags",
    "gbm_isotonic",
    "gbm_enum_limited",
    "xgboost_linear",
    "kmeans_mixed",
    "glrm_simplex",
    "coxph_strata_pairs",
    "deeplearning_unscaled",
    "isotonicregression",
    "rulefit_rules",
    "stackedensemble_pipeline",
    "targetencoder_interactions",
    "word2vec",
    "gam_mixed",
]
FIRST_TREE = "trees/t00_000.bin"


def read_entries(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(ZOO / f"{name}.zip") as archive:
        return {
            n: archive.read(n) for n in archive.namelist() if "experimental/" not in n and "_aux" not in n
        }


def write_zip(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def edit_ini(entries: dict[str, bytes], old: str, new: str, ini: str = "model.ini") -> dict[str, bytes]:
    text = entries[ini].decode()
    assert old in text
    return entries | {ini: text.replace(old, new, 1).encode()}


def try_file(path: Path) -> bool:
    """Load and score; True when the file was accepted. Any other end than a named error fails the test."""
    try:
        model = mojo_scorer.load(path)
    except (FormatError, UnsupportedError):
        return False
    k = len(model.feature_names)
    rows = np.array([[0.0] * k, [np.nan] * k, [1e308] * k, [-1e308] * k, [3.0] * k, [1000.0] * k])
    for row in rows:
        with contextlib.suppress(mojo_scorer.RowError):
            assert model.score(row.reshape(1, k)).shape == (1, len(model.output_names))
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_anywhere(kind: str, tmp_path: Path) -> None:
    whole = (ZOO / f"{kind}.zip").read_bytes()
    path = tmp_path / "cut.zip"
    for length in [*range(0, len(whole), max(1, len(whole) // 60)), *range(len(whole) - 30, len(whole))]:
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError):
            mojo_scorer.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_flipped_in_the_container(kind: str, tmp_path: Path) -> None:
    whole = (ZOO / f"{kind}.zip").read_bytes()
    rng = random.Random(kind)
    path = tmp_path / "flipped.zip"
    directory = max(0, whole.rindex(b"PK\5\6") - 3000)
    for turn in range(150):
        damaged = bytearray(whole)
        at = rng.randrange(len(whole)) if turn % 2 else rng.randrange(directory, len(whole))
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try_file(path)


def mutate(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    match rng.randrange(6):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            data[at : at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"])
        case 2:
            del data[at:]
        case 3:
            del data[at : at + rng.randrange(1, 9)]
        case 4:
            data[at:at] = data[at : at + rng.randrange(1, 30)]
        case _:
            data[at] = rng.choice(b"0123456789-=[],.: \n")
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_contents_damaged_behind_a_right_crc(kind: str, tmp_path: Path) -> None:
    entries = read_entries(kind)
    rng = random.Random(kind)
    names = list(entries)
    small = [n for n in names if n.endswith(("model.ini", ".bin")) or "domains" not in n]
    accepted = 0
    for _ in range(220):
        name = rng.choice(small if rng.random() < 0.8 else names)
        accepted += try_file(write_zip(tmp_path / "mutant.zip", entries | {name: mutate(entries[name], rng)}))
    assert accepted < 220


def set_tree(change: Callable[[bytearray], bytes | None]) -> dict[str, bytes]:
    entries = read_entries("gbm_laplace")
    tree = bytearray(entries[FIRST_TREE])
    return entries | {FIRST_TREE: change(tree) or bytes(tree)}


def looping_tree() -> bytes:
    # A split whose left subtree has size -20: Java jumps back to the start for ever.
    return struct.pack("<BHBfi", 3, 0, 5, 1.0, -20) + struct.pack("<BHBfff", 0xF0, 0, 5, 1.0, 2.0, 3.0) * 2


TREES = {
    "left size negative": (lambda tree: looping_tree(), "left subtree of"),
    "left size too small": (
        lambda tree: (
            struct.pack("<BHBfB", 0, 0, 5, 1.0, 3) + struct.pack("<BHBfff", 0xF0, 0, 5, 1.0, 2.0, 3.0) * 2
        ),
        "stated size",
    ),
    "bytes behind the end": (lambda tree: bytes(tree) + b"\0", "behind its end"),
    "empty": (lambda tree: b"\0", "ends early"),
    "column too large": (lambda tree: struct.pack("<BHBfff", 0xF0, 900, 5, 1.0, 2.0, 3.0), "column 900 of"),
    "obsolete kind": (lambda tree: struct.pack("<BHBfff", 0xF4, 0, 5, 1.0, 2.0, 3.0), "kind of split"),
    "illegal type": (lambda tree: struct.pack("<BHBfff", 0x50, 0, 5, 1.0, 2.0, 3.0), "illegal node type"),
    "illegal direction": (
        lambda tree: struct.pack("<BHBfff", 0xF0, 0, 6, 1.0, 2.0, 3.0),
        "illegal direction",
    ),
    "set and missing-only": (lambda tree: struct.pack("<BHBfff", 0xF8, 0, 1, 1.0, 2.0, 3.0), "a set beside"),
    "set of billions": (
        lambda tree: struct.pack("<BHBHiff", 0xFC, 0, 5, 0, 2**31 - 1, 2.0, 3.0),
        "ends early",
    ),
    "set of minus one": (lambda tree: struct.pack("<BHBHiff", 0xFC, 0, 5, 0, -1, 2.0, 3.0), "a set of -1"),
}


@pytest.mark.parametrize("case", TREES)
def test_malformed_tree(case: str, tmp_path: Path) -> None:
    change, message = TREES[case]
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "tree.zip", set_tree(change)))


def test_deep_tree_is_no_recursion(tmp_path: Path) -> None:
    # 200,000 splits, each the right child of the one before.
    chain = struct.pack("<BHBff", 0x30, 0, 5, 1.0, 2.0) * 200_000 + struct.pack(
        "<BHBfff", 0xF0, 0, 5, 1.0, 2.0, 3.0
    )
    model = mojo_scorer.load(write_zip(tmp_path / "deep.zip", set_tree(lambda tree: chain)))
    assert model.score(np.full((1, len(model.feature_names)), 5.0)).shape == (1, 1)


INI = {
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
        "has 6 lines",
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
    "knots": (
        "gam_mixed",
        "num_knots_sorted = [6",
        "num_knots_sorted = [2000000000",
        FormatError,
        "of 20000000[0-9]+ doubles",
    ),
    "one knot": ("gam_mixed", "num_knots_sorted = [6", "num_knots_sorted = [1", FormatError, "holds 1"),
    "order": ("gam_mixed", "orders_sorted = [0, 2", "orders_sorted = [0, 200", FormatError, "holds 200"),
    "basis": (
        "gam_mixed",
        "bs_sorted = [0",
        "bs_sorted = [7",
        FormatError,
        "bs_sorted and num_CS_col differ",
    ),
    "number of splines": ("gam_mixed", "num_MS_col = 1", "num_MS_col = 2", FormatError, "num_MS_col"),
    "predictors": ("gam_thin_pair", "_d = [2", "_d = [20", FormatError, "gam_column_dim_sorted and _d"),
    "smoothness": ("gam_thin_pair", "_m = [2", "_m = [2000000000", FormatError, "_m holds 2000000000"),
    "polynomials": ("gam_thin_pair", "_M = [3", "_M = [300", FormatError, "_M holds 300"),
    "cells": (
        "gam_cubic",
        "gam_columns_center = 10",
        "gam_columns_center = 11",
        FormatError,
        "cats = 2 is outside",
    ),
    "GAM coefficients": (
        "gam_cubic",
        "beta_center = [",
        "beta_center = [0.0, ",
        FormatError,
        "beta_center has 63",
    ),
    "GAM family": ("gam_cubic", "family = bernoulli", "family = huber", UnsupportedError, "family huber"),
    "GAM link": ("gam_cubic", "link = logit", "link = cube", UnsupportedError, "link cube"),
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


@pytest.mark.parametrize("case", INI)
def test_malformed_ini(case: str, tmp_path: Path) -> None:
    kind, old, new, error, message = INI[case]
    with pytest.raises(error, match=message):
        mojo_scorer.load(write_zip(tmp_path / "ini.zip", edit_ini(read_entries(kind), old, new)))


PIPELINE = {
    "ring": ("submodel_dir_0 = models/", "submodel_dir_0 = /", "is missing|no folder"),
    "itself": ("submodel_dir_0 = models/", "submodel_dir_0 =  # ", "is missing|no folder"),
    "two in one folder": (
        "submodel_count = 2",
        "submodel_count = 3\nsubmodel_key_2 = x\nsubmodel_dir_2 = {dir}",
        "two sub",
    ),
    "unknown main": ("main_model = ", "main_model = no", "none of the sub-models"),
    "unknown source": ("generated_column_model_0 = ", "generated_column_model_0 = no", "unknown model"),
    "preds index": (
        "generated_column_index_0 = ",
        "generated_column_index_0 = 7",
        "generated_column_index_0",
    ),
    "count": ("submodel_count = 2", "submodel_count = 2000000000", "submodel_count"),
    "generated count": (
        "generated_column_count = 2",
        "generated_column_count = 2000000000",
        "generated_column_count",
    ),
}


@pytest.mark.parametrize("case", PIPELINE)
def test_malformed_pipeline(case: str, tmp_path: Path) -> None:
    old, new, message = PIPELINE[case]
    entries = read_entries("pipeline_xgboost")
    folder = next(
        line for line in entries["model.ini"].decode().splitlines() if line.startswith("submodel_dir_0")
    )
    entries = edit_ini(entries, old, new.format(dir=folder.split(" = ")[1]))
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "pipeline.zip", entries))


def test_pipelines_in_each_other_end(tmp_path: Path) -> None:
    entries = read_entries("pipeline_xgboost")
    nested = dict(entries)
    for depth in range(1, 12):
        nested |= {"models/reducer/" * depth + name: content for name, content in entries.items()}
    with pytest.raises(FormatError, match="nested deeper"):
        mojo_scorer.load(write_zip(tmp_path / "ring.zip", nested))


def test_levels_differ_inside_a_pipeline(tmp_path: Path) -> None:
    entries = read_entries("pipeline_xgboost")
    name = next(n for n in entries if n.startswith("domains/") and b"red" in entries[n])
    with pytest.raises(FormatError, match="other levels"):
        mojo_scorer.load(
            write_zip(tmp_path / "levels.zip", entries | {name: entries[name].replace(b"red", b"rad")})
        )


def booster_nodes(booster: bytes) -> int:
    """Offset of the first tree's nodes in boosterBytes."""
    at = 4 + 136
    for _ in range(2):
        at += 8 + struct.unpack_from("<q", booster, at)[0]
    return at + 160 + 37 * 4


BOOSTERS = {
    "child loops": (lambda at: (at + 4, struct.pack("<i", 0)), "in it twice"),
    "child outside": (lambda at: (at + 8, struct.pack("<i", 10**9)), "outside of its tree"),
    "child negative": (lambda at: (at + 8, struct.pack("<i", -7)), "outside of its tree"),
    "feature": (lambda at: (at + 12, struct.pack("<I", 0x7FFFFFFF)), "feature 2147483647"),
    "node count": (lambda at: (at - 36 * 4, struct.pack("<i", 2**31 - 1)), "a tree of 2147483647 nodes"),
    "tree count": (lambda at: (at - 37 * 4 - 160, struct.pack("<i", 2**31 - 1)), "2147483647 trees"),
    "name length": (lambda at: (4 + 136, struct.pack("<q", -1)), "ends early"),
    "classes": (lambda at: (4 + 8, struct.pack("<i", 2**31 - 1)), "2147483647 classes"),
}


@pytest.mark.parametrize("case", BOOSTERS)
def test_malformed_booster(case: str, tmp_path: Path) -> None:
    change, message = BOOSTERS[case]
    entries = read_entries("xgboost_multinomial")
    booster = bytearray(entries["boosterBytes"])
    at, patch = change(booster_nodes(booster))
    booster[at : at + len(patch)] = patch
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "booster.zip", entries | {"boosterBytes": bytes(booster)}))


def test_other_boosters_are_named(tmp_path: Path) -> None:
    entries = read_entries("xgboost_multinomial")
    for old, new, message in [
        (b"gbtree", b"gblina", "booster gblina"),
        (b"multi:softprob", b"multi:softbrot", "softbrot"),
    ]:
        booster = entries["boosterBytes"].replace(old, new)
        with pytest.raises(UnsupportedError, match=message):
            mojo_scorer.load(write_zip(tmp_path / "booster.zip", entries | {"boosterBytes": booster}))


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


def test_exponents_beyond_reason(tmp_path: Path) -> None:
    entries = read_entries("gam_thin_pair")
    name = "polynomialBasisList"
    for content, message in [
        (struct.pack(">i", 2**31 - 1) + entries[name][4:], "holds 2147483647"),
        (struct.pack(">i", -1) + entries[name][4:], "holds -1"),
        (entries[name][:-1], "ends early"),
        (entries[name] + b"\0", "1 bytes too many"),
    ]:
        path = write_zip(tmp_path / "exponents.zip", entries | {name: content})
        with pytest.raises(FormatError, match=message):
            mojo_scorer.load(path)


def test_predictors_of_smooth_columns(tmp_path: Path) -> None:
    entries = read_entries("gam_numbers")
    for content, message in [
        (b"", "0 lines"),
        (b"alpha\nbeta\n", "2 lines"),
        (b"\xff\n", "not UTF-8"),
    ]:
        path = write_zip(tmp_path / "names.zip", entries | {"gam_columns_sorted": content})
        with pytest.raises(FormatError, match=message):
            mojo_scorer.load(path)
    path = write_zip(
        tmp_path / "levels.zip", read_entries("gam_cubic") | {"gam_columns_sorted": b"few\nbeta\n"}
    )
    with pytest.raises(FormatError, match="few has levels"):
        mojo_scorer.load(path)


def test_knots_that_do_not_ascend(tmp_path: Path) -> None:
    entries = read_entries("gam_cubic")
    knots = bytearray(entries["knots"])
    knots[8:16] = knots[0:8]
    path = write_zip(tmp_path / "knots.zip", entries | {"knots": bytes(knots)})
    with pytest.raises(FormatError, match="knots do not ascend"):
        mojo_scorer.load(path)


SLOPED = {
    "width": (lambda tree: struct.pack("<i", 2**31 - 1) + tree[4:], "2147483647 columns"),
    "kind": (lambda tree: tree[:8] + b"X" + tree[9:], "unknown kind of node 88"),
    "twice": (lambda tree: tree[:4] + (tree[4 : 9 + 96] * 2) + tree[9 + 96 :], "node 0 appears twice"),
    "no child": (lambda tree: tree[: 9 + 96], "node 1 is missing"),
    "no root": (lambda tree: tree[:4] + b"\7" + tree[5:], "node 0 is missing"),
    "cut": (lambda tree: tree[:70], "ends early"),
    "negative leaf": (
        lambda tree: tree[:4] + struct.pack("<iBi", 0, ord("L"), -5),
        "a leaf of -5 rows",
    ),
}


@pytest.mark.parametrize("case", SLOPED)
def test_malformed_sloped_tree(case: str, tmp_path: Path) -> None:
    change, message = SLOPED[case]
    entries = read_entries("extended_isolation_forest")
    changed = entries | {"trees/t00.bin": change(entries["trees/t00.bin"])}
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "sloped.zip", changed))


THRESHOLDS = {
    "count": (lambda points: b"\x7f\xff\xff\xff" + points[4:], "does not hold 2147483647 numbers"),
    "empty": (lambda points: bytes(4), "has 0 numbers"),
    "short": (lambda points: points[:2], "ends early"),
    "fall": (lambda points: points[:4] + points[-8:] + points[12:], "does not ascend"),
    "NaN": (lambda points: points[:4] + b"\x7f\xf8" + bytes(6) + points[12:], "does not ascend"),
    "lengths": (lambda points: b"\0\0\0\1" + points[4:12], "has 1 numbers"),
}


@pytest.mark.parametrize("case", THRESHOLDS)
def test_malformed_thresholds(case: str, tmp_path: Path) -> None:
    change, message = THRESHOLDS[case]
    entries = read_entries("gbm_isotonic")
    name = "calib/thresholds_x"
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "iso.zip", entries | {name: change(entries[name])}))


def test_sparse_sets_of_old_files_stay_small(tmp_path: Path) -> None:
    """A set of one level far up would cost 1,000 times its bytes when 1.00 files are read."""
    split = struct.pack("<BHBHHB", 0xFC, 3, 5, 65_535, 1, 1) + struct.pack("<ff", 1.0, 2.0)
    entries = edit_ini(set_tree(lambda tree: split), "mojo_version = 1.40", "mojo_version = 1.00")
    with pytest.raises(FormatError, match="far more levels than bytes"):
        mojo_scorer.load(write_zip(tmp_path / "old.zip", entries))


def test_linear_booster_of_other_size(tmp_path: Path) -> None:
    entries = read_entries("xgboost_linear")
    booster = bytearray(entries["boosterBytes"])
    at = booster.index(b"gblinear") + 8 + 136
    (count,) = struct.unpack_from("<q", booster, at)
    for place, value, message in [
        (at, struct.pack("<q", count + 1), "are needed"),
        (at, struct.pack("<q", 1 << 60), "are needed"),
        (8, struct.pack("<i", 2_000_000_000), "2000000000 features"),
    ]:
        changed = bytearray(booster)
        changed[place : place + len(value)] = value
        with pytest.raises(FormatError, match=message):
            mojo_scorer.load(write_zip(tmp_path / "linear.zip", entries | {"boosterBytes": bytes(changed)}))


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..", "a\\b"])
def test_names_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="zip entry name"):
        mojo_scorer.load(write_zip(tmp_path / "names.zip", read_entries("gbm_laplace") | {name: b"x"}))


@pytest.mark.filterwarnings(
    "ignore:Duplicate name:UserWarning"
)  # zipfile warns while the test builds the file
def test_entry_twice(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "twice.zip", read_entries("gbm_laplace"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FIRST_TREE, b"\0\xff\xff\0\0\0\0")
    with pytest.raises(FormatError, match="appears twice"):
        mojo_scorer.load(path)


def test_zip_bomb(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace") | {FIRST_TREE: bytes(64 << 20)}
    path = write_zip(tmp_path / "bomb.zip", entries, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    with pytest.raises(FormatError, match="claims to grow"):
        mojo_scorer.load(path)


def patch_directory(path: Path, name: str, offset: int, patch: bytes) -> Path:
    data = bytearray(path.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + offset : at + offset + len(patch)] = patch
    path.write_bytes(data)
    return path


DIRECTORY = {
    "encrypted": (8, struct.pack("<H", 1), UnsupportedError, "encrypted"),
    "method": (10, struct.pack("<H", 14), UnsupportedError, "method 14"),
    "crc": (16, struct.pack("<I", 1), FormatError, "CRC"),
    "sizes": (20, struct.pack("<II", 4_000_000_000, 4_000_000_000), FormatError, "claims 4000000000"),
    "overlap": (20, struct.pack("<II", 500_000, 500_000), FormatError, "overlap"),
    "offset": (42, struct.pack("<I", 0xFFFFFFF0), FormatError, "outside of the file"),
    "other entry": (42, struct.pack("<I", 0), FormatError, "another name"),
    "zip64": (24, b"\xff" * 4, UnsupportedError, "zip64"),
}


@pytest.mark.parametrize("case", DIRECTORY)
def test_lying_directory(case: str, tmp_path: Path) -> None:
    offset, patch, error, message = DIRECTORY[case]
    path = write_zip(tmp_path / "directory.zip", read_entries("gbm_laplace"))
    with pytest.raises(error, match=message):
        mojo_scorer.load(patch_directory(path, "trees/t00_002.bin", offset, patch))


def test_deflate_stream_longer_than_stated(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace")
    path = write_zip(tmp_path / "long.zip", entries, zipfile.ZIP_DEFLATED)
    patch_directory(path, FIRST_TREE, 24, struct.pack("<I", len(entries[FIRST_TREE]) - 1))
    with pytest.raises(FormatError, match="does not inflate"):
        mojo_scorer.load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello" * 100, b"PK\5\6" + bytes(18), bytes(70_000)])
def test_no_mojo_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        mojo_scorer.load(path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace")
    domain = next(n for n in entries if n.startswith("domains/"))
    for name in ["model.ini", domain]:
        with pytest.raises(FormatError, match="not UTF-8"):
            mojo_scorer.load(
                write_zip(tmp_path / "text.zip", entries | {name: entries[name].replace(b"e", b"\xff", 1)})
            )


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mojo_scorer.load(tmp_path / "none.zip")
    with pytest.raises(IsADirectoryError):
        mojo_scorer.load(tmp_path)


def test_refusal_is_quick(tmp_path: Path) -> None:
    """A hostile file costs no more than a few times the work of reading it."""
    entries = edit_ini(read_entries("gbm_multinomial"), "n_trees = 3", "n_trees = 250000")
    path = write_zip(tmp_path / "many.zip", entries)
    start = time.process_time()
    with pytest.raises(FormatError):
        mojo_scorer.load(path)
    assert time.process_time() - start < 20
