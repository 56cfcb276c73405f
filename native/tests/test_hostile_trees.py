"""Malformed trees, calibrations and encodings of tree models are refused with the reason."""

import struct
import sys
import zipfile
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import FormatError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import ZOO, edit_ini, read_entries, set_tree, write_zip


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


def read_all(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(ZOO / f"{name}.zip") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def test_auxiliary_entry_of_a_tree_that_is_gone(tmp_path: Path) -> None:
    entries = read_all("gbm_multinomial")
    del entries["trees/t01_002.bin"]
    with pytest.raises(FormatError, match=r"trees/t01_002.bin is missing, trees/t01_002_aux.bin is there"):
        mojo_scorer.load(write_zip(tmp_path / "gone.zip", entries))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("trees/t01_002.bin", "trees/t05_002.bin"),
        ("trees/t01_002.bin", "trees/t01_003.bin"),
        ("trees/t01_002.bin", "trees/t01_00r.bin"),
        ("trees/t01_002.bin", "trees/T01_002.bin"),
    ],
)
def test_tree_called_otherwise(old: str, new: str, tmp_path: Path) -> None:
    entries = read_entries("gbm_multinomial")
    entries[new] = entries.pop(old)
    with pytest.raises(FormatError, match="trees/ has 12 entries, 11 belong to 3 times 4 trees"):
        mojo_scorer.load(write_zip(tmp_path / "other.zip", entries))


def test_fewer_trees_than_there_are(tmp_path: Path) -> None:
    entries = edit_ini(read_entries("gbm_laplace"), "n_trees = 3", "n_trees = 2")
    with pytest.raises(FormatError, match="trees/ has 3 entries, 2 belong to 2 times 1 trees"):
        mojo_scorer.load(write_zip(tmp_path / "fewer.zip", entries))
