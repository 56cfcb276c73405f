from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from mojoline.model_spec import SpecError, load_spec, load_specs

FLIGHTS = Path(__file__).parents[2] / "models" / "flights.yaml"


def write(path: Path, **changes) -> Path:
    document = {
        "name": "readings",
        "source": {"table": "readings", "entity_key": "id", "event_time": "at", "available_at": "known"},
        "target": {"column": "broke", "task": "binary", "positive": "yes"},
        "features": {"hot": ["heat"], "cold": {"column": "more", "keys": ["sensor.age"]}},
    }
    document.update(changes)
    path.write_text(yaml.safe_dump(document))
    return path


def fault(tmp_path: Path, **changes) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(write(tmp_path / "readings.yaml", **changes))
    return str(caught.value)


def test_every_shipped_spec_is_read_with_its_units():
    specs = load_specs(FLIGHTS.parent)
    flights = next(spec for spec in specs if spec.name == "flights")
    assert flights.features.max_age == timedelta(hours=6)
    assert flights.budget.bytes == 500_000_000
    assert flights.promotion.not_worse == pytest.approx(-0.01)
    assert flights.drift.retrain.cooldown == timedelta(days=1)
    assert flights.features.names[0] == "carrier"
    assert flights.features.names[-1] == "plane.engine"


def test_no_shipped_feature_is_an_outcome_of_its_own_flight():
    outcomes = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late"}
    names = load_spec(FLIGHTS).features.names
    assert not outcomes & {part for name in names for part in name.split(".")}


def test_the_digest_follows_the_content_and_not_the_layout(tmp_path):
    first = load_spec(write(tmp_path / "a.yaml"))
    reordered = yaml.safe_load((tmp_path / "a.yaml").read_text())
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(dict(reversed(reordered.items())), sort_keys=False))
    assert load_spec(tmp_path / "b.yaml").digest == first.digest
    assert load_spec(write(tmp_path / "c.yaml", automl={"seed": 2})).digest != first.digest


def test_an_unknown_key_is_named_with_the_known_ones(tmp_path):
    message = fault(tmp_path, reduction={"varianze": 0.9})
    assert (
        "reduction.varianze: unknown key; did you mean variance? known keys: kind, variance, target_ratio"
        in message
    )


def test_an_unknown_key_below_an_optional_part_is_named_too(tmp_path):
    message = fault(tmp_path, features={"hot": ["heat"], "cold": {"column": "more", "keyz": []}})
    assert "features.cold.keyz: unknown key; did you mean keys?" in message
    assert "features.cold.keys: missing" in message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": {"hot": ["heat", "broke"]}}, "feature 'broke' is the target"),
        ({"features": {"hot": ["at"]}}, "feature 'at' is the event time"),
        ({"features": {"hot": ["heat", "heat"]}}, "named more than once: heat"),
        ({"features": {"hot": ["heat"], "max_age": "6 hours"}}, "30s, 15m, 6h or 7d (is '6 hours')"),
        ({"budget": {"bytes": "500"}}, "800KB, 500MB or 2GB (is '500')"),
        ({"promotion": {"not_worse": "a bit"}}, "a share is a number (0.5) or a percentage (50%)"),
        ({"reduction": {"kind": "glrm"}}, "glrm is not supported yet; use auto, pca or none"),
        ({"automl": {"families": ["DRF"]}}, "'GBM', 'GLM' or 'XGBoost' (is 'DRF')"),
        ({"automl": {"max_depth": 11}}, "less than or equal to 10 (is 11)"),
        ({"target": {"column": "broke", "task": "regression", "positive": "yes"}}, "exactly for task binary"),
        (
            {"drift": {"exclude": ["cold"]}},
            "drift names what is no feature: cold; features are heat, sensor.age",
        ),
        ({"drift": {"warn": 0.3}}, "warn (0.3) must not exceed alert (0.25)"),
        (
            {"source": {"table": "x; drop", "entity_key": "id", "event_time": "at", "available_at": "k"}},
            "source.table",
        ),
    ],
)
def test_a_fault_is_told_with_what_is_allowed(tmp_path, changes, told):
    assert told in fault(tmp_path, **changes)


def test_what_is_no_spec_at_all_is_told_by_path(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        load_spec(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(SpecError, match="a spec is a mapping with the keys name, source"):
        load_spec(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(SpecError, match="not YAML"):
        load_spec(tmp_path / "broken.yaml")


def test_two_specs_of_one_name_are_refused(tmp_path):
    write(tmp_path / "a.yaml")
    write(tmp_path / "b.yaml")
    with pytest.raises(SpecError, match=r"b\.yaml: the name 'readings' is taken by .*a\.yaml"):
        load_specs(tmp_path)
