"""What every registry must do; the filesystem is the first one."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest

from mojoline.registry.errors import ConflictError, NotFoundError, RegistryError
from mojoline.registry.experiment import Experiment
from mojoline.registry.filesystem_registry import FilesystemRegistry, open_registry
from mojoline.registry.manifest import VERSION_PATTERN, FileEntry, content_digest
from tests.data.tiny_versions import tiny_draft, tiny_facts

ROOT = Path(__file__).parents[2]
WHO = {"by": "test", "reason": "a test"}


@pytest.fixture
def registry(tmp_path):
    return open_registry(f"file://{tmp_path}/reg istry".replace(" ", "%20"))


def publish(registry, tmp_path, which):
    draft = tmp_path / f"draft-{which}"
    if not draft.exists():
        tiny_draft(which, draft)
    return registry.publish("tiny", draft, tiny_facts(which))


def promote(registry, version, generation=None, **who):
    generation = registry.aliases("tiny").generation if generation is None else generation
    return registry.move_champion("tiny", version, expected_generation=generation, **{**WHO, **who})


def test_layout(registry, tmp_path):
    manifest = publish(registry, tmp_path, "first")
    folder = registry.root / "models" / "tiny" / "versions" / manifest.version
    assert registry.root.name == "reg istry"
    assert registry.directory("tiny", manifest.version) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["golden.jsonl", "manifest.json", "mojo.zip"]
    assert [path.name for path in folder.parent.iterdir()] == [manifest.version]
    assert VERSION_PATTERN.fullmatch(manifest.version)


def test_the_version_ends_with_what_sha256sum_says(registry, tmp_path):
    manifest = publish(registry, tmp_path, "first")
    script = "sha256sum golden.jsonl mojo.zip | LC_ALL=C sort | sha256sum"
    folder = registry.directory("tiny", manifest.version)
    printed = subprocess.run(
        ["sh", "-c", script], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    assert manifest.version.split("-")[1] == printed[:12]


def test_the_manifest_keeps_every_fact(registry, tmp_path):
    manifest = publish(registry, tmp_path, "first")
    assert registry.manifest("tiny", manifest.version) == manifest
    assert registry.verify("tiny", manifest.version) == manifest
    assert {key: getattr(manifest, key) for key in dict(tiny_facts("first"))} == dict(tiny_facts("first"))
    document = json.loads((registry.directory("tiny", manifest.version) / "manifest.json").read_bytes())
    assert (document["schema_version"], document["seq"], document["name"]) == (1, 1, "tiny")


def test_the_same_content_is_published_once(registry, tmp_path):
    first = publish(registry, tmp_path, "first")
    other_facts = tiny_facts("first", tags={"again": "yes"})
    assert registry.publish("tiny", tmp_path / "draft-first", other_facts) == first
    assert registry.versions("tiny") == [first.version]


def test_damaged_content_is_published_again(registry, tmp_path):
    first = publish(registry, tmp_path, "first")
    damaged = registry.directory("tiny", first.version) / "mojo.zip"
    damaged.chmod(0o644)
    damaged.write_bytes(b"")
    second = publish(registry, tmp_path, "first")
    assert second.version != first.version
    assert second.content_digest == first.content_digest
    assert registry.verify("tiny", second.version).seq == 2


def test_versions_sort_by_time_even_when_the_clock_goes_back(tmp_path):
    noon, morning = datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 1, 9, tzinfo=UTC)
    (tmp_path / "registry").mkdir()
    published = []
    for which, moment in (("first", noon), ("second", noon), ("regression", morning)):
        registry = FilesystemRegistry(tmp_path / "registry", clock=lambda at=moment: at)
        published.append(publish(registry, tmp_path, which))
    assert registry.versions("tiny") == [manifest.version for manifest in published]
    assert [manifest.seq for manifest in published] == [1, 2, 3]
    assert [manifest.version[:16] for manifest in published] == [f"20260501T12000{n}Z" for n in range(3)]


def test_a_model_nobody_published_has_no_versions(registry):
    assert registry.names() == []
    assert registry.versions("tiny") == []
    assert registry.aliases("tiny").generation == 0
    with pytest.raises(NotFoundError, match="no model tiny"):
        registry.rollback("tiny", **WHO)
    assert list(registry.root.iterdir()) == [], "reading leaves no traces"


def test_an_unreadable_registry_is_not_an_empty_one(registry, tmp_path):
    version = publish(registry, tmp_path, "first").version
    promote(registry, version)
    registry.root.rename(tmp_path / "unmounted")
    for read in (registry.names, lambda: registry.versions("tiny"), lambda: registry.aliases("tiny")):
        with pytest.raises(RegistryError, match="is not there: mount it"):
            read()
    with pytest.raises(RegistryError, match="is not there: mount it"):
        registry.manifest("tiny", version)


def test_a_damaged_alias_file_is_not_a_missing_champion(registry, tmp_path):
    version = publish(registry, tmp_path, "first").version
    promote(registry, version)
    path = registry.root / "models" / "tiny" / "aliases.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RegistryError, match=r"aliases\.json"):
        registry.aliases("tiny")
    with pytest.raises(RegistryError, match=r"aliases\.json"):
        registry.rollback("tiny", **WHO)


def test_promotion_and_rollback(registry, tmp_path):
    first, second = publish(registry, tmp_path, "first"), publish(registry, tmp_path, "second")
    promote(registry, first.version)
    aliases = promote(registry, second.version, override="the metric is worse, the data is newer")
    assert aliases == registry.aliases("tiny")
    assert (aliases.champion.version, aliases.previous.version) == (second.version, first.version)
    assert (aliases.generation, aliases.updated_by, aliases.override[:10]) == (2, "test", "the metric")
    back = registry.rollback("tiny", by="operator", reason="errors")
    assert (back.champion.version, back.previous.version, back.generation) == (
        first.version,
        second.version,
        3,
    )
    assert (back.updated_by, back.reason, back.override) == ("operator", "errors", None)
    assert registry.names() == ["tiny"]


def test_challenger(registry, tmp_path):
    first, second = publish(registry, tmp_path, "first"), publish(registry, tmp_path, "second")
    promote(registry, first.version)
    aliases = registry.set_challenger("tiny", second.version, expected_generation=1, **WHO)
    assert aliases.challenger.version == second.version
    assert registry.set_challenger("tiny", None, expected_generation=2, **WHO).challenger is None
    with pytest.raises(ConflictError):
        registry.set_challenger("tiny", second.version, expected_generation=2, **WHO)


def split(**weights):
    variants = [{"name": name, "model": name, "weight": weight} for name, weight in weights.items()]
    return Experiment.model_validate({"id": "e1", "variants": variants})


def test_an_experiment_is_kept_with_its_ranges_and_outlives_a_promotion(registry, tmp_path):
    first, second = (publish(registry, tmp_path, which).version for which in ("first", "second"))
    generation = promote(registry, first).generation
    with pytest.raises(NotFoundError, match="no challenger: promote one of its versions, or name a version"):
        registry.set_experiment(
            "tiny", split(champion=9000, challenger=1000), expected_generation=generation, **WHO
        )
    generation = registry.set_challenger("tiny", second, expected_generation=generation, **WHO).generation
    wanted = split(champion=9000, challenger=1000)
    aliases = registry.set_experiment("tiny", wanted, expected_generation=generation, **WHO)
    assert aliases.generation == generation + 1
    assert registry.aliases("tiny").experiment == wanted.allotted(None)
    with pytest.raises(ConflictError):
        registry.set_experiment("tiny", None, expected_generation=generation, **WHO)
    grown = registry.set_experiment(
        "tiny", split(champion=5000, challenger=5000), expected_generation=generation + 1, **WHO
    ).experiment
    assert grown.ranges["champion"] == ((0, 5000),)
    promoted = promote(registry, second)
    assert promoted.experiment == grown
    ended = registry.set_experiment("tiny", None, expected_generation=promoted.generation, **WHO)
    assert ended.experiment is None


def test_an_experiment_on_a_damaged_version_is_refused(registry, tmp_path):
    first, second = (publish(registry, tmp_path, which).version for which in ("first", "second"))
    generation = promote(registry, first).generation
    (registry.directory("tiny", second) / "mojo.zip").write_bytes(b"no longer")
    wanted = Experiment.model_validate(
        {"id": "e1", "variants": [{"name": "a", "model": second, "weight": 10_000}]}
    )
    with pytest.raises(RegistryError, match=r"mojo\.zip"):
        registry.set_experiment("tiny", wanted, expected_generation=generation, **WHO)
    assert registry.aliases("tiny").generation == generation


def test_uris(registry, tmp_path):
    version = publish(registry, tmp_path, "first").version
    with pytest.raises(NotFoundError, match="no champion"):
        registry.resolve("models:/tiny@champion")
    entry = promote(registry, version).champion
    assert registry.resolve("models:/tiny@champion") == ("tiny", version, entry.manifest_sha256)
    assert registry.resolve(f"models:/tiny/{version}") == ("tiny", version, None)
    registry.verify(*registry.resolve("models:/tiny@champion"))


def test_what_was_never_published_cannot_be_promoted(registry, tmp_path):
    version = publish(registry, tmp_path, "first").version
    for unknown in ("20260101T000000Z-000000000000", "../../x", "", version[:-1]):
        with pytest.raises(NotFoundError):
            promote(registry, unknown)
    assert registry.aliases("tiny").generation == 0


def test_a_decision_on_old_aliases_is_refused(registry, tmp_path):
    first, second = publish(registry, tmp_path, "first"), publish(registry, tmp_path, "second")
    promote(registry, first.version, generation=0)
    with pytest.raises(ConflictError, match="generation 1, not 0"):
        promote(registry, second.version, generation=0)
    assert registry.aliases("tiny").champion.version == first.version


def test_of_two_promoters_one_wins_and_one_is_told(registry, tmp_path):
    versions = [publish(registry, tmp_path, which).version for which in ("first", "second", "regression")]
    champion = promote(registry, versions[0]).champion.version
    with ThreadPoolExecutor(2) as pool:
        for generation in range(1, 51):
            barrier = Barrier(2)

            def race(version, start=barrier, expected=generation):
                start.wait()
                try:
                    return promote(registry, version, generation=expected)
                except ConflictError as error:
                    return error

            contested = [version for version in versions if version != champion]
            outcomes = list(pool.map(race, contested))
            lost = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
            won = [outcome for outcome in outcomes if not isinstance(outcome, ConflictError)]
            assert (len(won), len(lost)) == (1, 1), outcomes
            assert registry.aliases("tiny") == won[0]
            assert won[0].generation == generation + 1
            champion = won[0].champion.version


PROMOTER = """
import sys
from mojoline.registry.errors import ConflictError
from mojoline.registry.filesystem_registry import open_registry
url, wins, versions = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
registry, won, lost = open_registry(url), 0, 0
while won < wins:
    seen = registry.aliases("tiny")
    other = next(v for v in versions if seen.champion is None or v != seen.champion.version)
    try:
        registry.move_champion("tiny", other, expected_generation=seen.generation, by="racer", reason="race")
        won += 1
    except ConflictError:
        lost += 1
