"""Malformed files of XGBoost are refused with the reason."""

import struct
import sys
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import read_entries, write_zip


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
