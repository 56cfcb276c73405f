"""gRPC: the same numbers, refusals and limits as REST, asked with a client that nobody here wrote."""

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
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from serving.grpc_messages import load_proto
from tests.api.live_server import ServerProcess, golden, new_registry, publish, server_process, server_thread

TEXT = ("carrier", "origin")
KEY = "a-key-of-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    registry = new_registry(tmp_path_factory.mktemp("grpc"))
    publish(registry, "first")
    publish(registry, "regression", "delay")
    with server_thread(registry, serving={"grpc": True, "max_rows": 400, "max_body_bytes": 200_000}) as live:
        live.wait_ready()
        with grpc.insecure_channel(address(live)) as channel:
            grpc.channel_ready_future(channel).result(30)
        yield live


def address(server):
    return f"127.0.0.1:{server.ports[2]}"


@pytest.fixture(scope="module")
def client(server):
    with triton.InferenceServerClient(address(server)) as client:
        yield client


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(address(server)) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


@pytest.fixture(scope="module")
def expected(server):
    predictions = server.predict(golden("first").rows).json()["predictions"]
    return [p["label"] for p in predictions], [list(p["probabilities"].values()) for p in predictions]


def triton_inputs(rows, columns=None):
    inputs = []
    for name in columns or golden("first").columns:
        values = [row.get(name) for row in rows]
        data = np.array([v or "" for v in values], object) if name in TEXT else np.array(values, np.float64)
        one = triton.InferInput(name, [len(rows)], "BYTES" if name in TEXT else "FP64")
        one.set_data_from_numpy(data)
        inputs.append(one)
    return inputs


def typed_request(rows, **more):
    request = service_pb2.ModelInferRequest(model_name="tiny", **more)
    for name in golden("first").columns:
        tensor = request.inputs.add(name=name, shape=[len(rows)], datatype="FP64")
        values = [row.get(name) for row in rows]
        if name in TEXT:
            tensor.datatype = "BYTES"
            tensor.contents.bytes_contents.extend([(value or "").encode() for value in values])
        else:
            tensor.contents.fp64_contents.extend([np.nan if v is None else v for v in values])
    return request


def refused(call, code):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is code, caught.value.details()
    return caught.value.details()


def test_the_protocol_is_that_of_the_client():
    """Names, numbers and types of every field; the client's files know more than is served here."""

    def fields(message):
        kinds = {field.name: (field.number, field.type, field.is_repeated) for field in message.fields}
        nested = {inner.name: fields(inner) for inner in message.nested_types}
        choices = {one.name: [field.name for field in one.fields] for one in message.oneofs}
        return kinds, nested, choices

    for ours, theirs in (
        (load_proto("inference"), service_pb2.DESCRIPTOR),
        (load_proto("health"), health_pb2.DESCRIPTOR),
    ):
        for name, message in ours.message_types_by_name.items():
            kinds, nested, choices = fields(message)
            known, known_nested, known_choices = fields(theirs.message_types_by_name[name])
            assert kinds.items() <= known.items(), name
            assert nested.items() <= known_nested.items(), name
            assert choices == known_choices, name
        for name, service in ours.services_by_name.items():
            for method in service.methods:
                known = theirs.services_by_name[name].methods_by_name[method.name]
                assert method.input_type.full_name == known.input_type.full_name
                assert method.output_type.full_name == known.output_type.full_name
                assert method.server_streaming == known.server_streaming


def test_raw_tensors_give_the_numbers_of_rest(client, server, expected):
    answer = client.infer("tiny", triton_inputs(golden("first").rows), request_id="mine")
    assert answer.as_numpy("p1").tolist() == [p[1] for p in expected[1]]
    assert [label.decode() for label in answer.as_numpy("predict")] == expected[0]
    response = answer.get_response()
    assert len(response.raw_output_contents) == 3
    assert (response.id, response.model_name) == ("mine", "tiny")
    assert response.model_version == server.registry.aliases("tiny").champion.version
    said = {name: value.string_param for name, value in response.parameters.items()}
    assert said["variant"] == "champion"
    assert said["cache"] == "bypass"
    assert said["request_id"]


