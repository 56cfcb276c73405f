"""Damaged target encoders, isotonic curves and word vectors."""

import re
import struct
import sys
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import FormatError, RowError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

FOLDER = "feature_engineering/target_encoding/"
MAP, PRESENCE = "encoding_map.ini", "te_column_name_to_missing_values_presence.ini"
INPUTS = "input_encoding_columns_map.ini"

ENCODERS = {
    "no section": ("binomial", MAP, r"\A\[few\]\n", "", "does not start with a section"),
    "empty section": ("binomial", MAP, r"\A\[few\]\n", "[few]\n[more]\n", "few has no levels"),
    "section twice": ("binomial", MAP, r"\[some\]", "[few]", "few is there twice"),
    "no equals": ("binomial", MAP, r"^0 = ", "0 ", "without '='"),
    "negative level": ("binomial", MAP, r"^0 = ", "-1 = ", "no level"),
    "huge level": ("binomial", MAP, r"^0 = ", "5000000000 = ", "no level"),
    "level twice": ("binomial", MAP, r"^1 = ", "0 = ", "a level twice"),
    "one number": ("binomial", MAP, r"^0 = .*", "0 = 1.0", "not a number"),
    "three numbers": ("binomial", MAP, r"^0 = .*", "0 = 1.0 2.0 3.0", "too many numbers"),
    "no number": ("binomial", MAP, r"^0 = .*", "0 = x 1.0", "not a number"),
    "no class": ("multinomial", MAP, r"^0 = (\S+) (\S+) 2$", r"0 = \1 \2 9", "level 0 lacks a class"),
    "class twice": ("multinomial", MAP, r"^0 = (\S+) (\S+) 2$", r"0 = \1 \2 1", "class twice"),
    "presence of none": ("binomial", PRESENCE, r"^few", "fuw", "whether column few had missing values"),
    "presence": ("binomial", PRESENCE, r"few = .*", "few = x", "is not an integer"),
    "unknown column": ("binomial", INPUTS, r"\A\[from\]\nfew", "[from]\nfuw", "fuw is none of the features"),
    "response": ("binomial", INPUTS, r"\A\[from\]\nfew", "[from]\nflag", "flag is none of the features"),
    "unknown encoding": ("binomial", INPUTS, r"\[to\]\nfew", "[to]\nfuw", "column fuw has no encoding"),
    "no from": ("binomial", INPUTS, r"\A\[from\]\n", "", r"does not start with \[from\]"),
    "no to": ("binomial", INPUTS, r"\[to\]\nfew\n", "[to]\n", "without columns"),
    "too few": ("binomial", INPUTS, r"\A\[from\]\nfew\n\[to\]\nfew\n", "", "1 columns for 2"),
    "domain": ("interactions", INPUTS, r"\[to_domain\]\n\d+", "[to_domain]\nx", "is not an integer"),
    "domain order": ("interactions", INPUTS, r"\[to_domain\]\n\d+", "[to_domain]\n99999", "does not ascend"),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_malformed_encoder(case: str, tmp_path: Path) -> None:
    kind, file, pattern, new, message = ENCODERS[case]
    entries = read_entries(f"targetencoder_{kind}")
    text, count = re.subn(pattern, new, entries[FOLDER + file].decode(), count=1, flags=re.MULTILINE)
    assert count == 1
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "te.zip", entries | {FOLDER + file: text.encode()}))


def test_an_encoder_without_its_map(tmp_path: Path) -> None:
    entries = read_entries("targetencoder_binomial")
    del entries[FOLDER + MAP]
    with pytest.raises(FormatError, match="missing or empty"):
        mojo_scorer.load(write_zip(tmp_path / "te.zip", entries))


@pytest.mark.parametrize("file", [MAP, PRESENCE, INPUTS, "input_output_columns_map.ini"])
def test_names_in_another_encoding(file: str, tmp_path: Path) -> None:
    entries = read_entries("targetencoder_binomial")
    entries[FOLDER + file] = entries[FOLDER + file].replace(b"few", b"f\xeaw")
    with pytest.raises(FormatError, match=f"{file} is not UTF-8"):
        mojo_scorer.load(write_zip(tmp_path / "te.zip", entries))


