"""Damage of every kind is refused, and the message names the file."""

import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson
import pytest

from mojoline.registry.aliases import ALIASES
from mojoline.registry.errors import CorruptVersionError, RegistryError
from mojoline.registry.filesystem_registry import open_registry
from mojoline.registry.manifest import MANIFEST
from tests.data.tiny_versions import tiny_draft, tiny_facts

ROOT = Path(__file__).parents[2]
WHO = {"by": "test", "reason": "a test"}


@pytest.fixture
def registry(tmp_path):
    """Two versions; the second is champion, the first is previous."""
    registry = open_registry(f"file://{tmp_path / 'registry'}")
    for generation, which in enumerate(("first", "second")):
        draft = tiny_draft(which, tmp_path / which)
        version = registry.publish("tiny", draft, tiny_facts(which)).version
        registry.move_champion("tiny", version, expected_generation=generation, **WHO)
    return registry


def champion_directory(registry):
    return registry.directory("tiny", registry.aliases("tiny").champion.version)


def overwrite(path, content):
    path.chmod(0o644)
    path.write_bytes(content)


def flip_bit(path, seed):
    content = bytearray(path.read_bytes())
    bit = random.Random(seed).randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    overwrite(path, content)


def edit_manifest(directory, edit):
    document = orjson.loads((directory / MANIFEST).read_bytes())
    edit(document)
    overwrite(directory / MANIFEST, orjson.dumps(document))


def assert_refused(registry, names):
    """Nobody who follows the alias gets the champion, and it cannot be promoted again either."""
    aliases = registry.aliases("tiny")
    with pytest.raises(CorruptVersionError, match=re.escape(names)):
        registry.verify("tiny", aliases.champion.version, aliases.champion.manifest_sha256)
    back = registry.rollback("tiny", **WHO)
    registry.verify("tiny", back.champion.version, back.champion.manifest_sha256)
    with pytest.raises(CorruptVersionError, match=re.escape(names)):
        registry.rollback("tiny", **WHO)
    assert registry.aliases("tiny") == back, "the sound version stays"


@pytest.mark.parametrize("name", ["mojo.zip", "golden.jsonl", MANIFEST])
def test_one_flipped_bit(registry, name):
    path, champion = champion_directory(registry) / name, registry.aliases("tiny").champion
    for seed in range(200):
        flip_bit(path, seed)
        with pytest.raises(CorruptVersionError, match=re.escape(name)):
            registry.verify("tiny", champion.version, champion.manifest_sha256)
        flip_bit(path, seed)
        registry.verify("tiny", champion.version, champion.manifest_sha256)
    flip_bit(path, 200)
    assert_refused(registry, name)


@pytest.mark.parametrize("name", ["mojo.zip", "golden.jsonl", MANIFEST])
def test_a_missing_file(registry, name):
    (champion_directory(registry) / name).unlink()
    assert_refused(registry, name)


@pytest.mark.parametrize("name", ["extra.json", ".hidden", "folder/extra.json", "mojo.zip.tmp"])
def test_an_extra_file(registry, name):
    path = champion_directory(registry) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    assert_refused(registry, name)


@pytest.mark.parametrize("kept", [0, 1, 1000, -1])
def test_a_truncated_mojo(registry, kept):
    path = champion_directory(registry) / "mojo.zip"
    overwrite(path, path.read_bytes()[:kept])
    assert_refused(registry, "mojo.zip")


def test_an_extended_mojo(registry):
    path = champion_directory(registry) / "mojo.zip"
    overwrite(path, path.read_bytes() + b"\0")
    assert_refused(registry, "mojo.zip")


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_file_that_became_a_link(registry, tmp_path, target):
    path = champion_directory(registry) / "mojo.zip"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / target)
    assert_refused(registry, "mojo.zip")


def test_a_file_that_became_a_folder(registry):
    path = champion_directory(registry) / "golden.jsonl"
    path.unlink()
    path.mkdir()
    assert_refused(registry, "golden.jsonl")


def test_a_wrong_digest_in_the_alias(registry):
    path = registry.root / "models" / "tiny" / ALIASES
    document = orjson.loads(path.read_bytes())
    document["aliases"]["champion"]["manifest_sha256"] = "0" * 64
    path.write_bytes(orjson.dumps(document))
    champion = registry.aliases("tiny").champion
    with pytest.raises(CorruptVersionError, match=r"manifest\.json .* the alias asks for 0000"):
        registry.verify("tiny", champion.version, champion.manifest_sha256)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m["budget"].update(p99_ms=1e6),
        lambda m: m["reduction"]["impute"].update(temp=0.0),
        lambda m: m.update(h2o_version="3.46.0.12"),
        lambda m: m["files"].pop(),
        lambda m: m["files"][0].update(sha256="0" * 64),
        lambda m: m["files"][0].update(path="../../../aliases.json"),
        lambda m: m.update(name="other"),
        lambda m: m.update(version="20260101T000000Z-000000000000"),
        lambda m: m.update(unknown=1),
        lambda m: m.pop("parity"),
        lambda m: m.clear(),
    ],
)
def test_an_edited_manifest(registry, edit):
    edit_manifest(champion_directory(registry), edit)
    aliases = registry.aliases("tiny")
    with pytest.raises(CorruptVersionError, match=r"manifest\.json"):
        registry.verify("tiny", aliases.champion.version, aliases.champion.manifest_sha256)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m["files"].pop(),
        lambda m: m["files"][0].update(sha256="0" * 64),
        lambda m: m["files"][0].update(path="../../../aliases.json"),
        lambda m: m.update(name="other"),
        lambda m: m["parity"].update(max_abs_diff=float("nan")),
    ],
)
def test_an_edited_file_list_is_noticed_without_an_alias(registry, edit):
    directory = champion_directory(registry)
    edit_manifest(directory, edit)
    with pytest.raises(CorruptVersionError, match=r"manifest\.json"):
        registry.manifest("tiny", directory.name)