def test_typed_tensors_give_the_numbers_of_rest(stub, expected):
    response, call = stub.ModelInfer.with_call(
        typed_request(golden("first").rows), metadata=[("x-request-id", "typed-1")]
    )
    assert not response.raw_output_contents
    outputs = {tensor.name: tensor for tensor in response.outputs}
    assert list(outputs["p0"].contents.fp64_contents) == [p[0] for p in expected[1]]
    assert [text.decode() for text in outputs["predict"].contents.bytes_contents] == expected[0]
    assert (outputs["p0"].datatype, list(outputs["p0"].shape)) == ("FP64", [320])
    trailing = {key: value for key, value in call.trailing_metadata()}  # noqa: C416 - pairs of its own kind
    assert trailing["x-request-id"] == "typed-1"
    assert trailing["x-model-version"] == response.model_version
    assert [part.split(";")[0] for part in trailing["server-timing"].split(", ")] == ["parse", "score", "ser"]


def test_other_datatypes_versions_and_single_outputs(client, server):
    version = server.registry.aliases("tiny").champion.version
    distance = triton.InferInput("distance", [2, 1], "INT32")
    distance.set_data_from_numpy(np.array([[500], [700]], np.int32))
    wind = triton.InferInput("wind", [2], "FP16")
    wind.set_data_from_numpy(np.array([1.5, np.nan], np.float16))
    answer = client.infer("tiny", [distance, wind], version, outputs=[triton.InferRequestedOutput("p1")])
    rows = [{"distance": 500, "wind": 1.5}, {"distance": 700}]
    wanted = [p["probabilities"]["yes"] for p in server.predict(rows).json()["predictions"]]
    assert answer.as_numpy("p1").tolist() == wanted
    assert answer.as_numpy("p0") is None
    assert answer.get_response().parameters["variant"].string_param == "pinned"


def test_contributions_are_the_shares_of_rest(client, server):
    rows = [row for row in golden("first").rows if all(row.get(name) for name in TEXT)][
        :3
    ]  # text is never null
    over_rest = server.api.post("/predict", json={"model": "tiny", "rows": rows, "contributions": True})
    wanted = over_rest.raise_for_status().json()["contributions"]
    answer = client.infer("tiny", triton_inputs(rows), outputs=[triton.InferRequestedOutput("contributions")])
    shares = answer.as_numpy("contributions")
    assert shares.shape == (3, len(wanted["columns"]))
    assert np.array_equal(shares, np.array(wanted["rows"], np.float32))
    assert answer.get_output("contributions").parameters["space"].string_param == wanted["space"]
    assert answer.get_output("contributions").parameters["columns"].string_param.endswith("BiasTerm")


def test_the_server_and_its_models_describe_themselves(client, server):
    version = server.registry.aliases("tiny").champion.version
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("tiny", version)
    rest = server.api.get("/v2").json()
    metadata = client.get_server_metadata(as_json=True)
    assert (metadata["name"], metadata["extensions"]) == (rest["name"], rest["extensions"])
    described = client.get_model_metadata("tiny", as_json=True)
    described["inputs"] = [
        {**tensor, "shape": [int(size) for size in tensor["shape"]]} for tensor in described["inputs"]
    ]
    over_rest = server.api.get("/v2/models/tiny").json()
    assert (described["platform"], described["versions"]) == ("h2o_mojo", [version])
    assert described["inputs"] == over_rest["inputs"]
    assert [tensor["name"] for tensor in described["outputs"]] == ["predict", "p0", "p1"]
    index = client.get_model_repository_index(as_json=True)["models"]
    assert [(one["name"], one["state"]) for one in index] == [("delay", "READY"), ("tiny", "READY")]


