"""Inference requests of the Open Inference Protocol (V2), with and without its binary tensor extension."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import orjson

from serving.binary_tensors import Tail, encode_tensor
from serving.inference import Body, Question, Scores, as_text, check_for
from serving.json_reading import parse_json
from serving.routing import Serving
from serving.tensors import InferenceRequest, output_tensors, parse_inference

HEADER_LENGTH = "Inference-Header-Content-Length"


def read_infer(
    serving: Serving, body: bytes, max_rows: int, request_id: str, header_length: int | None = None
) -> Question:
    """The question in a body, of which the first `header_length` bytes are JSON and the rest binary tensors.

    Raises:
        ApiError: the request is malformed or too large.
    """
    content = parse_json(body if header_length is None else body[:header_length])
    tail = Tail(b"" if header_length is None else body[header_length:])
    return question_of(serving, content, tail, max_rows, request_id)


def question_of(
    serving: Serving, content: Mapping[str, Any], tail: Tail, max_rows: int, request_id: str
) -> Question:
    """The question in a request whose JSON part was read."""
    route = serving.route(_tensor_entities(content, serving.champion.entity_key), request_id)
    served = route.served
    request = check_for(route, lambda: parse_inference(served, content, max_rows, tail))

    # the entity key alone asks for the stored features; beside columns it only names who a row is about
    lookup = None if request.columns else request.passed_over.get(served.entity_key or "")

    def write(question: Question, result: Scores) -> Body:
        return _write(question, result, request)

    return Question(
        serving=serving,
        route=route,
        request_id=request_id,
        data=request.columns or [{}] * request.rows,
        features=_ColumnRows(request),
        lookup=lookup,
        entities=[as_text(value) for value in request.passed_over.get(served.entity_key or "", [])],
        write=write,
        contributions=request.contributions,
    )


def _write(question: Question, result: Scores, request: InferenceRequest) -> Body:
    served = question.route.served
    tensors = output_tensors(served, result, request)
    tails = [encode_tensor(tensor) for tensor in tensors if request.is_binary(str(tensor["name"]))]
    content = orjson.dumps(
        {
            "model_name": served.name,
            "model_version": served.version,
            "id": question.request_id if request.id is None else request.id,
            "parameters": {
                "variant": question.route.variant,
                "request_id": question.request_id,
                "cache": question.cache,
                **question.facts(),
            },
            "outputs": tensors,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    if not tails:
        return Body(content)
    headers = {HEADER_LENGTH: str(len(content)), "Content-Type": "application/octet-stream"}
    return Body(b"".join([content, *tails]), headers)


def _tensor_entities(content: Mapping[str, Any], key: str | None) -> Sequence[object]:
    """The entity keys of a V2 request, looked for before the check, which needs the variant."""
    inputs = content.get("inputs")
    for tensor in inputs if isinstance(inputs, list) else []:
        if isinstance(tensor, dict) and key is not None and tensor.get("name") == key:
            data = tensor.get("data")
            return data if isinstance(data, list) else []
    return []


class _ColumnRows(Sequence[Mapping[str, Any]]):
    """Columns looked at as rows; a row is only built when the reservoir keeps it."""

    def __init__(self, request: InferenceRequest) -> None:
        self._request = request

    def __len__(self) -> int:
        return self._request.rows

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return {name: values[index] for name, values in self._request.columns.items()}
