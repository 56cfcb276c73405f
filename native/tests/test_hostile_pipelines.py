"""Malformed pipelines are refused with the reason."""

import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

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
