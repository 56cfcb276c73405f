"""What each worker of a server serves: every worker writes its own, and whichever is asked reads them all."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

State = Mapping[str, Mapping[str, Any]]
"""Model -> what `ModelSlot.served` says of it."""


class WorkerStates:
    """One small file for each worker in a directory they share; without a directory there is one worker."""

    def __init__(self, worker: int = 0, directory: Path | None = None) -> None:
        self.worker = worker
        self._directory = directory
        self._own: State = {}
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker-state")

    def write(self, state: State) -> None:
        """Say what this worker serves from now on."""
        if state == self._own:
            return
        self._own = dict(state)
        if self._directory is not None:  # a file system may take its time, the event loop has none
            self._writer.submit(_replace, _path(self._directory, self.worker), orjson.dumps(state))

    def close(self) -> None:
        """Write no more."""
        self._writer.shutdown(wait=False, cancel_futures=True)

    def read(self) -> dict[int, State]:
        """Worker -> what it serves; a worker that is only starting is not among them."""
        if self._directory is None:
            return {self.worker: self._own}
        found: dict[int, State] = {}
        for path in sorted(self._directory.glob(_path(self._directory, "*").name)):
            try:
                found[int(path.stem.removeprefix("worker-"))] = orjson.loads(path.read_bytes())
            except FileNotFoundError:  # it has died since
                continue
        return found

    def generation(self, model: str) -> int | None:
        """The generation of its aliases that every worker has come to; None while one has come to none."""
        reached: list[int] = []
        for state in self.read().values():
            generation = state.get(model, {}).get("generation")
            if generation is None:
                return None
            reached.append(generation)
        return min(reached, default=None)


def forget_worker(directory: str, worker: int) -> None:
    """A worker has died: nobody must wait for it."""
    _path(Path(directory), worker).unlink(missing_ok=True)


def shared_directory() -> Path | None:
    """Where the workers of this server write; None where it is the only one."""
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(shared) if shared else None


def _replace(path: Path, content: bytes) -> None:
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)  # a reader finds the one before or this one


def _path(directory: Path, worker: int | str) -> Path:
    return directory / f"worker-{worker}.json"
