"""gRPC in the server as a whole: shared limits, keys and variants, health, workers, its port."""

import json
import socket
import threading
import time

import grpc
import httpx
import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2_grpc
from tritonclient.utils import InferenceServerException

from tests.api.grpc_requests import address, refused, triton_inputs, typed_request
from tests.api.live_server import ServerProcess, golden, new_registry, publish, server_process, server_thread

KEY = "a-key-of-the-tests"


def test_requests_in_flight_are_counted_together(tmp_path):
    """One place in flight: while REST has it, gRPC is turned away."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    outcomes, stopping = [], threading.Event()
    with server_thread(registry, serving={"grpc": True, "max_inflight": 1, "offload": "always"}) as server:
        server.wait_ready()
        rows = golden("first").rows * 3

        def press():
            with httpx.Client(base_url=server.url, trust_env=False) as own:
                while not stopping.is_set():
                    own.post("/predict", json={"rows": rows})

        pressing = threading.Thread(target=press)
        pressing.start()
        try:
            with grpc.insecure_channel(address(server)) as channel:
                grpc.channel_ready_future(channel).result(30)
                stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                deadline = time.monotonic() + 60
                while len({code for code, _ in outcomes}) < 2 and time.monotonic() < deadline:
                    try:
                        stub.ModelInfer(typed_request(rows))
                        outcomes.append((grpc.StatusCode.OK, ""))
                    except grpc.RpcError as error:
                        outcomes.append((error.code(), dict(error.trailing_metadata()).get("retry-after")))
        finally:
            stopping.set()
            pressing.join()
    assert (grpc.StatusCode.UNAVAILABLE, "1") in outcomes
    assert {code for code, _ in outcomes} <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


def test_api_keys_are_those_of_rest(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    with server_thread(
        registry, serving={"grpc": True, "rate_per_key": 1}, api_keys=f"somebody:{KEY}"
    ) as server:
        server.wait(lambda: server.api.get("/readyz").status_code == 200)
        with triton.InferenceServerClient(address(server)) as client:
            server.wait(lambda: is_live(client))
            inputs = triton_inputs(golden("first").rows[:1])
            with pytest.raises(InferenceServerException, match="a valid API key is needed") as caught:
                client.infer("tiny", inputs)
            assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
            client.infer("tiny", inputs, headers={"authorization": f"Bearer {KEY}"})
            # one bucket for both protocols: it is empty now
            again = server.api.post("/predict", json={"rows": [{}]}, headers={"X-Api-Key": KEY})
            assert again.status_code == 429
            with pytest.raises(InferenceServerException, match="more than 1 times a second") as caught:
                client.infer("tiny", inputs, headers={"x-api-key": KEY})
            assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"


def is_live(client):
    try:
        return client.is_server_live()
    except InferenceServerException:
        return False


def test_variants_stick_to_the_key_over_both_protocols(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    other = publish(registry, "second", promote=False)
    publish(registry, "regression", "delay")
    with server_thread(registry, serving={"grpc": True}) as server:
        server.wait_ready()
        variants = [
            {"name": "a", "model": "champion", "weight": 5000},
            {"name": "b", "model": other.version, "weight": 5000},
        ]
        body = {"experiment": {"id": "split", "variants": variants}}
        server.admin.put("/admin/models/tiny/experiment", json=body).raise_for_status()
        server.wait(lambda: server.predict([{}]).headers.get("X-Experiment") == "split")
        seen = set()
        with triton.InferenceServerClient(address(server)) as client:
            for number in range(20):
                over_rest = server.predict([{"flight_id": f"flight-{number}"}])
                key = triton.InferInput("flight_id", [1], "BYTES")
                key.set_data_from_numpy(np.array([f"flight-{number}"], object))
                distance = triton.InferInput("distance", [1], "FP64")
                distance.set_data_from_numpy(np.array([np.nan]))
                response = client.infer("tiny", [distance, key]).get_response()
                variant = response.parameters["variant"].string_param
                assert variant == over_rest.headers["X-Variant"] == over_rest.json()["variant"]
                assert response.model_version == over_rest.json()["model_version"]
                assert response.parameters["experiment"].string_param == "split"
                seen.add(variant)
        assert seen == {"a", "b"}
        unsplit = server.predict([{"flight_id": "flight-1"}], "delay")  # the split is that of one model
        assert unsplit.headers["X-Variant"] == "champion"
        assert "X-Experiment" not in unsplit.headers


def test_health_says_what_readiness_says(tmp_path):
    registry = new_registry(tmp_path)
    settings = {"grpc": True, "drain_delay_seconds": 1.0}
    with (
        server_thread(registry, serving=settings) as server,
        grpc.insecure_channel(address(server)) as channel,
    ):
        grpc.channel_ready_future(channel).result(30)
        health = health_pb2_grpc.HealthStub(channel)
        service = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
        assert health.Check(service).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched = iter(health.Watch(health_pb2.HealthCheckRequest()))
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        publish(registry, "first")
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        assert health.Check(service).status == health_pb2.HealthCheckResponse.SERVING
        unknown = health_pb2.HealthCheckRequest(service="nobody")
        refused(lambda: health.Check(unknown), grpc.StatusCode.NOT_FOUND)
        server.stop_soon()
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert list(watched) == []  # the server ended it, and was not held up by it


def test_workers_share_the_port_and_sigterm_drops_nothing(tmp_path):
    registry = new_registry(tmp_path)
    publish(registry, "first")
    env = {"MOJOLINE_SERVING__GRPC": "true", "MOJOLINE_SERVING__WORKERS": "2"}
    with server_process(registry, **env) as server:
        server.wait_ready()
        server.wait(lambda: len(listening_workers(server)) == 2)
        answered, ends = [], []

        def ask_until_nobody_is_there():
            options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
            with grpc.insecure_channel(address(server), options) as channel:
                stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                while True:
                    try:
                        answered.append(stub.ModelInfer(typed_request([{}]), timeout=20).model_name)
                    except grpc.RpcError as error:
                        ends.append(error.details())
                        return

        asking = [threading.Thread(target=ask_until_nobody_is_there) for _ in range(8)]
        for thread in asking:
            thread.start()
        server.wait(lambda: len(answered) > 40)
        assert server.stop() == 0
        for thread in asking:
            thread.join()
    # a call that reached a worker was answered; what fails is the next one, which finds nobody
    assert [end for end in ends if "failed to connect" not in end] == []


def listening_workers(server: ServerProcess) -> list[int]:
    """The processes with the port of gRPC open."""
    return [
        child.pid
        for child in psutil.Process(server.process.pid).children()
        if any(
            one.laddr.port == server.ports[2] and one.status == psutil.CONN_LISTEN
            for one in child.net_connections("tcp")
        )
    ]


def test_it_is_an_extra(tmp_path):
    """Without grpcio predictions go on over REST; the log says why."""
    registry = new_registry(tmp_path)
    publish(registry, "first")
    missing = tmp_path / "without"
    missing.mkdir()
    (missing / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'grpc' else find(name, package)\n"
    )
    with server_process(
        registry, MOJOLINE_SERVING__GRPC="true", PYTHONPATH=f"{missing}", MOJOLINE_SERVING__LOG="json"
    ) as server:
        server.wait_ready()
        assert server.predict([{}]).status_code == 200
        assert server.stop() == 0
        lines = [json.loads(line)["msg"] for line in server.said().splitlines()]
    assert any("mojoline[grpc]" in line for line in lines)


def test_a_taken_port_that_was_asked_for_is_named(tmp_path):
    registry = new_registry(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for workers in ("1", "2"):
            env = {"MOJOLINE_SERVING__GRPC": "true", "MOJOLINE_SERVING__WORKERS": workers}
            with server_process(registry, MOJOLINE_PORTS__GRPC=port, **env) as server:
                assert server.process.wait(60) == 69
                said = server.said()
            assert f"port {port}" in said
            assert "MOJOLINE_PORTS__GRPC" in said
