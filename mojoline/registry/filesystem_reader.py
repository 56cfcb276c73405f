"""What every process may do with a registry on a file system: read it.

Its layout is `<root>/models/<name>/versions/<version>/` (immutable) and `<root>/models/<name>/aliases.json`.
"""

import hashlib
from pathlib import Path
from typing import cast, get_args

from pydantic import ValidationError

from mojoline.registry.aliases import ALIASES, AliasEntry, Aliases, AliasName
from mojoline.registry.durable_files import explained
from mojoline.registry.errors import CorruptVersionError, NotFoundError, RegistryError
from mojoline.registry.integrity import read_manifest, verify_directory
from mojoline.registry.manifest import MANIFEST, VERSION_PATTERN, Manifest
from mojoline.registry.model_uri import parse_model_uri, require_name, require_version


class FilesystemReader:
    """All models under one root, to be read; nothing here writes or locks."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """The models that have at least one version, sorted.

        Raises:
            RegistryError: the root cannot be read; an unreadable registry is not an empty one.
        """
        with explained("listing the models", self.root):
            self.require_root()
            models = self.root / "models"
            found = [path.name for path in models.iterdir()] if models.is_dir() else []
        return sorted(name for name in found if self.versions(name))

    def versions(self, name: str) -> list[str]:
        """The published versions of a model, oldest first; none if the model is not known.

        Raises:
            RegistryError: the directory cannot be read.
        """
        folder = self.versions_directory(name)
        with explained("listing the versions", folder):
            self.require_root()
            found = list(folder.iterdir()) if folder.is_dir() else []
        return sorted(
            path.name
            for path in found
            if VERSION_PATTERN.fullmatch(path.name) and (path / MANIFEST).is_file()
        )

    def directory(self, name: str, version: str) -> Path:
        """Where a published version lies; NotFoundError if it does not exist."""
        path = self.versions_directory(name) / require_version(version)
        with explained(f"looking for {version} of {name}", path):
            found = path.is_dir()
        if not found:
            self.require_root()
            known = ", ".join(self.versions(name)[-3:]) or "none"
            raise NotFoundError(f"{name} has no version {version}; its newest are: {known}")
        return path

    def manifest(self, name: str, version: str) -> Manifest:
        """The manifest of a version; the files it lists are not looked at.

        Raises:
            NotFoundError: there is no such version.
            CorruptVersionError: the manifest is missing, edited, or another version's.
        """
        directory = self.directory(name, version)
        return _same_version(name, version, directory, read_manifest(directory))

    def verify(self, name: str, version: str, manifest_sha256: str | None = None) -> Manifest:
        """The manifest of a version, after all its files, and the manifest itself, were compared.

        Args:
            name: the model.
            version: one of its versions.
            manifest_sha256: the digest of the manifest, where an alias named the version.

        Raises:
            NotFoundError: there is no such version.
            CorruptVersionError: names the first file that is not as it was published.
        """
        directory = self.directory(name, version)
        return _same_version(name, version, directory, verify_directory(directory, manifest_sha256))

    def resolve(self, uri: str) -> tuple[str, str, str | None]:
        """Model, version and the manifest's digest of `models:/<name>@<alias>` or `models:/<name>/<version>`.

        The digest is None where a version is named without an alias.
        """
        parsed = parse_model_uri(uri)
        if parsed.alias is None:
            version = parsed.version or ""
            self.directory(parsed.name, version)
            return parsed.name, version, None
        entry = self.aliases(parsed.name).aliases.get(parsed.alias)
        if entry is None:
            raise NotFoundError(f"{parsed.name} has no {parsed.alias}: promote one of its versions")
        return parsed.name, entry.version, entry.manifest_sha256

    def aliases(self, name: str) -> Aliases:
        """The aliases of a model as they are now; generation 0 if nothing was ever promoted.

        Raises:
            RegistryError: the file cannot be read; that is never taken for "no champion".
        """
        path = self.home(name) / ALIASES
        with explained(f"reading the aliases of {name}", path):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                self.require_root()
                return Aliases()
        try:
            return Aliases.model_validate_json(content)
        except ValidationError as error:
            raise RegistryError(
                f"{path} is not what this program wrote ({error.errors()[0]['msg']}): restore it"
            ) from error

    def entry_of(self, name: str, aliases: Aliases, model: str) -> AliasEntry:
        """What a variant's `model` stands for: an alias as `aliases` has it, or a published version.

        Either may be written as a model URI (`models:/<name>@champion`, `models:/<name>/<version>`).

        Raises:
            NotFoundError: the alias is not set, there is no such version, or it is one of another model.
            CorruptVersionError: the version has no readable manifest.
        """
        if model.startswith("models:/"):
            uri = parse_model_uri(model)
            if uri.name != name:
                raise NotFoundError(f"{model} is another model's: name an alias or a version of {name}")
            model = uri.version or str(uri.alias)
        if model in get_args(AliasName):
            entry = aliases.aliases.get(cast("AliasName", model))
            if entry is None:
                raise NotFoundError(f"{name} has no {model}: promote one of its versions, or name a version")
            return entry
        path = self.directory(name, model) / MANIFEST
        try:
            return AliasEntry(version=model, manifest_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            raise CorruptVersionError(f"{path} cannot be read: {error.strerror}; publish again") from error

    def home(self, name: str) -> Path:
        """The directory of a model, whether it exists or not."""
        return self.root / "models" / require_name(name)

    def versions_directory(self, name: str) -> Path:
        """The directory of a model's versions, whether it exists or not."""
        return self.home(name) / "versions"

    def require_root(self) -> None:
        """RegistryError if the registry itself is gone, which must not look like an empty one."""
        if not self.root.is_dir():
            raise RegistryError(
                f"the registry {self.root} is not there: mount it, or correct MOJOLINE_REGISTRY_URL"
            )


def _same_version(name: str, version: str, directory: Path, manifest: Manifest) -> Manifest:
    if (manifest.name, manifest.version) != (name, version):
        raise CorruptVersionError(
            f"{directory / MANIFEST} is that of {manifest.name} {manifest.version}, not of {name} {version}: "
            "publish the version again, or roll back"
        )
    return manifest
