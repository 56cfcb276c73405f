"""From the files a builder left to the files of a version."""

import mimetypes
from pathlib import Path

from mojoline.registry.durable_files import copy_file
from mojoline.registry.errors import RegistryError
from mojoline.registry.integrity import list_files
from mojoline.registry.manifest import MANIFEST, MOJO, FileEntry, ManifestFacts

_MEDIA_TYPES = {".jsonl": "application/jsonl", ".md": "text/markdown"}


def list_draft(draft: Path, facts: ManifestFacts) -> list[str]:
    """The paths in `draft`, relative to it.

    Raises:
        RegistryError: there is no draft, or it is not what a version can be made of.
    """
    if not draft.is_dir():
        raise RegistryError(f"there is no draft at {draft}: build the package first")
    paths = list(list_files(draft))
    for path in paths:
        if (draft / path).is_symlink() or not (draft / path).is_file():
            raise RegistryError(f"{draft / path} is not a regular file: copy its content there")
    if MANIFEST in paths:
        raise RegistryError(f"{draft / MANIFEST} must not be there: publishing writes it")
    for needed in (MOJO, facts.baseline_ref):
        if needed is not None and needed not in paths:
            raise RegistryError(f"the draft {draft} has no {needed}: build the package again")
    return paths


def copy_entry(draft: Path, scratch: Path, path: str) -> FileEntry:
    """Copy one file of `draft` into `scratch`; its entry tells what was written there."""
    target = scratch / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = copy_file(draft / path, target)
    media = _MEDIA_TYPES.get(target.suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return FileEntry(path=path, sha256=digest, bytes=size, media_type=media)
