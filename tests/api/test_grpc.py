"""gRPC: the same numbers, refusals and limits as REST, asked with a client that nobody here wrote."""

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc

from serving.grpc_messages import load_proto
from tests.api.grpc_requests import TEXT, address, refused, triton_inputs, typed_request
from tests.api.live_server import golden, new_registry, publish, server_thread


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
    whole = [row for row in golden("first").rows if all(row.get(name) for name in TEXT)]
    rows = whole[:3]  # text is never null
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
    long_work = typed_request([{}] * 400)
    refused(lambda: stub.ModelInfer(long_work, timeout=0.00001), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert stub.ModelInfer(request, timeout=30).model_name == "tiny"