def test_a_version_under_another_name(registry):
    """A copied directory keeps its digests; only the name inside the manifest tells."""
    directory = champion_directory(registry)
    other = f"20990101T000000Z-{directory.name[-12:]}"
    directory.rename(directory.with_name(other))
    with pytest.raises(CorruptVersionError, match=r"manifest\.json"):
        registry.verify("tiny", other)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"generation": -1}', b'{"generation": 1, "x": 2}'])
def test_a_damaged_alias_file(registry, content):
    (registry.root / "models" / "tiny" / ALIASES).write_bytes(content)
    with pytest.raises(RegistryError, match=r"aliases\.json"):
        registry.aliases("tiny")


def test_an_alias_cannot_lead_outside(registry):
    path = registry.root / "models" / "tiny" / ALIASES
    document = orjson.loads(path.read_bytes())
    document["aliases"]["champion"]["version"] = "../../../../etc"
    path.write_bytes(orjson.dumps(document))
    with pytest.raises(RegistryError, match=r"aliases\.json"):
        registry.aliases("tiny")


def test_a_file_that_cannot_hold_more(registry, tmp_path):
    """The kernel refuses the write half-way, as a full disk does; nothing of it is left behind."""
    draft = tiny_draft("regression", tmp_path / "regression")
    before, limits = registry.versions("tiny"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(RegistryError, match=r"publishing tiny failed at .*: File too large; free space"):
            registry.publish("tiny", draft, tiny_facts("regression"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert registry.versions("tiny") == before
    assert not list(registry.root.rglob(".tmp-*"))
    registry.publish("tiny", draft, tiny_facts("regression"))


WRITER = """
import os, sys
from pathlib import Path
from mojoline.registry.errors import RegistryError
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from tests.data.tiny_versions import tiny_facts
root, draft, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
facts = tiny_facts("regression")
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
registry = FilesystemRegistry(root)
for attempt in (
    lambda: registry.publish("tiny", draft, facts),
    lambda: registry.move_champion("tiny", version, expected_generation=2, by="x", reason="x"),
    lambda: registry.rollback("tiny", by="x", reason="x"),
    lambda: open_registry(f"file://{root / 'below'}"),
):
    try:
        attempt()
    except RegistryError as error:
        print(error)
assert registry.verify("tiny", version).version == version
"""


def test_a_registry_that_may_only_be_read(registry):
    """Readers need no right to write; writers are told which path and for whom."""
    place = Path(tempfile.mkdtemp(prefix="mojoline-"))  # unlike tmp_path, others can be let in
    try:
        root = Path(shutil.copytree(registry.root, place / "registry"))
        draft = tiny_draft("regression", place / "draft")
        for path in [place, *place.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        command = [
            sys.executable,
            "-c",
            WRITER,
            str(root),
            str(draft),
            registry.aliases("tiny").previous.version,
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        for path in [place, *(path for path in place.rglob("*") if path.is_dir())]:
            path.chmod(0o755)
        shutil.rmtree(place)
    assert done.returncode == 0, done.stderr
    messages = done.stdout.splitlines()
    assert len(messages) == 4, done.stdout
    for message in messages:
        assert re.search(
            r"failed at \S+: Permission denied; let user \d+ write there, or set MOJOLINE_REG", message
        )


FULL_DISK = """
import sys
from pathlib import Path
from mojoline.registry.errors import RegistryError
from mojoline.registry.filesystem_registry import open_registry
from tests.data.tiny_versions import tiny_facts
registry = open_registry(f"file://{sys.argv[1]}/registry")
version = registry.publish("tiny", Path(sys.argv[2]), tiny_facts("regression")).version
registry.move_champion("tiny", version, expected_generation=0, by="x", reason="x")
before = registry.aliases("tiny")
for attempt in (
    lambda: registry.publish("tiny", Path(sys.argv[3]), tiny_facts("first")),
    lambda: registry.set_challenger("tiny", version, expected_generation=1, by="x", reason="x" * 200_000),
):
    try:
        attempt()
    except RegistryError as error:
        print(error)
assert registry.versions("tiny") == [version]
assert registry.aliases("tiny") == before
registry.verify("tiny", version, before.champion.manifest_sha256)
"""


@pytest.mark.system
def test_a_full_disk(tmp_path):
    """A file system of 100 kB holds one version and not the next; the first one stays whole and served."""
    disk, fits = tmp_path / "disk", tiny_draft("regression", tmp_path / "fits")
    disk.mkdir()
    inside = 'mount -t tmpfs -o size=100k tmpfs "$1" && exec "$2" -c "$3" "$1" "$4" "$5"'
    arguments = [str(disk), sys.executable, FULL_DISK, str(fits), str(tiny_draft("first", tmp_path / "more"))]
    command = ["unshare", "--mount", "sh", "-c", inside, "sh", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    messages = done.stdout.splitlines()
    assert len(messages) == 2, done.stdout
    for message in messages:
        assert re.search(
            r"failed at \S+: No space left on device; free space there, or set MOJOLINE_REG", message
        )
