"""Malformed generalized additive models are refused with the reason."""

import struct
import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

SETTINGS = {
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
}


@pytest.mark.parametrize("case", SETTINGS)
def test_malformed_ini(case: str, tmp_path: Path) -> None:
    kind, old, new, error, message = SETTINGS[case]
    with pytest.raises(error, match=message):
        mojo_scorer.load(write_zip(tmp_path / "ini.zip", edit_ini(read_entries(kind), old, new)))


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
