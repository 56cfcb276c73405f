"""Records in, matrix and predictions out: names, levels, missing values, refusals."""

import datetime
import sys
from collections import OrderedDict, UserDict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import mojo_scorer
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mojo_scorer import RowError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import read_entries, write_zip

ZOO = Path(__file__).parent / "zoo"
NAN = float("nan")


@pytest.fixture(scope="module")
def model() -> mojo_scorer.Model:
    return mojo_scorer.load(ZOO / "gbm_binomial.zip")


def test_description(model: mojo_scorer.Model) -> None:
    assert (model.algorithm, model.main_algorithm, model.category) == ("gbm", "gbm", "Binomial")
    assert model.feature_names == ["alpha", "beta", "gamma", "few", "some", "many"]
    assert set(model.domains) == {"few", "some", "many"}
    assert model.domains["few"] == sorted(["red", "green", "blue", "São Paulo", "x,y", "a\\b"])
    assert model.output_names == model.response_domain == ["no", "yes"]
    assert 0 < model.default_threshold < 1
    assert (model.h2o_version, model.mojo_version) == ("3.46.0.11", "1.40")
    assert int(model.uuid)
    assert 1_000 < model.nbytes < 200_000


def test_description_of_other_kinds() -> None:
    pipeline = mojo_scorer.load(ZOO / "pipeline_xgboost.zip")
    assert (pipeline.algorithm, pipeline.main_algorithm) == ("pipeline", "xgboost")
    assert pipeline.output_names == ["k1", "k2", "k3", "k4"]
    assert set(pipeline.feature_names) == {"alpha", "beta", "gamma", "few", "some"}
    regression = mojo_scorer.load(str(ZOO / "glm_gaussian.zip"))
    assert (regression.output_names, regression.response_domain) == (["predict"], None)
    reducer = mojo_scorer.load(ZOO / "pca_mixed.zip")
    assert (reducer.category, reducer.output_names) == ("DimReduction", ["PC1", "PC2", "PC3"])
    assert reducer.response_domain is None
    assert list(reducer.predict([{"alpha": 1.0}])) == ["PC1", "PC2", "PC3"]


@given(text=st.from_regex(r"[+-]?[0-9]{0,18}([.][0-9]{0,18})?(e-?[0-9]{1,2})?", fullmatch=True))
@settings(max_examples=1000)
def test_numbers_as_text_are_the_nearest_doubles(model: mojo_scorer.Model, text: str) -> None:
    """Short ones take a road of their own."""
    try:
        wanted = float(text)
    except ValueError:
        with pytest.raises(RowError, match="is not a number"):
            model.matrix([{"alpha": text}])
    else:
        assert model.matrix([{"alpha": text}])[0, 0].hex() == wanted.hex()


@pytest.mark.parametrize("level", ["predict", "no"])
def test_outputs_of_one_name_cannot_be_columns(tmp_path: Path, level: str) -> None:
    entries = read_entries("gbm_binomial") | {"domains/d003.txt": f"no\n{level}\n".encode()}
    repeated = mojo_scorer.load(write_zip(tmp_path / "m.zip", entries))
    with pytest.raises(RowError, match=f"output name '{level}' is not unique: use score"):
        repeated.predict([{}])
    assert repeated.score(repeated.matrix([{}])).shape == (1, 2)


def test_rows_and_columns_give_one_matrix(model: mojo_scorer.Model) -> None:
    levels = model.domains["few"]
    rows = [
        {"alpha": 1.5, "beta": 2, "few": "red", "unknown column": "x"},
        {"alpha": None, "beta": NAN, "few": None, "some": "s03"},
        {"alpha": "0x1.8p3", "beta": " 1e2 ", "few": "never seen", "some": "s00"},
        {},
    ]
    expected = np.full((4, 6), NAN)
    expected[0, [0, 1, 3]] = 1.5, 2, levels.index("red")
    expected[1, 4] = 3
    expected[2, [0, 1, 4]] = 12, 100, 0
    matrix = model.matrix(rows)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, expected)
    columns = {name: [row.get(name) for row in rows] for name in ["alpha", "beta", "few", "some"]}
    np.testing.assert_array_equal(model.matrix(columns), expected)
    np.testing.assert_array_equal(model.matrix(tuple(MappingProxyType(row) for row in rows)), expected)
    np.testing.assert_array_equal(model.matrix(OrderedDict(columns)), expected)


def test_numpy_columns(model: mojo_scorer.Model) -> None:
    wide = np.arange(12.0).reshape(6, 2)
    columns = {
        "alpha": wide[:, 1],  # strided
        "beta": np.arange(6, dtype=np.int32),
        "gamma": np.array([True, False] * 3),
        "few": np.array(["red", "x,y"] * 3),
        "some": np.array(["s01", None] * 3, dtype=object),
    }
    matrix = model.matrix(columns)
    np.testing.assert_array_equal(matrix[:, 0], wide[:, 1])
    np.testing.assert_array_equal(matrix[:, 1], np.arange(6))
    np.testing.assert_array_equal(matrix[:, 2], [1, 0] * 3)
    np.testing.assert_array_equal(matrix[:, 4], [1, NAN] * 3)
    assert np.isnan(matrix[:, 5]).all()


@pytest.mark.parametrize(
    ("numbers", "levels"),
    [
        (range(3), deque(["red", None, "blue"])),
        (pl.Series([0, 1, 2]), pl.Series(["red", None, "blue"])),
        (pa.chunked_array([[0], [1, 2]]), pa.chunked_array([["red", None], ["blue"]])),
        (pa.array([0, 1, 2]), pa.array(["red", None, "blue"]).dictionary_encode()),
        (pd.Series([0, 1, 2]), pd.Series(["red", None, "blue"], dtype="category")),
    ],
    ids=["sequences", "polars", "chunks", "pyarrow", "pandas"],
)
def test_columns_of_every_kind(model: mojo_scorer.Model, numbers: Any, levels: Any) -> None:
    expected = model.matrix({"alpha": [0, 1, 2], "few": ["red", None, "blue"]})
    np.testing.assert_array_equal(model.matrix({"alpha": numbers, "few": levels}), expected)


@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_masked_numbers_are_missing(model: mojo_scorer.Model, dtype: type) -> None:
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False], dtype=dtype)
    plain = [1, None, 3]
    np.testing.assert_array_equal(model.matrix({"alpha": masked}), model.matrix({"alpha": plain}))
    np.testing.assert_array_equal(
        model.predict({"alpha": masked})["yes"], model.predict({"alpha": plain})["yes"]
    )


def test_masked_cells_of_a_matrix_are_missing(model: mojo_scorer.Model) -> None:
    matrix = model.matrix({"alpha": [1, 2], "few": ["red", "blue"]})
    masked = np.ma.masked_array(matrix, mask=matrix == 2)
    np.testing.assert_array_equal(model.matrix(masked), masked.filled(np.nan))


def test_masked_cells_are_missing_where_no_copy_is_needed() -> None:
    model = mojo_scorer.load(ZOO / "gbm_platt.zip")
    matrix = model.matrix({"alpha": [1, 2, 1.5], "few": ["red", "blue", None]})
    masked = np.ma.masked_array(matrix, mask=matrix == 1)
    scores = model.score(masked.filled(np.nan))
    assert not np.array_equal(scores, model.score(matrix))
    np.testing.assert_array_equal(model.score(masked), scores)
    hidden = np.ma.masked_array(scores, mask=[[False, False], [True, True], [False, False]])
    np.testing.assert_array_equal(model.calibrate(hidden), model.calibrate(hidden.filled(np.nan)))
    fill = np.ma.masked_array(np.full(matrix.shape[1], 7.0), mask=True)
    np.testing.assert_array_equal(
        model.score_records({"alpha": [None]}, fill=fill), model.score_records([{}])
    )


def test_level_may_carry_its_column_name() -> None:
    # As EasyPredict: a level is also found as <column>.<value>. No model of the zoo has such levels.
    model = mojo_scorer.load(ZOO / "gbm_binomial.zip")
    assert np.isnan(model.matrix([{"few": "few.red"}])[0, 3])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "gap",
    [
        None,
        float("nan"),
        np.float32("nan"),
        np.float64("nan"),
        Decimal("NaN"),
        pd.NA,
        pd.NaT,
        np.datetime64("NaT"),
        np.ma.masked,
    ],
    ids=repr,
)
def test_gaps_of_every_library_are_missing(model: mojo_scorer.Model, gap: object) -> None:
    expected = model.matrix([{}, {"alpha": 1.5, "few": "red"}])
    np.testing.assert_array_equal(
        model.matrix([{"alpha": gap, "few": gap}, {"alpha": 1.5, "few": "red"}]), expected
    )
    np.testing.assert_array_equal(model.matrix({"alpha": [gap, 1.5], "few": [gap, "red"]}), expected)


