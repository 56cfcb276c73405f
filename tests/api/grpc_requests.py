"""Requests over gRPC as tests make them: of a client that nobody here wrote, and typed ones."""

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2

from tests.api.live_server import golden

TEXT = ("carrier", "origin")


def address(server):
    return f"127.0.0.1:{server.ports[2]}"


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
