import math

import pytest

from mojoline.registry.errors import GoldenRowsError
from mojoline.registry.golden import GoldenRows
from tests.data.tiny_versions import TINY_MODELS

HEADER = '{"columns": ["a", "b"], "outputs": ["no", "yes"]}\n'


def test_rows_survive_writing_to_the_last_bit(tmp_path):
    golden = GoldenRows.read(TINY_MODELS / "first" / "golden.jsonl")
    golden.write(tmp_path / "golden.jsonl")
    assert GoldenRows.read(tmp_path / "golden.jsonl") == golden


def test_counts_of_the_small_model():
    golden = GoldenRows.read(TINY_MODELS / "first" / "golden.jsonl")
    levels = {"carrier": ["AA", "B6", "DL", "UA"], "origin": ["EWR", "JFK", "LGA"]}
    assert (len(golden), golden.missing_rows(), golden.unseen_rows(levels)) == (320, 120, 120)


def test_missing_values_are_left_out(tmp_path):
    rows = [{"a": None, "b": "x"}, {"a": float("nan"), "b": "y"}, {"a": 0.0, "b": ""}]
    path = tmp_path / "golden.jsonl"
    GoldenRows(["a", "b"], ["predict"], rows, [[1.0], [2.0], [3.0]]).write(path)
    golden = GoldenRows.read(path)
    assert golden.rows == [{"b": "x"}, {"b": "y"}, {"a": 0.0, "b": ""}]
    assert (golden.missing_rows(), golden.unseen_rows({"b": ["x"]})) == (2, 2)


def test_a_score_that_json_has_no_number_for_survives(tmp_path):
    path = tmp_path / "golden.jsonl"
    expected = [[math.nan], [math.inf], [-math.inf], [0.5]]
    GoldenRows(["a"], ["predict"], [{"a": 1}] * 4, expected).write(path)
    assert str(GoldenRows.read(path).expected) == str(expected)


def test_a_limit_takes_rows_from_everywhere(tmp_path):
    golden = GoldenRows(["a"], ["predict"], [{"a": i} for i in range(100)], [[float(i)] for i in range(100)])
    path = tmp_path / "golden.jsonl"
    golden.write(path)
    some = GoldenRows.read(path, 4)
    assert [row["a"] for row in some.rows] == [0, 25, 50, 75]
    assert some.expected == [[0.0], [25.0], [50.0], [75.0]]
    assert GoldenRows.read(path, 1000) == golden


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "not JSON"),
        ("[]\n", 1, "object"),
        ('{"columns": ["a"]}\n', 1, "outputs"),
        ('{"columns": [], "outputs": ["x"]}\n', 1, "names"),
        (HEADER + "{\n", 2, "not JSON"),
        (HEADER + '{"row": {}}\n', 2, "expected"),
        (HEADER + '{"row": {}, "expected": [0.5, 0.5]}\n\n', 3, "not JSON"),
        (HEADER + '{"row": {"z": 1}, "expected": [0.5, 0.5]}\n', 2, "'z'"),
        (HEADER + '{"row": {"a": null}, "expected": [0.5, 0.5]}\n', 2, "'a'"),
        (HEADER + '{"row": {"a": [1]}, "expected": [0.5, 0.5]}\n', 2, "'a'"),
        (HEADER + '{"row": {}, "expected": [0.5]}\n', 2, "2 scores"),
        (HEADER + '{"row": {}, "expected": [0.5, null]}\n', 2, "numbers"),
        (HEADER + '{"row": {}, "expected": [0.5, true]}\n', 2, "numbers"),
        (HEADER + '{"row": {}, "expected": [0.5, "1"]}\n', 2, "numbers"),
        (HEADER + '{"row": {}, "expected": [0.5, NaN]}\n', 2, "not JSON"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, text, line, reason):
    path = tmp_path / "golden.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GoldenRowsError, match=reason) as error:
        GoldenRows.read(path)
    assert f"golden.jsonl:{line}" in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(GoldenRowsError, match="cannot be read"):
        GoldenRows.read(tmp_path / "golden.jsonl")