def test_statistics_count_both_protocols(client, server):
    def counted():
        (stats,) = client.get_inference_statistics("tiny").model_stats
        return stats

    before = counted()
    client.infer("tiny", triton_inputs(golden("first").rows[:7]))
    server.predict(golden("first").rows[:2])
    after = counted()
    assert after.inference_count - before.inference_count == 9
    assert after.inference_stats.success.count - before.inference_stats.success.count == 2
    assert after.inference_stats.compute_infer.ns > before.inference_stats.compute_infer.ns
    page = server.api.get("/metrics").text
    assert 'grpc_server_handled_total{grpc_code="OK",grpc_method="ModelInfer"}' in page


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"model_name": "nobody"}, "NOT_FOUND", "nobody"),
        ({"model_version": "20990101T000000Z-0123456789ab"}, "NOT_FOUND", "is not loaded"),
        ({"inputs": []}, "INVALID_ARGUMENT", "one per column"),
        ({"outputs": [{"name": "p9"}]}, "INVALID_ARGUMENT", "p9"),
        ({"raw_input_contents": [b"1234"]}, "INVALID_ARGUMENT", "1 raw_input_contents and 5 inputs"),
    ],
)
def test_refused_requests_are_explained(stub, change, code, words):
    content = {field.name: value for field, value in typed_request([{}]).ListFields()}
    request = service_pb2.ModelInferRequest(**{**content, **change})
    assert words in refused(lambda: stub.ModelInfer(request), getattr(grpc.StatusCode, code))


@pytest.mark.parametrize(
    ("tensor", "raw", "words"),
    [
        ({"datatype": "FP64", "shape": [2], "contents": {"fp64_contents": [1.0]}}, None, "1 values"),
        ({"datatype": "FP64", "shape": [1], "contents": {"fp32_contents": [1.0]}}, None, "0 values"),
        ({"datatype": "FP128", "shape": [1]}, None, "FP128"),
        ({"datatype": "FP16", "shape": [1]}, None, "always raw"),
        ({"datatype": "FP128", "shape": [1]}, b"1" * 16, "FP128"),
        ({"datatype": "FP64", "shape": [1]}, b"1234567", "8 for each value"),
        ({"datatype": "FP64", "shape": [1], "contents": {"fp64_contents": [1.0]}}, b"1" * 8, "send one"),
        ({"datatype": "FP64", "shape": [1], "contents": {"fp64_contents": [np.inf]}}, None, "beyond the"),
        ({"datatype": "INT8", "shape": [1], "contents": {"int_contents": [200]}}, None, "200"),
        ({"datatype": "FP64", "shape": [-1]}, None, "[-1]"),
        ({"name": "carrier", "datatype": "BYTES", "shape": [1]}, b"\x09\x00\x00\x00a", "9 bytes"),
        (
            {"name": "carrier", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"\xff"]}},
            None,
            "no UTF-8",
        ),
    ],
)
def test_refused_tensors_are_explained(stub, tensor, raw, words):
    request = service_pb2.ModelInferRequest(model_name="tiny", inputs=[{"name": "distance", **tensor}])
    if raw is not None:
        request.raw_input_contents.append(raw)
    details = refused(lambda: stub.ModelInfer(request), grpc.StatusCode.INVALID_ARGUMENT)
    assert words in details
    assert tensor.get("name", "distance") in details


def test_what_is_no_message_is_refused(server):
    with grpc.insecure_channel(address(server)) as channel:
        for path, code in (
            ("/inference.GRPCInferenceService/ModelInfer", grpc.StatusCode.INVALID_ARGUMENT),
            ("/inference.GRPCInferenceService/ModelMetadata", grpc.StatusCode.INVALID_ARGUMENT),
            ("/grpc.health.v1.Health/Check", grpc.StatusCode.INVALID_ARGUMENT),
            ("/inference.GRPCInferenceService/RepositoryModelLoad", grpc.StatusCode.UNIMPLEMENTED),
        ):
            ask = channel.unary_unary(path)
            refused(lambda ask=ask: ask(b"\xff\xff\xff"), code)


def test_limits_are_those_of_rest(stub):
    too_many = typed_request([{}] * 401)
    assert "401 rows" in refused(lambda: stub.ModelInfer(too_many), grpc.StatusCode.RESOURCE_EXHAUSTED)
    long = typed_request([{}], id="x" * 200_001)
    refused(lambda: stub.ModelInfer(long), grpc.StatusCode.RESOURCE_EXHAUSTED)
    request = typed_request([{}])
    wrong = [("x-timeout-ms", "soon")]
    assert "soon" in refused(
        lambda: stub.ModelInfer(request, metadata=wrong), grpc.StatusCode.INVALID_ARGUMENT
    )
    refused(lambda: stub.ModelInfer(request, timeout=0.00001), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert stub.ModelInfer(request, timeout=30).model_name == "tiny"


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
            with pytest.raises(InferenceServerException, match="too often") as caught:
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
