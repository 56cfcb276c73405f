"""Inference over gRPC: its messages to the form that they have in JSON, and answers to messages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from serving.binary_tensors import decode_tensor, encode_tensor, missing_as_none
from serving.errors import bad_request
from serving.grpc_messages import message_class
from serving.infer_dialect import describe_answer, question_of
from serving.inference import Body, Question, Scores
from serving.json_reading import show
from serving.routing import Serving
from serving.tensors import DATATYPES, FLOATS, InferenceRequest, output_tensors

_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    **{name: f"{name.lower()}_contents" for name in ("INT64", "UINT64", "FP32", "FP64", "BYTES")},
}


def parse_message(name: str, content: bytes, proto: str = "inference") -> Any:  # noqa: ANN401 - it has no types
    """The message of `<proto>.proto` in some bytes; ApiError 400 if there is none."""
    try:
        return message_class(proto, name).FromString(content)
    except DecodeError as error:
        raise bad_request(f"the message is no {name}: {error}") from error


def read_grpc_infer(
    pick: Callable[[str, str | None], Serving], content: bytes, max_rows: int, request_id: str
) -> Question:
    """The question in a `ModelInferRequest`, whose answer is a `ModelInferResponse`.

    Args:
        pick: gives what serves a model by name, or one of its versions.
        content: the bytes of the message.
        max_rows: most rows in one request.
        request_id: the id the answer carries.

    Raises:
        ApiError: the request is malformed or too large, or there is no such model.
    """
    request = parse_message("ModelInferRequest", content)
    serving = pick(request.model_name, request.model_version or None)
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise bad_request(
            f"there are {len(raw)} raw_input_contents and {len(request.inputs)} inputs: send one for each"
        )
    write = partial(_write, raw=bool(raw))
    return question_of(serving, _as_json(request), max_rows, request_id, write)


def _as_json(request: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf has no types
    raw = request.raw_input_contents or [None] * len(request.inputs)
    return {
        "id": request.id or None,
        "parameters": _read_parameters(request.parameters),
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
                "parameters": _read_parameters(tensor.parameters),
                "data": _read_values(tensor, content),
            }
            for tensor, content in zip(request.inputs, raw, strict=True)
        ],
        "outputs": [
            {"name": wanted.name, "parameters": _read_parameters(wanted.parameters)}
            for wanted in request.outputs
        ],
    }


def _read_values(tensor: Any, raw: bytes | None) -> list[Any]:  # noqa: ANN401 - protobuf has no types
    """The values of an input; NaN is None, as a missing value is in JSON."""
    name, datatype = tensor.name, tensor.datatype
    if raw is not None:
        if tensor.contents.ByteSize():  # empty ones are sent by some
            raise bad_request(f"input {name} has contents and raw_input_contents: send one of them")
        return decode_tensor(name, datatype, raw)
    field = _CONTENTS.get(datatype)
    if field is None:
        known = ", ".join(DATATYPES)
        raise bad_request(
            f"input {name} has the datatype {show(datatype)}; known are {known}, and FP16 is always raw"
        )
    values = getattr(tensor.contents, field)
    if datatype == "BYTES":
        return [_decode(name, index, text) for index, text in enumerate(values)]
    return missing_as_none(values) if datatype in FLOATS else list(values)


def _decode(name: str, index: int, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise bad_request(f"input {name}[{index}] is no UTF-8: {error.reason}") from error


def _read_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {key: value.WhichOneof("parameter_choice") for key, value in parameters.items()}
    return {key: getattr(parameters[key], choice) for key, choice in chosen.items() if choice}


def _write(question: Question, result: Scores, request: InferenceRequest, *, raw: bool) -> Body:
    head = describe_answer(question, request)
    parameters = head.pop("parameters")
    response = message_class("inference", "ModelInferResponse")(**head)
    _write_parameters(response.parameters, parameters)
    for tensor in output_tensors(question.route.served, result, request):
        name, datatype, values = tensor["name"], tensor["datatype"], tensor["data"]
        output = response.outputs.add(name=name, datatype=datatype, shape=tensor["shape"])
        _write_parameters(output.parameters, tensor.get("parameters", {}))
        if raw:
            response.raw_output_contents.append(encode_tensor(datatype, values))
        else:
            texts = datatype == "BYTES"
            getattr(output.contents, _CONTENTS[datatype]).extend(
                [text.encode() for text in values] if texts else values
            )
    return Body(response.SerializeToString())


def _write_parameters(target: Any, parameters: Mapping[str, Any]) -> None:  # noqa: ANN401 - protobuf has no types
    for key, value in parameters.items():
        if isinstance(value, bool):
            target[key].bool_param = value
        elif isinstance(value, str):
            target[key].string_param = value
        else:
            target[key].double_param = float(value)
