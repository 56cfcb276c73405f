"""Archives that lie, and files that are none, are refused with the reason."""

import struct
import sys
import time
import zipfile
from pathlib import Path

import mojo_scorer
import pytest
from mojo_scorer import FormatError, UnsupportedError

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import FIRST_TREE, ZOO, edit_ini, read_entries, write_zip


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..", "a\\b"])
def test_names_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="zip entry name"):
        mojo_scorer.load(write_zip(tmp_path / "names.zip", read_entries("gbm_laplace") | {name: b"x"}))


@pytest.mark.filterwarnings(
    "ignore:Duplicate name:UserWarning"
)  # zipfile warns while the test builds the file
def test_entry_twice(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "twice.zip", read_entries("gbm_laplace"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(FIRST_TREE, b"\0\xff\xff\0\0\0\0")
    with pytest.raises(FormatError, match="appears twice"):
        mojo_scorer.load(path)


def test_zip_bomb(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace") | {FIRST_TREE: bytes(64 << 20)}
    path = write_zip(tmp_path / "bomb.zip", entries, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    with pytest.raises(FormatError, match="claims to grow"):
        mojo_scorer.load(path)


def patch_directory(path: Path, name: str, offset: int, patch: bytes) -> Path:
    data = bytearray(path.read_bytes())
    at = data.rindex(name.encode()) - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + offset : at + offset + len(patch)] = patch
    path.write_bytes(data)
    return path


DIRECTORY = {
    "encrypted": (8, struct.pack("<H", 1), UnsupportedError, "encrypted"),
    "method": (10, struct.pack("<H", 14), UnsupportedError, "method 14"),
    "crc": (16, struct.pack("<I", 1), FormatError, "CRC"),
    "sizes": (20, struct.pack("<II", 4_000_000_000, 4_000_000_000), FormatError, "claims 4000000000"),
    "overlap": (20, struct.pack("<II", 500_000, 500_000), FormatError, "overlap"),
    "offset": (42, struct.pack("<I", 0xFFFFFFF0), FormatError, "outside of the file"),
    "other entry": (42, struct.pack("<I", 0), FormatError, "another name"),
    "zip64": (24, b"\xff" * 4, UnsupportedError, "zip64"),
}


@pytest.mark.parametrize("case", DIRECTORY)
def test_lying_directory(case: str, tmp_path: Path) -> None:
    offset, patch, error, message = DIRECTORY[case]
    path = write_zip(tmp_path / "directory.zip", read_entries("gbm_laplace"))
    with pytest.raises(error, match=message):
        mojo_scorer.load(patch_directory(path, "trees/t00_002.bin", offset, patch))


@pytest.mark.parametrize("at", range(len("trees/t01_002.bin")))
def test_flipped_bit_in_a_name(at: int, tmp_path: Path) -> None:
    """In the directory alone; a tree called otherwise would be one that the model does without."""
    path = tmp_path / "name.zip"
    data = bytearray((ZOO / "gbm_multinomial.zip").read_bytes())
    data[data.rindex(b"trees/t01_002.bin") + at] ^= 4
    path.write_bytes(data)
    with pytest.raises(FormatError, match="another name in its local header"):
        mojo_scorer.load(path)


def test_deflate_stream_longer_than_stated(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace")
    path = write_zip(tmp_path / "long.zip", entries, zipfile.ZIP_DEFLATED)
    patch_directory(path, FIRST_TREE, 24, struct.pack("<I", len(entries[FIRST_TREE]) - 1))
    with pytest.raises(FormatError, match="does not inflate"):
        mojo_scorer.load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello" * 100, b"PK\5\6" + bytes(18), bytes(70_000)])
def test_no_mojo_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        mojo_scorer.load(path)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    entries = read_entries("gbm_laplace")
    domain = next(n for n in entries if n.startswith("domains/"))
    for name in ["model.ini", domain]:
        with pytest.raises(FormatError, match="not UTF-8"):
            mojo_scorer.load(
                write_zip(tmp_path / "text.zip", entries | {name: entries[name].replace(b"e", b"\xff", 1)})
            )


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        mojo_scorer.load(tmp_path / "none.zip")
    with pytest.raises(IsADirectoryError):
        mojo_scorer.load(tmp_path)


def test_refusal_is_quick(tmp_path: Path) -> None:
    """A hostile file costs no more than a few times the work of reading it."""
    entries = edit_ini(read_entries("gbm_multinomial"), "n_trees = 3", "n_trees = 250000")
    path = write_zip(tmp_path / "many.zip", entries)
    start = time.process_time()
    with pytest.raises(FormatError):
        mojo_scorer.load(path)
    assert time.process_time() - start < 20
