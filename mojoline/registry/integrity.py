"""Is a version's directory exactly what its manifest says, and the manifest what the alias says?"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from mojoline.registry.errors import CorruptVersionError
from mojoline.registry.manifest import MANIFEST, FileEntry, Manifest


def read_manifest(directory: Path, manifest_sha256: str | None = None) -> Manifest:
    """The manifest in `directory`, whose bytes must have the digest `manifest_sha256` if that is given.

    Raises:
        CorruptVersionError: it is missing, has another digest, cannot be parsed, or contradicts itself.
    """
    path = directory / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorruptVersionError(
            f"{path} cannot be read: {error.strerror}; publish the version again"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if manifest_sha256 is not None and found != manifest_sha256:
        raise CorruptVersionError(
            f"{path} has sha256 {found}, but the alias asks for {manifest_sha256}: "
            "it was changed after the alias was set; publish again, or roll back"
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise CorruptVersionError(f"{path} is no manifest: {where}: {first['msg']}; publish again") from error
    if not manifest.version.endswith(f"-{manifest.content_digest[:12]}"):
        raise CorruptVersionError(
            f"{path} lists files with the digest {manifest.content_digest[:12]}, "
            f"which is not that of version {manifest.version}: it was edited; publish again, or roll back"
        )
    return manifest


def find_damage(directory: Path, manifest: Manifest) -> Iterator[str]:
    """One sentence for every file in `directory` that is missing, changed, or not listed in `manifest`."""
    listed = {entry.path: entry for entry in manifest.files}
    present = set(list_files(directory)) - {MANIFEST}
    for path in sorted(listed.keys() | present):
        if path not in listed:
            yield f"{path} is not listed in {MANIFEST}"
        elif path not in present:
            yield f"{path} is missing"
        elif sentence := _difference(directory / path, listed[path]):
            yield f"{path} {sentence}"


def verify_directory(directory: Path, manifest_sha256: str | None = None) -> Manifest:
    """The manifest of `directory`, after every file in it was compared with it.

    Raises:
        CorruptVersionError: names the first file that is not as it was published.
    """
    manifest = read_manifest(directory, manifest_sha256)
    damage = next(find_damage(directory, manifest), None)
    if damage is not None:
        raise CorruptVersionError(f"{directory}: {damage}; publish the version again, or roll back")
    return manifest


def list_files(directory: Path) -> Iterator[str]:
    """The paths of all files below `directory`, relative to it, in a fixed order."""
    for folder, folders, files in os.walk(directory):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted(files + links):
            yield Path(folder, name).relative_to(directory).as_posix()


def _difference(path: Path, entry: FileEntry) -> str | None:
    if path.is_symlink() or not path.is_file():
        return "is not a regular file"
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"has {size} bytes, not {entry.bytes}"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if found == entry.sha256 else f"has sha256 {found}, not {entry.sha256}"
