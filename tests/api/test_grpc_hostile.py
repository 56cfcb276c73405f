"""Whatever is sent over gRPC, the answer is a prediction or a reason."""

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc.service_pb2 import (
    InferParameter,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)

from tests.api.live_server import new_registry, publish, server_thread

CODES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"}

names = st.sampled_from(["distance", "carrier", "predict", "flight_id"]) | st.text(max_size=4)
datatypes = st.sampled_from(["BYTES", "FP64", "FP16", "BOOL", "INT32"]) | st.text(max_size=4)
longs = st.integers(-(2**63), 2**63 - 1)
parameters = st.dictionaries(
    names | st.just("binary_data_size"),
    st.builds(InferParameter, bool_param=st.booleans())
    | st.builds(InferParameter, int64_param=longs)
    | st.builds(InferParameter, double_param=st.floats())
    | st.builds(InferParameter),
    max_size=2,
)
contents = st.builds(
    InferTensorContents,
    bool_contents=st.lists(st.booleans(), max_size=2),
    int_contents=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=2),
    fp64_contents=st.lists(st.floats(), max_size=2),
    bytes_contents=st.lists(st.binary(max_size=4), max_size=2),
)
tensors = st.builds(
    ModelInferRequest.InferInputTensor,
    name=names,
    datatype=datatypes,
    shape=st.lists(longs | st.integers(0, 2), max_size=3),
    parameters=parameters,
    contents=contents,
)
outputs = st.builds(ModelInferRequest.InferRequestedOutputTensor, name=names | st.just("p1"))
requests = st.builds(
    ModelInferRequest,
    model_name=st.just("tiny"),
    model_version=st.just("") | names,
    id=names,
    parameters=parameters,
    inputs=st.lists(tensors, max_size=3),
    outputs=st.lists(outputs, max_size=2),
    raw_input_contents=st.just([]) | st.lists(st.binary(max_size=17), max_size=3),
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Sends bytes to ModelInfer; the code, the details and the answer."""
    registry = new_registry(tmp_path_factory.mktemp("hostile"))
    publish(registry, "first")
    with server_thread(registry, serving={"grpc": True}) as server:
        server.wait_ready()
        with grpc.insecure_channel(f"127.0.0.1:{server.ports[2]}") as channel:
            grpc.channel_ready_future(channel).result(60)
            call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")

            def send(content: bytes):
                future = call.future(content)
                code = future.code()
                return code.name, future.details(), future.result() if code is grpc.StatusCode.OK else b""

            yield send


@settings(max_examples=200, deadline=None)
@given(requests.map(ModelInferRequest.SerializeToString) | st.binary(max_size=40))
def test_whatever_is_sent_the_answer_is_a_prediction_or_a_reason(ask, content):
    code, details, answer = ask(content)
    assert code in CODES, details
    if code == "OK":
        assert ModelInferResponse.FromString(answer).model_name == "tiny"
    else:
        assert details


def test_a_good_request_among_them(ask):
    tensor = ModelInferRequest.InferInputTensor(name="distance", datatype="FP64", shape=[1])
    tensor.contents.fp64_contents.append(500.0)
    code, details, answer = ask(ModelInferRequest(model_name="tiny", inputs=[tensor]).SerializeToString())
    assert (code, ModelInferResponse.FromString(answer).outputs[0].name) == ("OK", "predict"), details
