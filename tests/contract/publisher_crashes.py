"""Kills a publisher at each of its file-system calls: `publisher_crashes.py DIRECTORY`, JSON on stdout.

A forked child publishes a second version and promotes it. In a dry run its calls are counted; then one child
for each of them is killed by SIGKILL just before that call. The profiler of Python sees every call into C, so
nothing depends on how the registry is written. After each death a reader must find a whole champion and
whole versions only, and the next publisher must finish the work.
"""

import json
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mojoline.registry import durable_files
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from tests.data.tiny_versions import tiny_draft, tiny_facts

MODULES = {"posix", "fcntl", "_io", "io"}
NEVER_MIND = {"getpid", "fspath", "urandom", "_path_normpath", "getcwd"}  # these do not touch a file
durable_files.CHUNK = 16 * 1024  # several writes for each file


def calls_file_system(function: object) -> bool:
    """Whether this function of C reads or changes files."""
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or type(owner).__module__
    return module in MODULES and getattr(function, "__name__", "") not in NEVER_MIND


class Tripwire:
    """Counts the calls, and kills the process before call number `fatal`."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.calls: list[str] = []

    def __call__(self, frame, event: str, function: object) -> None:
        if event == "c_call" and calls_file_system(function):
            if len(self.calls) == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self.calls.append(function.__name__)


def do_the_work(registry: FilesystemRegistry, draft: Path) -> str:
    """Publish the second version and make it champion, as a pipeline that is started again would."""
    manifest = registry.publish("tiny", draft, tiny_facts("second"))
    generation = registry.aliases("tiny").generation
    registry.move_champion("tiny", manifest.version, expected_generation=generation, by="x", reason="x")
    return manifest.version


def look_as_a_reader(registry: FilesystemRegistry) -> tuple[str, int]:
    """The champion and the number of versions, after all of them were compared with their manifests."""
    champion = registry.aliases("tiny").champion
    registry.verify("tiny", champion.version, champion.manifest_sha256)
    versions = registry.versions("tiny")
    for version in versions:
        registry.verify("tiny", version)
    return champion.version, len(versions)


def run_child(registry: FilesystemRegistry, draft: Path, fatal: int, log: Path) -> int:
    """Do the work in a child that dies before its call number `fatal`; its wait status."""
    child = os.fork()
    if child == 0:
        tripwire = Tripwire(fatal)
        sys.setprofile(tripwire)
        do_the_work(registry, draft)
        sys.setprofile(None)
        log.write_text(json.dumps(tripwire.calls))
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(directory: Path) -> None:
    """Try every crash point and report."""
    origin, draft, log = (
        directory / "origin",
        tiny_draft("second", directory / "draft"),
        directory / "calls.json",
    )
    registry = open_registry(f"file://{origin}")
    first = registry.publish("tiny", tiny_draft("first", directory / "draft1"), tiny_facts("first")).version
    registry.move_champion("tiny", first, expected_generation=0, by="x", reason="x")

    for rehearsal in ("warm", "dry"):  # once here, so that lazy imports are no part of what is counted
        shutil.copytree(origin, directory / rehearsal)
    do_the_work(FilesystemRegistry(directory / "warm"), draft)
    status = run_child(FilesystemRegistry(directory / "dry"), draft, -1, log)
    assert status == 0
    calls = json.loads(log.read_text())
    seen: Counter[str] = Counter()
    for fatal in range(len(calls)):
        copy = directory / f"crash-{fatal}"
        shutil.copytree(origin, copy)
        registry = FilesystemRegistry(copy)
        status = run_child(registry, draft, fatal, log)
        assert os.WIFSIGNALED(status), f"call {fatal} ({calls[fatal]}) was never made: status {status}"
        champion, versions = look_as_a_reader(registry)
        seen[f"{'old' if champion == first else 'new'} champion, {versions} versions"] += 1

        second = do_the_work(registry, draft)
        assert look_as_a_reader(registry) == (second, 2), f"not mended after {calls[fatal]}"
        left = [path.name for path in copy.rglob(".tmp-*")] + [path.name for path in copy.rglob("*.tmp")]
        assert not left, f"{left} left over after {calls[fatal]}"
        previous = registry.aliases("tiny").previous
        assert previous is not None
        assert previous.version == first
        shutil.rmtree(copy)
    sys.stdout.write(json.dumps({"calls": calls, "seen": seen}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