def test_a_level_without_encoding_is_named() -> None:
    model = mojo_scorer.load(Path(__file__).parent / "zoo" / "targetencoder_binomial.zip")
    with pytest.raises(RowError, match="row 1: column some: level 77 has no encoding"):
        model.score(np.array([[0.0, 1.0], [0.0, 77.0]]))


def curve(xs: list[float], ys: list[float], low: float, high: float) -> dict[str, bytes]:
    entries = read_entries("isotonicregression")
    text = re.sub(r"calib_min_x = .*", f"calib_min_x = {low}", entries["model.ini"].decode())
    text = re.sub(r"calib_max_x = .*", f"calib_max_x = {high}", text)
    return entries | {
        "model.ini": text.encode(),
        "calib/thresholds_x": struct.pack(f">i{len(xs)}d", len(xs), *xs),
        "calib/thresholds_y": struct.pack(f">i{len(ys)}d", len(ys), *ys),
    }


CURVES = {
    "empty": (([], [], 0.0, 1.0), "has 0 numbers"),
    "lengths": (([0.0, 1.0], [1.0], 0.0, 1.0), "thresholds_y 1"),
    "falls": (([0.0, 2.0, 1.0], [1.0, 2.0, 3.0], 0.0, 1.0), "does not ascend at number 2"),
    "NaN": (([0.0, float("nan")], [1.0, 2.0], 0.0, 0.0), "does not ascend"),
    "low end": (([0.0, 1.0], [1.0, 2.0], -1.0, 1.0), "outside of the thresholds"),
    "high end": (([0.0, 1.0], [1.0, 2.0], 0.0, 2.0), "outside of the thresholds"),
    "no range": (([0.0, 1.0], [1.0, 2.0], float("nan"), 1.0), "calib_min_x"),
}


@pytest.mark.parametrize("case", CURVES)
def test_malformed_curve(case: str, tmp_path: Path) -> None:
    arguments, message = CURVES[case]
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "curve.zip", curve(*arguments)))


def test_curve_count_of_billions(tmp_path: Path) -> None:
    entries = read_entries("isotonicregression") | {"calib/thresholds_x": struct.pack(">Id", 2**32 - 1, 1.0)}
    with pytest.raises(FormatError, match="does not hold 4294967295 numbers"):
        mojo_scorer.load(write_zip(tmp_path / "curve.zip", entries))


def test_negative_zero_below_a_curve_that_starts_at_zero(tmp_path: Path) -> None:
    """Java's search puts -0.0 below 0.0 and then reads in front of its array."""
    model = mojo_scorer.load(write_zip(tmp_path / "zero.zip", curve([0.0, 1.0], [3.0, 5.0], 0.0, 1.0)))
    assert model.score(np.array([[0.0], [0.5], [-7.0], [9.0]])).tolist() == [[3.0], [4.0], [3.0], [5.0]]
    with pytest.raises(RowError, match="row 0: zero lies beyond"):
        model.score(np.array([[-0.0]]))


WORDS = {
    "vectors": ("vec_size = 5", "vec_size = 6", "vectors does not hold 10 times 6"),
    "no width": ("vec_size = 5", "vec_size = 0", "vec_size = 0"),
    "width of billions": ("vec_size = 5", "vec_size = 4000000000", "vec_size = 4000000000"),
    "words of billions": ("vocab_size = 10", "vocab_size = 4000000000", "vocab_size = 4000000000"),
    "words": ("vocab_size = 10", "vocab_size = 5\nx_size = 10", "vectors does not hold 5"),
}


@pytest.mark.parametrize("case", WORDS)
def test_malformed_words(case: str, tmp_path: Path) -> None:
    old, new, message = WORDS[case]
    with pytest.raises(FormatError, match=message):
        mojo_scorer.load(write_zip(tmp_path / "w.zip", edit_ini(read_entries("word2vec"), old, new)))


def test_malformed_vocabulary(tmp_path: Path) -> None:
    entries = read_entries("word2vec")
    lines = entries["vocabulary"].split(b"\n")
    for vocabulary, message in [
        (b"\n".join([lines[1], *lines[1:]]), "twice"),
        (b"\n".join(lines[1:]), "has 9 words"),
        (b"\n".join([b"\xff", *lines[1:]]), "not UTF-8"),
    ]:
        with pytest.raises(FormatError, match=message):
            mojo_scorer.load(write_zip(tmp_path / "w.zip", entries | {"vocabulary": vocabulary}))
