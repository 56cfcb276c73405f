"""Make the seeds of the fuzz targets from the zoo: `python native/fuzz/make_corpus.py OUTPUT`.

OUTPUT gets a folder per target. Inputs that once failed lie in `regressions/TARGET/` and are copied too.
"""

import io
import shutil
import struct
import sys
import zipfile
from pathlib import Path

FUZZ = Path(__file__).parent
ZOO = FUZZ.parent / "tests" / "zoo"
TARGETS = ["archive", "booster", "explanation", "model", "model_info", "tree"]
BOOSTERS = ["gbtree", "dart", "gblinear"]
LARGEST = 40_000  # bytes: libFuzzer is slow on large seeds, and they teach it nothing


def read_entries(mojo: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(mojo) as archive:
        names = [name for name in archive.namelist() if "experimental/README" not in name]
        return {name: archive.read(name) for name in names if not name.endswith("/")}


def join_entries(entries: dict[str, bytes]) -> bytes:
    parts = (
        bytes([len(name)]) + name.encode() + struct.pack("<I", len(content)) + content
        for name, content in entries.items()
    )
    return b"".join(parts)


def pack_small(entries: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def make_corpus(output: Path) -> None:
    for target in TARGETS:
        (output / target).mkdir(parents=True, exist_ok=True)
        for known in (FUZZ / "regressions" / target).glob("*"):
            shutil.copy(known, output / target)
    for mojo in sorted(ZOO.glob("*.zip")):
        entries = read_entries(mojo)
        ini = entries["model.ini"].decode()
        small = {name: content for name, content in entries.items() if "modelDetails" not in name}
        if len(whole := join_entries(small)) <= LARGEST:
            (output / "model" / mojo.stem).write_bytes(whole)
            (output / "archive" / mojo.stem).write_bytes(pack_small(small))
        (output / "model_info" / mojo.stem).write_bytes(entries["model.ini"])
        if "boosterBytes" in entries and len(entries["boosterBytes"]) <= LARGEST:
            kind = next(at for at, name in enumerate(BOOSTERS) if f"booster = {name}\n" in ini)
            (output / "booster" / mojo.stem).write_bytes(bytes([kind]) + entries["boosterBytes"])
        for name, content in entries.items():
            if name == "trees/t00_000.bin":
                (output / "tree" / mojo.stem).write_bytes(b"\4" + content)
                if aux := entries.get(name.replace(".bin", "_aux.bin")):
                    both = struct.pack("<BH", 2, len(content)) + content + aux
                    (output / "explanation" / mojo.stem).write_bytes(both)


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]))
