"""Servers that the scripts start are as the scripts want them, not as their caller is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from benchmark_serving_peers import Launch, mojoline_settings
from own_environment import free_ports, own_environment

from mojoline.settings import Ports


def test_settings_of_the_caller_are_not_passed_on(monkeypatch):
    for name in ("MOJOLINE_PORTS__METRICS", "MOJOLINE_CACHE__MODE", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("LANG", "C")
    environment = own_environment()
    assert not [name for name in environment if name.startswith(("MOJOLINE_", "DATABASE", "REDIS"))]
    assert environment["LANG"] == "C"


def test_every_port_of_a_server_is_free_and_its_own(tmp_path):
    assert set(free_ports()) == set(Ports.model_fields)
    settings = mojoline_settings(Launch(tmp_path, 80, tmp_path, tmp_path))
    ports = {name: port for name, port in settings.items() if "PORTS" in name}
    assert ports["MOJOLINE_PORTS__REST"] == "80"
    assert len(set(ports.values())) == len(Ports.model_fields)
