"""Models of the zoo, changed on purpose: what the tests of damaged and malicious files share."""

import contextlib
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import mojo_scorer
import numpy as np
from mojo_scorer import FormatError, UnsupportedError

ZOO = Path(__file__).parent / "zoo"

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


def set_tree(change: Callable[[bytearray], bytes | None]) -> dict[str, bytes]:
    entries = read_entries("gbm_laplace")
    tree = bytearray(entries[FIRST_TREE])
    return entries | {FIRST_TREE: change(tree) or bytes(tree)}
