"""Tables through the Arrow C interface give the matrix that the same values give as dicts."""

from decimal import Decimal
from pathlib import Path

import mojo_scorer
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from mojo_scorer import RowError

ZOO = Path(__file__).parent / "zoo"
ROWS = [
    {"alpha": 1.5, "beta": 2.0, "gamma": -1.0, "few": "red", "some": "s03", "many": "m001"},
    {"alpha": None, "beta": 3.0, "gamma": 2.0, "few": None, "some": "never seen", "many": "m002"},
    {"alpha": -0.0, "beta": 1e300, "gamma": 0.0, "few": "São Paulo", "some": "s44", "many": None},
    {"alpha": 4.0, "beta": None, "gamma": None, "few": "x,y", "some": "s03", "many": "m399"},
] * 3


@pytest.fixture(scope="module")
def model() -> mojo_scorer.Model:
    return mojo_scorer.load(ZOO / "gbm_binomial.zip")


def table_of(**types: pa.DataType) -> pa.Table:
    given = {"alpha": pa.float64(), "beta": pa.float64(), "gamma": pa.float64()}
    given |= dict.fromkeys(["few", "some", "many"], pa.string())
    given |= types
    return pa.table({name: pa.array([row[name] for row in ROWS], kind) for name, kind in given.items()})


@pytest.mark.parametrize(
    "types",
    [
        {},
        dict.fromkeys(["few", "some"], pa.large_string()),
        dict.fromkeys(["few", "some", "many"], pa.string_view()),
        {"few": pa.dictionary(pa.int8(), pa.string()), "some": pa.dictionary(pa.int32(), pa.large_string())},
        {"gamma": pa.int8()},
        {"gamma": pa.int64(), "alpha": pa.float32()},
    ],
    ids=["plain", "large", "views", "dictionaries", "int8", "int64"],
)
def test_types(model: mojo_scorer.Model, types: dict[str, pa.DataType]) -> None:
    table = table_of(**types)
    expected = model.matrix(ROWS)
    np.testing.assert_array_equal(model.matrix(table), expected)
    # Several batches, and batches that start inside their buffers.
    np.testing.assert_array_equal(model.matrix(pa.Table.from_batches(table.to_batches(5))), expected)
    np.testing.assert_array_equal(model.matrix(table.slice(3, 7)), expected[3:10])
    np.testing.assert_array_equal(model.matrix(table.to_reader(4)), expected)
    assert model.predict(table)["predict"] == model.predict(ROWS)["predict"]


def test_unsigned_and_boolean_numbers(model: mojo_scorer.Model) -> None:
    wide = 2**64 - 1
    table = pa.table(
        {
            "alpha": pa.array([True, None, False, True] * 5),
            "beta": pa.array([0, 1, wide, None] * 5, pa.uint64()),
            "gamma": pa.array([None] * 20, pa.null()),
        }
    )
    matrix = model.matrix(table.slice(1))
    np.testing.assert_array_equal(matrix[:4, 0], [np.nan, 0, 1, 1])
    np.testing.assert_array_equal(matrix[:4, 1], [1, float(wide), np.nan, 0])
    assert np.isnan(matrix[:, 2:]).all()


@pytest.mark.parametrize(
    "values",
    [
        pa.array([Decimal(text) for text in ["1.10", "-0.07", "99999999999999999999.01"]] + [None] * 9),
        pa.array([None, Decimal(-(10**37)), Decimal(0)] * 4, pa.decimal128(38, 0)),
        pa.array([Decimal(1200), None, Decimal(-100)] * 4, pa.decimal128(5, -2)),
        pa.array(np.array([1.5, -65504, 6e-8, 0.1, np.inf, np.nan] * 2, np.float16)),
    ],
    ids=["decimals", "long decimals", "hundreds", "halves"],
)
def test_decimals_and_halves_are_the_numbers_that_they_are_in_dicts(
    model: mojo_scorer.Model, values: pa.Array
) -> None:
    table = pa.table({"alpha": values})
    expected = model.matrix(table.to_pylist())
    np.testing.assert_array_equal(model.matrix(table), expected)
    np.testing.assert_array_equal(model.matrix(table.slice(1)), expected[1:])


def test_columns_without_values_have_no_type_to_refuse(model: mojo_scorer.Model) -> None:
    frame = pd.DataFrame({"alpha": [pd.NaT, pd.NaT], "few": [pd.NaT, pd.NaT]})
    assert np.isnan(model.matrix(frame)).all()
    frame["alpha"] = [pd.NaT, pd.Timestamp("2020-01-01")]
    with pytest.raises(RowError, match=r"column 'alpha' has Arrow type 'ts.:'"):
        model.matrix(frame)


def test_null_rows_are_gaps_in_every_column(model: mojo_scorer.Model) -> None:
    table = table_of(few=pa.dictionary(pa.int8(), pa.string()))
    null = [at % 3 == 1 for at in range(len(ROWS))]
    rows = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in table.columns], names=table.column_names, mask=pa.array(null)
    )
    expected = model.matrix([{} if gone else row for gone, row in zip(null, ROWS, strict=True)])
    np.testing.assert_array_equal(model.matrix(pa.chunked_array([rows])), expected)
    np.testing.assert_array_equal(model.matrix(pa.chunked_array([rows.slice(3, 7)])), expected[3:10])


