"""A finished stage is not done again: its files stand under a key made of everything that shaped them.

A stage builds into a temporary directory, which is renamed to its key once its record is written. A killed
run leaves at most a temporary directory, which the next run of that stage removes.
"""

import fcntl
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

RECORD = "record.json"

RecordT = TypeVar("RecordT", bound="StageRecord")


class StageRecord(BaseModel):
    """What a stage hands to the next one: facts, and names of files in `directory`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path = Field(default=Path(), exclude=True)

    def file(self, name: str) -> Path:
        """The absolute path of one of the stage's files."""
        return self.directory / name

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The record of a finished stage in `directory`; FileNotFoundError if it never finished."""
        return cls.model_validate_json((directory / RECORD).read_bytes()).at(directory)

    def at(self, directory: Path) -> Self:
        """The same record, its files looked up in `directory`."""
        return self.model_copy(update={"directory": directory.absolute()})


def stage_key(*parts: str) -> str:
    """One key (20 hex digits) of everything that shapes a stage's outcome."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def run_stage(
    root: Path, key: str, record: type[RecordT], build: Callable[[Path], RecordT]
) -> tuple[RecordT, bool]:
    """The record under `root/key`, built now if it is not there yet, and whether it was there.

    Two processes that want the same stage take turns; the second finds it finished.
    """
    finished = root / key
    root.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(root):
        if (finished / RECORD).exists():
            return record.read(finished), True
        for leftover in root.glob(".building-*"):
            shutil.rmtree(leftover)
        scratch = root / f".building-{uuid.uuid4().hex}"
        scratch.mkdir()
        built = build(scratch)
        (scratch / RECORD).write_text(built.model_dump_json(indent=1), encoding="utf-8")
        scratch.rename(finished)
        return built.at(finished), False


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel when its holder is killed
        yield
