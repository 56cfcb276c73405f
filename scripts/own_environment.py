"""What a server started here is told: nothing of this program's settings, and free ports."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also where nothing is installed

from mojoline.settings import Ports
from mojoline.stack.ports import find_free_ports

OUTSIDE = ("MOJOLINE_", "DATABASE_URL", "REDIS_URL", "RESERVOIR_REDIS_URL")


def own_environment() -> dict[str, str]:
    """The environment of this program without its settings: they are for the server of whoever set them."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OUTSIDE)}


def free_ports() -> dict[str, int]:
    """Each of `Ports` -> another port that was free a moment ago."""
    return dict(zip(Ports.model_fields, find_free_ports(len(Ports.model_fields)), strict=True))


def port_settings(ports: dict[str, int]) -> dict[str, str]:
    """The ports as variables of an environment."""
    return {f"MOJOLINE_PORTS__{name}".upper(): str(port) for name, port in ports.items()}
