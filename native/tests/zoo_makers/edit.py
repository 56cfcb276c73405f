"""Changes to a finished MOJO: files that H2O 3.46 itself no longer writes, and smaller ones."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from zoo_makers.zoo_model import Maker, Workbench

Entries = dict[str, bytes]


def rewrite(path: Path, change: Callable[[Entries], Entries]) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in change(entries).items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)


def slim(maker: Maker) -> Maker:
    """Leave out `experimental/`, which no scorer reads but which is most of a binomial model's bytes."""

    def make(bench: Workbench, output: Path) -> None:
        maker(bench, output)
        rewrite(output, lambda entries: {n: c for n, c in entries.items() if "experimental/" not in n})

    return make


def edited(maker: Maker, change: Callable[[Entries], Entries]) -> Maker:
    def make(bench: Workbench, output: Path) -> None:
        maker(bench, output)
        rewrite(output, change)

    return make


def set_keys(**values: str | None) -> Callable[[Entries], Entries]:
    """Give keys of model.ini other values; None takes the line away."""

    def change(entries: Entries) -> Entries:
        text = entries["model.ini"].decode()
        for key, value in values.items():
            line = "" if value is None else f"{key} = {value}\n"
            text, count = re.subn(rf"(?m)^{key} = .*\n", line, text)
            if count != 1:
                raise ValueError(f"model.ini has {count} lines of {key}")
        return entries | {"model.ini": text.encode()}

    return change
