"""Levels of columns: no file makes more of them than it holds, and they are kept in little memory."""

import subprocess
import sys
import timeit
from functools import partial
from pathlib import Path

import mojo_scorer
import numpy as np
import pytest
from mojo_scorer import FormatError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import edit_ini, read_entries, write_zip

DOMAIN = "domains/d000.txt"


def with_levels(count: int, text: bytes) -> dict[str, bytes]:
    entries = edit_ini(read_entries("gbm_laplace"), ": 6 d000.txt", f": {count} d000.txt")
    return entries | {DOMAIN: text}


def test_one_domain_file_for_two_columns(tmp_path: Path) -> None:
    entries = edit_ini(read_entries("gbm_binomial"), "d001.txt", "d000.txt")
    with pytest.raises(FormatError, match="two columns name the domain file d000"):
        mojo_scorer.load(write_zip(tmp_path / "shared.zip", entries))


def test_two_interactions_of_one_column(tmp_path: Path) -> None:
    entries = read_entries("coxph_levels_levels")
    lines = entries["model.ini"].decode().split("\n")
    for key in ["interaction_targets", "interactions_1", "interactions_2"]:
        at = next(i for i, line in enumerate(lines) if line.startswith(key + " = "))
        first = lines[at].split("[")[1].rstrip("]").split(",")[0]
        lines[at] = f"{key} = [{first}, {first}]"
    entries["model.ini"] = "\n".join(lines).encode()
    with pytest.raises(FormatError, match="two interactions fill column"):
        mojo_scorer.load(write_zip(tmp_path / "twice.zip", entries))


LOAD = """
import resource, sys, mojo_scorer
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = mojo_scorer.load(sys.argv[1])
model.predict([{}])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize(
    "text",
    [
        b"".join(b"%06d\n" % i for i in range(500_000)),
        b"".join(b"%x\n" % i for i in range(700_000)),
        b"aa\n" * 1_000_000,  # the least that so many levels may have
    ],
    ids=["numbers", "short", "equal"],
)
def test_memory_of_many_levels(text: bytes, tmp_path: Path) -> None:
    """With the first answer, for which the levels are put in a table."""
    count = text.count(b"\n")
    path = write_zip(tmp_path / "levels.zip", with_levels(count, text))
    ran = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, check=True, text=True)
    assert int(ran.stdout) < 4 * len(text) + (1 << 20)


def test_more_levels_than_short_texts(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "levels.zip", with_levels(4_000_000, b"\n" * 4_000_000))
    with pytest.raises(FormatError, match="4000000 levels in 4000000 bytes: they cannot all differ"):
        mojo_scorer.load(path)


def test_of_equal_levels_the_last_counts(tmp_path: Path) -> None:
    """As in h2o-genmodel, which puts them in a map one after the other."""
    entries = with_levels(6, b"a\nb\na\n\nb\nc\n")
    model = mojo_scorer.load(write_zip(tmp_path / "equal.zip", entries))
    (column,) = (name for name in model.domains if model.domains[name][0] in ("a", "level 0"))
    at = model.feature_names.index(column)
    values = [model.matrix([{column: level}])[0, at] for level in ["a", "b", "", "c"]]
    assert values == [2, 4, 3, 5]


def test_a_thousand_levels_are_all_found(tmp_path: Path) -> None:
    levels = [f"level {i}" for i in range(1000)]
    entries = with_levels(1000, "\n".join(levels).encode())
    model = mojo_scorer.load(write_zip(tmp_path / "levels.zip", entries))
    (column,) = (name for name in model.domains if model.domains[name][0] in ("a", "level 0"))
    at = model.feature_names.index(column)
    assert list(model.matrix([{column: level} for level in levels])[:, at]) == list(range(1000))
    assert model.domains[column] == levels


MURMUR = 0xC6A4A7935BD1E995  # std::hash of GNU's library is MurmurHash64A with a fixed seed


def mix(words: np.ndarray) -> np.ndarray:
    words = words * np.uint64(MURMUR)
    return (words ^ (words >> np.uint64(47))) * np.uint64(MURMUR)


def unmix(words: np.ndarray) -> np.ndarray:
    inverse = np.uint64(pow(MURMUR, -1, 1 << 64))
    words = words * inverse
    return (words ^ (words >> np.uint64(47))) * inverse


def colliding_parts(state: int, count: int, rng: np.random.Generator) -> tuple[list[bytes], int]:
    """Draw texts of 16 letters that all take Murmur from `state` to one next, which is returned too."""
    first = rng.integers(ord("a"), ord("z") + 1, (1 << 20, 8)).astype(np.uint8)
    between = (np.uint64(state) ^ mix(first.view("<u8")[:, 0])) * np.uint64(MURMUR)
    second = unmix(between ^ np.uint64(state)).view(np.uint8).reshape(-1, 8)
    readable = ((second > ord(" ")) & (second < 0x7F) & (second != ord("\\"))).all(axis=1)
    parts = [bytes(row) for row in np.hstack([first, second])[readable][:count]]
    assert len(parts) == count
    return parts, state * MURMUR % 2**64


def test_levels_whose_hashes_collide_load_like_any_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    starts, state = colliding_parts(0xC70F6907 ^ (32 * MURMUR % 2**64), 128, rng)  # of texts of 32 bytes
    ends, _ = colliding_parts(state, 128, rng)
    colliding = [start + end for start in starts for end in ends]
    letters = rng.integers(ord("a"), ord("z") + 1, (len(colliding), 32)).astype(np.uint8)
    loads = []
    for levels in [colliding, [bytes(row) for row in letters]]:
        path = tmp_path / f"{len(loads)}.zip"
        write_zip(path, with_levels(len(levels), b"\n".join(levels)))
        loads.append(partial(mojo_scorer.load, path))
    crafted, usual = (min(timeit.repeat(load, number=1, repeat=7)) for load in loads)
    assert crafted < 5 * usual
