"""Text files that other programs see whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def open_whole(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes its name when the block ends, and is gone if the block fails.

    A link stays: the file it names is replaced. What is there and no regular file, such as a pipe, a terminal
    or /dev/stdout, is written to directly.
    """
    if path.exists() and not path.is_file():
        with path.open("w", newline="", encoding="utf-8") as file:
            yield file
        return
    target = path.resolve()
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
