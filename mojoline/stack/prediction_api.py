"""The prediction API as a process: REST, gRPC, metrics and control plane in one `python -m serving`."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from functools import partial

from mojoline.settings import REPOSITORY, Settings
from mojoline.stack.ports import LOOPBACK
from mojoline.stack.service import Service

NAME = "api"
PACKAGES = ("serving", "mojoline")


def api_ports(settings: Settings) -> dict[str, int]:
    """Name -> port of all that the API listens on; gRPC is among them where it is installed and not off."""
    ports = settings.ports.model_dump(include={"rest", "grpc", "metrics", "admin"})
    if not settings.serving.grpc or importlib.util.find_spec("grpc") is None:
        del ports["grpc"]
    return ports


def api_service(environment: Mapping[str, str], settings: Settings, code_version: str) -> Service:
    """The API on the ports of the settings; ready when it is live, with or without a model."""
    url = f"http://{LOOPBACK}:{settings.ports.rest}"
    given = os.environ.get("PYTHONPATH")
    path = f"{REPOSITORY}{os.pathsep}{given}" if given else str(REPOSITORY)
    own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    if "drain_delay_seconds" not in settings.serving.model_fields_set:
        own["MOJOLINE_SERVING__DRAIN_DELAY_SECONDS"] = "0.5"  # no balancer has to notice that it goes
    return Service(
        name=NAME,
        command=[sys.executable, "-m", "serving"],
        directory=REPOSITORY,
        environment={**environment, **own},
        ready=partial(is_live, url),
        address=url,
        ports={f"ports.{name}": port for name, port in api_ports(settings).items()},
        version=code_version,
        stop_seconds=20,
    )


def is_live(url: str) -> bool:
    """Whether the API at `url` says that it is live."""
    import httpx  # takes half a second: only who asks a server pays for it

    try:
        answer = httpx.get(f"{url}/v2/health/live", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK
