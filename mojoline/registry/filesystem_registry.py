"""Writing to a registry on a file system.

A version is copied into a hidden directory, its manifest is written last, and one rename makes it visible: a
reader sees a whole version or none. Publishers of one model take turns, and so do those who move its aliases.
"""

import re
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from mojoline.registry.aliases import (
    ALIASES,
    AliasEntry,
    Aliases,
    Change,
    require_generation,
    with_challenger,
    with_champion,
    with_experiment,
    with_rollback,
)
from mojoline.registry.draft import copy_entry, list_draft
from mojoline.registry.durable_files import (
    exclusive_lock,
    explained,
    flush_directory,
    make_directories,
    replace_file,
    write_new_file,
)
from mojoline.registry.errors import CorruptVersionError, NotFoundError, RegistryError
from mojoline.registry.experiment import Experiment
from mojoline.registry.filesystem_reader import FilesystemReader
from mojoline.registry.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    ManifestFacts,
    content_digest,
    version_moment,
    version_name,
)


def open_registry(url: str) -> "FilesystemRegistry":
    """The registry at `url` (`file:///absolute/path`); its root directory is made if it is not there.

    Raises:
        RegistryError: the URL is of a kind that is not known, or the root cannot be made.
    """
    match = re.fullmatch(r"file://(?:localhost)?(/.*)", url)
    if match is None:
        raise RegistryError(f"the registry URL {url!r} is not understood: write file:///absolute/path")
    root = Path(unquote(match[1]))
    with explained("opening the registry", root):
        make_directories(root)
    return FilesystemRegistry(root)


