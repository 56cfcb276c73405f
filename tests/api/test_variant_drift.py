"""The drift of each variant of an experiment: of what it scored, whichever worker did, and of no other."""

import re
import time
import uuid

import pytest

from mojoline.drift.baseline import fit_baseline
from tests.api.live_server import golden, new_registry, promote_version, server_process
from tests.data.tiny_versions import CATEGORICAL, tiny_draft, tiny_facts

ROWS = golden("first").rows
COLUMNS = golden("first").columns
TAGS = {"entity_key": "flight_id"}


@pytest.fixture
def name():
    return f"drift{uuid.uuid4().hex[:6]}"  # the Redis is shared: keys of its own


def publish_with_baseline(registry, which, name):
    """A version that was trained on the golden rows of the first one."""
    columns = {column: [row.get(column) for row in ROWS] for column in COLUMNS}
    kinds = {column: "categorical" if column in CATEGORICAL else "numeric" for column in COLUMNS}
    predictions = [expected[-1] for expected in golden(which).expected]
    draft = tiny_draft(which, registry.root / f"draft-{which}")
    baseline = fit_baseline(columns, types=kinds, prediction=predictions)
    (draft / "baseline.json").write_text(baseline.model_dump_json())
    return registry.publish(name, draft, tiny_facts(which, baseline_ref="baseline.json", tags=TAGS))


def gauges(server, family):
    """(variant, version, feature) -> value."""
    page = server.api.get("/metrics").text
    found = re.findall(rf"^{family}{{(.*)}} (\S+)$", page, re.MULTILINE)
    labels = [(dict(re.findall(r'(\w+)="([^"]*)"', text)), float(value)) for text, value in found]
    return {(one["variant"], one["model_version"], one.get("feature")): value for one, value in labels}


def score(server, name, key, shift=0.0, rows=ROWS):
    """Predict rows of one entity; the variant that answered."""
    shifted = [{**row, "flight_id": key} | move(row, shift) for row in rows]
    answer = server.predict(shifted, name)
    assert answer.status_code == 200, answer.text
    return answer.json()["variant"]


def move(row, shift):
    return {"distance": row["distance"] + shift} if "distance" in row else {}


def split(server, name, registry, second):
    """Give half of the keys to the second version, in every worker; a key of each variant."""
    variants = [
        {"name": "a", "model": "champion", "weight": 5000},
        {"name": "b", "model": second.version, "weight": 5000},
    ]
    body = {"experiment": {"id": "e1", "variants": variants}}
    server.admin.put(f"/admin/models/{name}/experiment", json=body).raise_for_status()
    server.wait(lambda: server.status(name)["generation"] == registry.aliases(name).generation)
    keys = {}
    for number in range(100):
        keys[score(server, name, f"F{number}", rows=ROWS[:1])] = f"F{number}"
        if len(keys) == 2:
            return keys
    raise AssertionError(keys)


def test_a_variant_drifts_by_itself(tmp_path, redis_server_url, name):
    registry = new_registry(tmp_path)
    first = publish_with_baseline(registry, "first", name)
    second = publish_with_baseline(registry, "second", name)
    promote_version(registry, first)
    env = {
        "RESERVOIR_REDIS_URL": redis_server_url,
        "MOJOLINE_SERVING__WORKERS": "2",
        "MOJOLINE_SERVING__DRIFT_SECONDS": "0.2",
    }
    with server_process(registry, **env) as server:
        server.wait_ready()
        assert score(server, name, "somebody") == "champion"
        samples = "mojoline_psi_samples"
        server.wait(lambda: gauges(server, samples) == {("champion", first.version, None): len(ROWS)})

        keys = split(server, name, registry, second)
        assert score(server, name, keys["a"]) == "a"
        assert score(server, name, keys["b"], shift=5000.0) == "b"
        same, moved = ("a", first.version), ("b", second.version)
        server.wait(
            lambda: (
                set(found := gauges(server, samples)) == {(*same, None), (*moved, None)}
                and min(found.values()) >= len(ROWS)
            )
        )
        psi, critical = gauges(server, "mojoline_psi"), gauges(server, "mojoline_psi_critical")
        assert {feature for _, _, feature in psi} == set(COLUMNS)
        drifted = {key for key, value in psi.items() if value > critical[key]}
        assert drifted == {(*moved, "distance")}
        assert gauges(server, "mojoline_drift_alert") == {(*same, None): 0, (*moved, None): 1}
        assert set(gauges(server, "mojoline_psi_threshold").values()) == {0.25}
        prediction = gauges(server, "mojoline_prediction_psi")
        assert prediction[(*same, None)] < 0.01
        assert prediction[(*moved, None)] > gauges(server, "mojoline_prediction_psi_critical")[(*moved, None)]


def test_of_a_version_without_a_baseline_nothing_is_said(tmp_path, redis_server_url, name):
    registry = new_registry(tmp_path)
    draft, facts = tiny_draft("first", tmp_path / "draft"), tiny_facts("first", tags=TAGS)
    promote_version(registry, registry.publish(name, draft, facts))
    env = {"RESERVOIR_REDIS_URL": redis_server_url, "MOJOLINE_SERVING__DRIFT_SECONDS": "0.05"}
    with server_process(registry, **env) as server:
        server.wait_ready()
        assert score(server, name, "somebody", rows=[{"distance": 1.0}]) == "champion"
        time.sleep(0.5)
        assert gauges(server, "mojoline_psi_samples") == {}
        assert server.stop() == 0
        assert "is not measured" not in server.said()
