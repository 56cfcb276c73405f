"""MLServer's own codecs and gRPC stubs as clients, in an environment of their own.

MLServer 1.7.1 pins FastAPI and others below what is served here, and its pandas codec knows no pandas 3.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.live_server import golden, new_registry, publish, server_thread

pytestmark = pytest.mark.system

PACKAGES = ("mlserver==1.7.1", "pandas<3")
TEXT = ("carrier", "origin")

CLIENT = """
import json, sys, urllib.request
import grpc, pandas
from mlserver.codecs import PandasCodec
from mlserver.grpc import dataplane_pb2_grpc
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.types import InferenceResponse

asked = json.load(sys.stdin)
frame = pandas.DataFrame(asked["rows"])
request = PandasCodec.encode_request(frame, use_bytes=False)
body = request.model_dump_json(exclude_none=True).encode()
post = urllib.request.Request(asked["url"], body, {"Content-Type": "application/json"})
with urllib.request.urlopen(post) as answer:
    over_rest = PandasCodec.decode_response(InferenceResponse.model_validate_json(answer.read()))

with grpc.insecure_channel(asked["grpc"]) as channel:
    stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
    for raw in (False, True):
        request = PandasCodec.encode_request(frame)
        message = ModelInferRequestConverter.from_types(request, model_name="tiny", use_raw=raw)
        answer = stub.ModelInfer(message, wait_for_ready=True, timeout=60)
        decoded = PandasCodec.decode_response(ModelInferResponseConverter.to_types(answer))
        labels = [text.decode() if isinstance(text, bytes) else text for text in decoded["predict"]]
        assert labels == list(over_rest["predict"])
        assert list(decoded["p1"]) == list(over_rest["p1"])
print(json.dumps({name: list(over_rest[name]) for name in over_rest}))
"""


@pytest.fixture(scope="module")
def mlserver_python(tmp_path_factory):
    place = tmp_path_factory.mktemp("mlserver") / "venv"
    uv = Path(sys.executable).with_name("uv")
    python = place / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    return python


def test_a_frame_goes_through_mlservers_codecs(mlserver_python, tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    rows = [row for row in golden("first").rows if len(row) == len(golden("first").columns)]
    with server_thread(registry, serving={"grpc": True}) as server:
        server.wait_ready()
        asked = {
            "rows": rows,
            "url": f"{server.url}/v2/models/tiny/infer",
            "grpc": f"127.0.0.1:{server.ports[2]}",
        }
        said = subprocess.run(
            [mlserver_python, "-c", CLIENT],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert said.returncode == 0, said.stderr
        decoded = json.loads(said.stdout.splitlines()[-1])
        expected = server.predict(rows).json()["predictions"]
    assert decoded["predict"] == [prediction["label"] for prediction in expected]
    assert decoded["p1"] == [prediction["probabilities"]["yes"] for prediction in expected]