def test_numbers_of_every_type(model: mojo_scorer.Model) -> None:
    given = [True, np.True_, np.uint8(1), np.float32(1), np.longdouble(1), Decimal("1.0"), Fraction(1), "1"]
    np.testing.assert_array_equal(model.matrix({"alpha": given}), model.matrix({"alpha": [1.0] * len(given)}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"few": 3}], "row 0, column 'few': the column is categorical"),
        ([{"few": True}], "categorical"),
        ([{}, {"alpha": "1,5"}], "row 1, column 'alpha': '1,5' is not a number"),
        ([{"alpha": "nan"}], "not a number"),
        ([{"alpha": "1_0"}], "not a number"),
        ([{"alpha": b"1"}], "a bytes is not a number"),
        ([{"alpha": [1]}], "a list is not a number"),
        ([{"few": b"red"}], "a bytes is not a level"),
        ([1], "row 0 is a int"),
        ("alpha", "data is a str"),
        (7, "data is a int"),
        ({"alpha": 1.0}, "column 'alpha' is a float"),
        ({"few": "red"}, "column 'few' is a str"),
        ({"alpha": [1.0], "few": ["red", "red"]}, "column 'few' has 2 values, others have 1"),
        ({"alpha": b"12"}, "column 'alpha' is a bytes: pass a list"),
        ({"alpha": UserDict(a=1)}, "column 'alpha' is a UserDict: pass a list"),
        ({"alpha": {1.0}}, "column 'alpha' is a set"),
        ({"alpha": 10**400, "few": 1}, "column 'alpha'"),
        ([{"alpha": 10**400}], "column 'alpha': a int is too large for a double"),
        ([{"alpha": 1j}], "a complex is not a number: pass one, or None"),
        ([{"alpha": datetime.date(2020, 1, 1)}], "a datetime.date is not a number"),
        ([{"alpha": np.datetime64("2020-01-01", "ns")}], "a numpy.datetime64 is not a number"),
        ([{"alpha": np.timedelta64(1, "s")}], "a numpy.timedelta64 is not a number"),
        ([{"alpha": np.array("2020-01-01", "M8[ns]")}], "a numpy.ndarray is not a number"),
        (
            {"alpha": np.array(["NaT", "2020-01-01"], "M8[ns]")},
            "row 1, .* a numpy.datetime64 is not",
        ),
        ({"alpha": np.array([1], "m8[ns]")}, "a numpy.timedelta64 is not a number"),
        ([{"few": Decimal(1)}], "pass the level as text, not a decimal.Decimal"),
    ],
)
def test_refused_records(model: mojo_scorer.Model, data: object, message: str) -> None:
    with pytest.raises(RowError, match=message):
        model.matrix(data)  # type: ignore[arg-type]
    with pytest.raises(RowError, match=message):
        model.predict(data)  # type: ignore[arg-type]


class Interrupted:
    """Whatever Python runs for the scorer may meet Ctrl-C."""

    def __init__(self, method: str) -> None:
        self.method = method

    def stop(self, method: str) -> None:
        if method == self.method:
            raise KeyboardInterrupt

    def __ne__(self, other: object) -> bool:
        self.stop("__ne__")
        return False

    def __float__(self) -> float:
        self.stop("__float__")
        return 1.0

    def __len__(self) -> int:
        self.stop("__len__")
        return 1

    def __arrow_c_stream__(self, schema: object = None) -> object:
        raise KeyboardInterrupt

    def keys(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    "data",
    [
        [{"alpha": Interrupted("__ne__")}],
        [{"alpha": Interrupted("__float__")}],
        {"alpha": Interrupted("__len__")},
        Interrupted("__arrow_c_stream__"),
    ],
    ids=["compared", "converted", "measured", "exported"],
)
def test_an_interrupt_is_no_bad_value(model: mojo_scorer.Model, data: object) -> None:
    with pytest.raises(KeyboardInterrupt):
        model.matrix(data)  # type: ignore[arg-type]


def test_unseen_levels(model: mojo_scorer.Model) -> None:
    rows = [{"few": "red"}, {"few": "nevér"}]
    assert np.isnan(model.matrix(rows, unseen="na")[1, 3])
    with pytest.raises(RowError, match="row 1, column 'few': level 'nevér' was not seen"):
        model.matrix(rows, unseen="error")
    with pytest.raises(ValueError, match="'na' or 'error'"):
        model.matrix(rows, unseen="ignore")  # type: ignore[arg-type]
    assert np.isnan(model.matrix([{"few": "\ud800"}])[0, 3])  # no level is a lone surrogate


def test_nothing_in_nothing_out(model: mojo_scorer.Model) -> None:
    assert model.matrix([]).shape == model.matrix({}).shape == (0, 6)
    assert model.score(np.empty((0, 6))).shape == (0, 2)
    assert model.predict([])["predict"] == []


def test_predict_names_classes_at_the_default_threshold(model: mojo_scorer.Model) -> None:
    rows = [{"alpha": value, "few": "red", "some": "s01"} for value in np.linspace(-4, 4, 50).tolist()]
    out = model.predict(rows)
    assert list(out) == ["predict", "no", "yes"]
    assert out["predict"] == np.where(np.asarray(out["yes"]) >= model.default_threshold, "yes", "no").tolist()
    assert set(out["predict"]) == {"no", "yes"}


def test_model_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes((ZOO / "gbm_binomial.zip").read_bytes())
    model = mojo_scorer.load(path)
    path.write_bytes(b"")
    path.unlink()
    assert model.score(model.matrix([{"alpha": 1.0}])).shape == (1, 2)
