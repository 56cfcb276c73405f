"""Experiments: who answers whom, and that changing weights moves nobody who need not move."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mojoline.registry.experiment import BUCKETS, Experiment, Variant, allot, bucket

KEYS = [f"flight-{number}" for number in range(20_000)]


def experiment(**weights: int) -> Experiment:
    variants = tuple(Variant(name=name, model="champion", weight=weight) for name, weight in weights.items())
    return Experiment(id="e1", variants=variants).allotted(None)


@st.composite
def splits(draw: st.DrawFn) -> dict[str, int]:
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=2, max_size=2)))
    return {"a": cuts[0], "b": cuts[1] - cuts[0], "c": BUCKETS - cuts[1]}


def test_shares_are_the_weights_within_chance() -> None:
    split = experiment(a=7000, b=2000, c=1000)
    chosen = [split.choose(key).name for key in KEYS]
    for name, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        spread = (share * (1 - share) / len(KEYS)) ** 0.5
        assert abs(chosen.count(name) / len(KEYS) - share) < 5 * spread


def test_another_experiment_splits_independently() -> None:
    ours = experiment(a=5000, b=5000)
    other = ours.model_copy(update={"id": "e2"})
    both = sum(ours.choose(key).name == other.choose(key).name for key in KEYS)
    assert abs(both / len(KEYS) - 0.5) < 0.02


@settings(deadline=None)  # 10,000 buckets twice, on any machine
@given(splits(), splits())
def test_only_what_a_weight_lost_moves(before: dict[str, int], after: dict[str, int]) -> None:
    first = allot(before, {})
    second = allot(after, first)
    for name, ranges in second.items():
        held = {place for start, end in first[name] for place in range(start, end)}
        holds = {place for start, end in ranges for place in range(start, end)}
        assert len(holds) == after[name]
        assert len(held - holds) == max(before[name] - after[name], 0)
    assert sum(after.values()) == BUCKETS


def test_a_key_keeps_its_bucket_on_every_start() -> None:
    program = "from mojoline.registry.experiment import bucket; print(bucket('e1', 'flight-7'))"
    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert int(elsewhere.stdout) == bucket("e1", "flight-7")


def test_falling_back_gives_all_to_the_first_and_moves_nobody_else() -> None:
    split = experiment(a=5000, b=3000, c=2000)
    back = split.without("b")
    for key in KEYS[:3000]:
        was = split.choose(key).name
        assert back.choose(key).name == ("a" if was == "b" else was)
    with pytest.raises(ValueError, match="fall back to"):
        back.without("a")


def test_a_shadow_sees_its_sample_and_answers_nobody() -> None:
    shadow = Variant(name="s", model="challenger", mode="shadow", sample=0.1)
    split = Experiment(id="e1", variants=(Variant(name="a", model="champion", weight=BUCKETS), shadow))
    split = split.allotted(None)
    assert {split.choose(key).name for key in KEYS[:500]} == {"a"}
    seen = sum(bool(split.shadows_of(key)) for key in KEYS) / len(KEYS)
    assert abs(seen - 0.1) < 0.011


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([{"name": "a", "model": "champion", "weight": 9000}], "sum to 9000, not to 10000"),
        ([{"name": "a", "model": "champion", "weight": 5000}] * 2, "each must be unique"),
        (
            [
                {"name": "a", "model": "champion", "weight": 10_000},
                {"name": "s", "model": "challenger", "mode": "shadow", "weight": 1},
            ],
            "a shadow variant has no weight",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(variants: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Experiment.model_validate({"id": "e1", "variants": variants})