def test_text_numbers_and_repeated_names(model: mojo_scorer.Model) -> None:
    matrix = model.matrix(pa.table([["1"], ["0x1.8p3"]], names=["alpha", "alpha"]))
    assert matrix[0, 0] == 12
    with pytest.raises(RowError, match="row 1, column 'alpha': 'many' is not a number"):
        model.matrix(pa.table({"alpha": ["1", "many"]}))


def test_pandas(model: mojo_scorer.Model) -> None:
    frame = pd.DataFrame(ROWS)
    np.testing.assert_array_equal(model.matrix(frame), model.matrix(ROWS))
    frame["few"] = frame["few"].astype("category")
    np.testing.assert_array_equal(model.matrix(frame), model.matrix(ROWS))
    np.testing.assert_array_equal(model.matrix(frame[::2]), model.matrix(ROWS[::2]))
    # Mixed objects have no Arrow type; they are read one by one.
    mixed = pd.DataFrame({"alpha": [1.5, "2.5", None]}, dtype=object)
    np.testing.assert_array_equal(model.matrix(mixed)[:, 0], [1.5, 2.5, np.nan])


def test_polars(model: mojo_scorer.Model) -> None:
    """Text as views, several chunks, codes of its own kinds; nothing of it passes through pyarrow."""
    frame, expected = pl.DataFrame(ROWS), model.matrix(ROWS)
    np.testing.assert_array_equal(model.matrix(frame), expected)
    np.testing.assert_array_equal(model.matrix(frame[3:10]), expected[3:10])
    twice = pl.concat([frame, frame], rechunk=False)
    np.testing.assert_array_equal(model.matrix(twice), np.vstack([expected, expected]))
    levels = frame.with_columns(
        pl.col("few").cast(pl.Categorical), pl.col("some").cast(pl.Enum(["s44", "never seen", "s03"]))
    )
    np.testing.assert_array_equal(model.matrix(levels), expected)
    assert model.matrix_and_counts(levels)[1]["unseen"] == {"some": 3}
    assert model.predict(levels)["predict"] == model.predict(ROWS)["predict"]


def test_a_matrix_stays_what_it_is(model: mojo_scorer.Model) -> None:
    matrix = model.matrix(ROWS)
    np.testing.assert_array_equal(model.matrix(matrix), matrix)
    np.testing.assert_array_equal(model.matrix(np.asfortranarray(matrix)), matrix)
    assert model.predict(matrix)["predict"] == model.predict(ROWS)["predict"]
    with pytest.raises(RowError, match="matrix has 5 columns, the model wants 6"):
        model.matrix(matrix[:, :5].copy())


def test_unseen_levels_in_tables(model: mojo_scorer.Model) -> None:
    for kind in [pa.string(), pa.dictionary(pa.int16(), pa.string())]:
        table = table_of(some=kind)
        with pytest.raises(
            RowError, match="row 1, column 'some': level 'never seen' was not seen in training"
        ):
            model.matrix(table, unseen="error")
        _, counts = model.matrix_and_counts(table)
        assert counts == model.matrix_and_counts(ROWS)[1]


def test_counts(model: mojo_scorer.Model) -> None:
    matrix, counts = model.matrix_and_counts(ROWS)
    np.testing.assert_array_equal(matrix, model.matrix(ROWS))
    assert counts["missing"] == {"alpha": 3, "beta": 3, "gamma": 3, "few": 3, "many": 3}
    assert counts["unseen"] == {"some": 3}
    columns = {"few": ["red", "RED", "RED"], "alpha": [1, 2, None]}
    missing = {"alpha": 1, "beta": 3, "gamma": 3, "some": 3, "many": 3}
    assert model.matrix_and_counts(columns)[1] == {"missing": missing, "unseen": {"few": 2}}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"few": [1, 2]}), "row 0, column 'few': the column is categorical"),
        (pa.table({"alpha": pa.array([1, 2], pa.timestamp("ms"))}), "column 'alpha' has Arrow type 'tsm:'"),
        (pa.table({"alpha": pa.array([Decimal(1)], pa.decimal256(1, 0))}), "has Arrow type 'd:1,0,256'"),
        (pa.table({"alpha": [[1.0], [2.0]]}), "column 'alpha' has Arrow type '\\+l'"),
        (pa.chunked_array([[1.0, 2.0]]), "Arrow stream of type 'g': pass a table"),
    ],
)
def test_what_does_not_fit_is_refused(model: mojo_scorer.Model, table: object, said: str) -> None:
    with pytest.raises(RowError, match=said):
        model.matrix(table)


def test_a_failing_stream_says_why(model: mojo_scorer.Model) -> None:
    def batches():
        yield table_of().to_batches()[0]
        raise ValueError("the disk is gone")

    with pytest.raises(RowError, match="the disk is gone"):
        model.matrix(pa.RecordBatchReader.from_batches(table_of().schema, batches()))


def test_offsets_of_a_table() -> None:
    model = mojo_scorer.load(ZOO / "gbm_offset.zip")
    rows = [row | {"shift": at / 4} for at, row in enumerate(ROWS)]
    expected = model.predict(rows)["yes"]
    table = pa.Table.from_pylist(rows)
    np.testing.assert_array_equal(model.predict(table)["yes"], expected)
    # A reader can be read only once.
    np.testing.assert_array_equal(model.predict(table.to_reader(3))["yes"], expected)
    rows[5]["shift"] = None
    with pytest.raises(RowError, match="row 5, column 'shift': the offset is missing"):
        model.predict(pa.Table.from_pylist(rows))
    with pytest.raises(RowError, match="row 0, column 'shift': the offset is missing"):
        model.predict(model.matrix(rows))
