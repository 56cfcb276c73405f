"""The page of metrics on a port of its own: open where the prediction API needs a key."""

import socket

import httpx
import pytest

from mojoline.stack.ports import find_free_ports
from tests.api.live_server import new_registry, publish, server_process

KEY = "a-callers-long-api-key"


@pytest.fixture
def registry(tmp_path):
    return new_registry(tmp_path)


def test_prometheus_needs_no_key_on_the_port_of_metrics(registry):
    manifest = publish(registry, "first")
    [port] = find_free_ports(1)
    env = {
        "MOJOLINE_API_KEYS": f"caller:{KEY}",
        "MOJOLINE_PORTS__METRICS": str(port),
        "MOJOLINE_SERVING__WORKERS": "2",
    }
    with server_process(registry, **env) as server:
        server.wait_ready()
        assert server.api.get("/metrics").status_code == 401
        page = f"http://127.0.0.1:{port}/metrics"
        server.wait(lambda: manifest.version in httpx.get(page, trust_env=False).text)
        for path, status in (("livez", 200), ("v2/health/ready", 200), ("v2/models", 404)):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False).status_code == status
        assert server.stop() == 0


def test_a_port_that_was_asked_for_must_be_free(registry):
    publish(registry, "first")
    [port] = find_free_ports(1)
    with (
        socket.create_server(("127.0.0.1", port)),
        server_process(registry, MOJOLINE_PORTS__METRICS=str(port)) as server,
    ):
        assert server.process.wait(60) == 69
        assert f"port {port}" in server.said()
        assert "MOJOLINE_PORTS__METRICS" in server.said()
