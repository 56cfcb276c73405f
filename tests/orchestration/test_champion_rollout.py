"""The rollout sensor with a real registry and a real server that does not look at the aliases by itself."""

import dagster as dg
import pytest

from mojoline.model_spec import ModelSpec
from mojoline.stack.ports import find_free_ports
from sensors.champion_rollout import champion_rollout_sensor
from tests.api.live_server import TOKEN, new_registry, promote_version, publish, server_thread

SPEC = ModelSpec.model_validate(
    {
        "name": "tiny",
        "source": {"table": "tiny", "entity_key": "id", "event_time": "at", "available_at": "at"},
        "target": {"column": "late", "task": "binary", "positive": "yes"},
        "features": {"hot": ["distance"]},
    }
)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MOJOLINE_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("MOJOLINE_PORTS__ADMIN", str(find_free_ports(1)[0]))
    registry = new_registry(tmp_path)
    monkeypatch.setenv("MOJOLINE_REGISTRY_URL", f"file://{registry.root}")
    return registry


@pytest.fixture
def server(registry, monkeypatch):
    with server_thread(registry, serving={"poll_seconds": 3600}) as server:
        server.wait(lambda: server.admin.get("/admin/status").status_code == 200)
        monkeypatch.setenv("MOJOLINE_PORTS__ADMIN", str(server.admin.base_url.port))
        yield server


def tick(cursor=None):
    with dg.build_sensor_context(cursor=cursor) as context:
        data = champion_rollout_sensor(SPEC).evaluate_tick(context)
    return data.skip_message, data.cursor, data.asset_events


def test_new_champion_reaches_the_server_and_the_swap_is_recorded(registry, server):
    manifest = publish(registry, "first")
    message, cursor, events = tick()
    assert server.status()["version"] == manifest.version
    assert manifest.version in message
    [event] = events
    assert event.asset_key == dg.AssetKey(["tiny", "champion"])
    assert event.metadata["version"].value == manifest.version
    assert event.metadata["swap_seconds"].value > 0

    message, _, events = tick(cursor)
    assert "the server serves" in message
    assert events == []


def test_rollback_is_carried_to_the_server_too(registry, server):
    first = publish(registry, "first")
    publish(registry, "second")
    _, cursor, _ = tick()
    registry.rollback("tiny", by="test", reason="a test")
    tick(cursor)
    assert server.status()["version"] == first.version


def test_damaged_version_is_reported_with_the_servers_reason(registry, server):
    """The old version stays; the tick list says why instead of only that nothing moved."""
    first = publish(registry, "first")
    _, cursor, _ = tick()
    second = publish(registry, "second", promote=False)
    promote_version(registry, second)
    mojo = registry.directory("tiny", second.version) / "mojo.zip"
    content = bytearray(mojo.read_bytes())
    content[len(content) // 2] ^= 1
    mojo.write_bytes(content)
    message, cursor, events = tick(cursor)
    assert server.status()["version"] == first.version
    assert "mojo.zip" in message
    assert events == []
    assert "mojo.zip" in tick(cursor)[0]


def test_server_that_is_away_is_no_empty_server(registry):
    """An answer nobody gave must not look like a server without models."""
    publish(registry, "first")
    message, _, _ = tick()
    assert message.startswith("could not read the server")


def test_wrong_token_is_not_read_as_empty(registry, server, monkeypatch):
    publish(registry, "first")
    monkeypatch.setenv("MOJOLINE_ADMIN_TOKEN", "guess")
    message, _, _ = tick()
    assert message.startswith("could not read the server")
    assert "401" in message


def test_registry_that_cannot_be_read_is_not_empty(registry):
    publish(registry, "first")
    (registry.root / "models" / "tiny" / "aliases.json").write_text("{")
    message, _, _ = tick()
    assert message.startswith("could not read the registry")


def test_nothing_promoted_yet(registry):
    publish(registry, "first", promote=False)
    assert tick()[0] == "no champion in the registry yet"