class FilesystemRegistry(FilesystemReader):
    """All models under one root. Safe for any number of processes, on every volume that has `flock`."""

    def __init__(self, root: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(root)
        self._clock = clock

    def publish(self, name: str, draft: Path, facts: ManifestFacts) -> Manifest:
        """Make a version of the files in `draft`; content that is already published keeps its version.

        Args:
            name: the model.
            draft: a directory of regular files with `mojo.zip` among them and without a manifest.
            facts: everything the manifest says beyond name, version and files.

        Returns:
            The manifest of the new version, or of the version that holds the same content.

        Raises:
            RegistryError: the draft is not as it must be, or the registry cannot be written.
        """
        with explained("reading the draft", draft):
            paths = list_draft(draft, facts)
        folder = self.versions_directory(name)
        with explained(f"publishing {name}", folder):
            make_directories(folder)
            with exclusive_lock(folder.parent / ".publish.lock"):
                for leftover in folder.glob(".tmp-*"):  # of a publisher that was killed: it held this lock
                    shutil.rmtree(leftover)
                scratch = folder / f".tmp-{uuid.uuid4().hex}"
                scratch.mkdir()
                try:
                    files = [copy_entry(draft, scratch, path) for path in paths]
                    return self._published(name, files) or self._make_visible(name, scratch, files, facts)
                finally:
                    shutil.rmtree(scratch, ignore_errors=True)

    def move_champion(
        self,
        name: str,
        version: str,
        *,
        expected_generation: int,
        by: str,
        reason: str,
        override: str | None = None,
    ) -> Aliases:
        """Make `version` the champion; the champion before it becomes `previous`.

        All files of the version are compared with its manifest first: what is damaged is never promoted.

        Args:
            name: the model.
            version: one of its published versions; the present champion leaves the aliases as they are.
            expected_generation: that of the aliases the decision rests on.
            by: who asks for it.
            reason: why, in a sentence.
            override: why a gate was passed over, if one was.

        Raises:
            ConflictError: the aliases changed since; nothing was written.
            NotFoundError: there is no such version.
            CorruptVersionError: names the damaged file.
        """
        entry = self._entry(name, version)
        change = Change(by=by, at=self._clock(), reason=reason, override=override)
        return self._update(name, expected_generation, lambda current: with_champion(current, entry, change))

    def set_challenger(
        self, name: str, version: str | None, *, expected_generation: int, by: str, reason: str
    ) -> Aliases:
        """Make `version` the challenger, or take it away (None). Raises as `move_champion` does."""
        entry = None if version is None else self._entry(name, version)
        change = Change(by=by, at=self._clock(), reason=reason)
        return self._update(
            name, expected_generation, lambda current: with_challenger(current, entry, change)
        )

    def set_experiment(
        self, name: str, experiment: Experiment | None, *, expected_generation: int, by: str, reason: str
    ) -> Aliases:
        """Split the requests by `experiment`, or give them all to the champion again (None).

        Raises:
            ConflictError: the aliases changed since; nothing was written.
            NotFoundError: a variant names an alias that is not set, or a version that is not published.
            CorruptVersionError: a version that a variant names is damaged.
        """
        change = Change(by=by, at=self._clock(), reason=reason)

        def follow(current: Aliases) -> Aliases:
            for variant in () if experiment is None else experiment.variants:
                entry = self.entry_of(name, current, variant.model)
                self.verify(name, entry.version, entry.manifest_sha256)
            return with_experiment(current, experiment, change)

        return self._update(name, expected_generation, follow)

    def rollback(self, name: str, *, by: str, reason: str, expected_generation: int | None = None) -> Aliases:
        """Let champion and previous change places; by default whatever the generation is.

        Raises:
            ConflictError: `expected_generation` is given, and somebody changed the aliases since.
            NotFoundError: there is no previous champion.
            CorruptVersionError: the previous champion is damaged; the present one stays.
        """
        change = Change(by=by, at=self._clock(), reason=reason)

        def roll_back(current: Aliases) -> Aliases:
            moved = with_rollback(name, current, change)
            if moved.champion is not None:
                self.verify(name, moved.champion.version, moved.champion.manifest_sha256)
            return moved

        return self._update(name, expected_generation, roll_back)

    def _update(
        self, name: str, expected_generation: int | None, follow: Callable[[Aliases], Aliases]
    ) -> Aliases:
        home = self.home(name)
        if not home.is_dir():
            self.require_root()
            raise NotFoundError(f"there is no model {name}: publish a version of it first")
        with explained(f"moving the aliases of {name}", home), exclusive_lock(home / ".aliases.lock"):
            current = self.aliases(name)
            if expected_generation is not None:
                require_generation(name, current, expected_generation)
            moved = follow(current)
            if moved != current:
                replace_file(home / ALIASES, f"{moved.model_dump_json(indent=1)}\n".encode())
            return moved

    def _entry(self, name: str, version: str) -> AliasEntry:
        entry = self.entry_of(name, Aliases(), version)
        self.verify(name, version, entry.manifest_sha256)
        return entry

    def _published(self, name: str, files: list[FileEntry]) -> Manifest | None:
        """The version that holds exactly these files, undamaged."""
        digest = content_digest(files)
        for version in reversed(self.versions(name)):
            if version.endswith(digest[:12]):
                try:
                    manifest = self.verify(name, version)
                except CorruptVersionError:
                    continue
                if manifest.content_digest == digest:
                    return manifest
        return None

    def _make_visible(
        self, name: str, scratch: Path, files: list[FileEntry], facts: ManifestFacts
    ) -> Manifest:
        folder, known = self.versions_directory(name), self.versions(name)
        moment = self._clock().astimezone(UTC).replace(microsecond=0)
        if known:  # names sort by time, also within a second and when the clock was set back
            moment = max(moment, version_moment(known[-1]) + timedelta(seconds=1))
        manifest = Manifest(
            **dict(facts),
            name=name,
            version=version_name(moment, content_digest(files)),
            seq=self._last_seq(name, known) + 1,
            created_at=moment,
            files=files,
        )
        write_new_file(scratch / MANIFEST, f"{manifest.model_dump_json(indent=1)}\n".encode())
        for path in sorted({(scratch / entry.path).parent for entry in files} | {scratch}, reverse=True):
            flush_directory(path)
        scratch.rename(folder / manifest.version)
        flush_directory(folder)
        return manifest

    def _last_seq(self, name: str, known: list[str]) -> int:
        for version in reversed(known):
            try:
                return self.manifest(name, version).seq
            except CorruptVersionError:
                continue
        return len(known)
