from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mojoline.registry.aliases import (
    AliasEntry,
    Aliases,
    Change,
    require_generation,
    with_challenger,
    with_champion,
    with_rollback,
)
from mojoline.registry.errors import ConflictError, NotFoundError
from mojoline.registry.experiment import Experiment, Variant
from mojoline.registry.model_uri import ModelUri, parse_model_uri, require_name

EXPERIMENT = Experiment(id="x", variants=(Variant(name="a", model="champion", weight=10_000),)).allotted(None)
CHANGE = Change(by="test", at=datetime(2026, 1, 1, tzinfo=UTC), reason="because")
A, B, C = (AliasEntry(version=f"20260101T00000{n}Z-{n:012d}", manifest_sha256=str(n) * 64) for n in range(3))


def test_the_champion_before_becomes_previous():
    aliases = with_champion(with_champion(Aliases(), A, CHANGE), B, CHANGE)
    assert (aliases.champion, aliases.previous, aliases.generation) == (B, A, 2)
    assert (aliases.updated_by, aliases.reason) == ("test", "because")


def test_the_present_champion_again_changes_nothing():
    aliases = with_champion(with_champion(Aliases(), A, CHANGE), B, CHANGE)
    assert with_champion(aliases, B, CHANGE) is aliases, "previous would be lost"


def test_a_promoted_challenger_is_no_challenger_any_more():
    aliases = with_challenger(with_champion(Aliases(), A, CHANGE), B, CHANGE)
    assert with_champion(aliases, C, CHANGE).challenger == B
    assert with_champion(aliases, B, CHANGE).challenger is None
    assert with_challenger(aliases, None, CHANGE).challenger is None
    assert with_challenger(aliases, B, CHANGE) is aliases


def test_two_rollbacks_undo_each_other():
    aliases = with_champion(with_champion(Aliases(), A, CHANGE), B, CHANGE)
    back = with_rollback("m", aliases, CHANGE)
    assert (back.champion, back.previous, back.generation) == (A, B, 3)
    assert with_rollback("m", back, CHANGE).aliases == aliases.aliases


@pytest.mark.parametrize("aliases", [Aliases(), with_champion(Aliases(), A, CHANGE)])
def test_without_a_previous_champion_there_is_no_rollback(aliases):
    with pytest.raises(NotFoundError, match="no previous champion"):
        with_rollback("m", aliases, CHANGE)


def test_an_override_lasts_for_one_change():
    overridden = with_champion(Aliases(), A, CHANGE.model_copy(update={"override": "tested by hand"}))
    assert overridden.override == "tested by hand"
    assert with_champion(overridden, B, CHANGE).override is None


def test_a_stale_generation_says_who_was_faster():
    with pytest.raises(ConflictError, match=r"generation 1, not 0.*test.*because"):
        require_generation("m", with_champion(Aliases(), A, CHANGE), 0)


@given(st.lists(st.tuples(st.sampled_from("pcr"), st.sampled_from([A, B, C])), max_size=12))
def test_whatever_happens_champion_is_never_previous_and_the_experiment_stays(steps):
    aliases = Aliases(experiment=EXPERIMENT)
    for step, entry in steps:
        before = aliases
        try:
            if step == "p":
                aliases = with_champion(aliases, entry, CHANGE)
            elif step == "c":
                aliases = with_challenger(aliases, entry, CHANGE)
            else:
                aliases = with_rollback("m", aliases, CHANGE)
        except NotFoundError:
            continue
        assert aliases.generation - before.generation == (aliases != before)
    assert aliases.champion is None or aliases.champion != aliases.previous
    assert aliases.experiment == EXPERIMENT
    assert Aliases.model_validate_json(aliases.model_dump_json()) == aliases


def test_model_uris():
    assert parse_model_uri("models:/m@champion") == ModelUri("m", alias="champion")
    assert parse_model_uri(f"models:/m/{A.version}") == ModelUri("m", version=A.version)


@pytest.mark.parametrize(
    "text",
    [
        "m@champion",
        "models:/m",
        "models:/m@",
        "models:/m@latest",
        "models:/m/1",
        f"models:/m/{A.version}/../x",
        "models:/../m@champion",
        "models:/..@champion",
        "models:/m/Production",
    ],
)
def test_what_is_no_model_uri_is_refused(text):
    with pytest.raises(NotFoundError):
        parse_model_uri(text)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a\n", "-a", "a" * 101, "a.b", "ä"])
def test_a_name_that_could_leave_its_directory_is_refused(name):
    with pytest.raises(NotFoundError):
        require_name(name)