print(lost)
"""


def test_processes_that_promote_lose_no_update(registry, tmp_path):
    versions = [publish(registry, tmp_path, which).version for which in ("first", "second")]
    command = [sys.executable, "-c", PROMOTER, f"file://{registry.root}", "100", *versions]
    promoters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    while any(promoter.poll() is None for promoter in promoters):
        aliases = registry.aliases("tiny")
        if aliases.champion is not None:
            registry.verify("tiny", aliases.champion.version, aliases.champion.manifest_sha256)
    assert [promoter.wait() for promoter in promoters] == [0, 0]
    for promoter in promoters:
        promoter.stdout.close()
    assert registry.aliases("tiny").generation == 200


def test_publishers_of_the_same_content_make_one_version(registry, tmp_path):
    tiny_draft("first", tmp_path / "draft-first")
    with ThreadPoolExecutor(4) as pool:
        manifests = list(pool.map(lambda _: publish(registry, tmp_path, "first"), range(8)))
    assert len({manifest.version for manifest in manifests}) == 1
    assert registry.versions("tiny") == [manifests[0].version]


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda draft: (draft / "mojo.zip").unlink(), "mojo.zip"),
        (lambda draft: (draft / "manifest.json").write_text("{}"), "manifest.json"),
        (lambda draft: (draft / "link").symlink_to("/etc/hostname"), "link"),
        (lambda draft: (draft / "folder").symlink_to("/etc"), "folder"),
        (lambda draft: os.mkfifo(draft / "pipe"), "pipe"),
        (lambda draft: draft.rename(draft.with_name("gone")), "draft"),
    ],
)
def test_a_draft_that_is_none_is_refused(registry, tmp_path, spoil, names):
    draft = tiny_draft("first", tmp_path / "draft-first")
    spoil(draft)
    with pytest.raises(RegistryError, match=names):
        registry.publish("tiny", draft, tiny_facts("first"))
    assert registry.versions("tiny") == []


def test_a_baseline_that_is_promised_must_be_there(registry, tmp_path):
    draft = tiny_draft("first", tmp_path / "draft-first")
    with pytest.raises(RegistryError, match=r"no baseline\.json"):
        registry.publish("tiny", draft, tiny_facts("first", baseline_ref="baseline.json"))


def test_folders_of_a_draft_are_kept(registry, tmp_path):
    draft = tiny_draft("first", tmp_path / "draft-first")
    (draft / "evidence" / "deep").mkdir(parents=True)
    (draft / "evidence" / "deep" / "a.json").write_text("{}")
    manifest = registry.publish("tiny", draft, tiny_facts("first"))
    assert "evidence/deep/a.json" in [entry.path for entry in manifest.files]
    assert registry.verify("tiny", manifest.version) == manifest


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "", ".", "a//b", "a\\b", "./a"])
def test_a_manifest_cannot_name_files_outside(path):
    with pytest.raises(ValueError, match="stays inside"):
        FileEntry(path=path, sha256="0" * 64, bytes=1, media_type="x/y")


def test_the_content_digest_does_not_depend_on_the_order():
    files = [FileEntry(path=name, sha256=name * 64, bytes=1, media_type="x/y") for name in "abc"]
    assert content_digest(files) == content_digest(reversed(files))
    assert content_digest(files) != content_digest(files[:2])


@pytest.mark.parametrize("url", ["s3://bucket/x", "/srv/x", "file://host/x", "file:relative", "", "http://x"])
def test_urls_that_are_no_registry(url):
    with pytest.raises(RegistryError, match="is not understood"):
        open_registry(url)
