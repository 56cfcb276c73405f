"""Inference requests of the Open Inference Protocol (V2), with and without its binary tensor extension."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import orjson

from serving.binary_tensors import attach_tail, encode_tensor
from serving.entity_keys import read_keys
from serving.inference import Body, Question, Scores, as_text, check_for
from serving.json_reading import parse_json
from serving.routing import Serving
from serving.tensors import InferenceRequest, output_tensors, parse_inference

Write = Callable[[Question, Scores, InferenceRequest], Body]

HEADER_LENGTH = "Inference-Header-Content-Length"


def read_infer(
    serving: Serving, body: bytes, max_rows: int, request_id: str, header_length: int | None = None
) -> Question:
    """The question in a body, of which the first `header_length` bytes are JSON and the rest binary tensors.

    Raises:
        ApiError: the request is malformed or too large.
    """
    content = parse_json(body if header_length is None else body[:header_length])
    attach_tail(content.get("inputs"), b"" if header_length is None else body[header_length:])
    return question_of(serving, content, max_rows, request_id, _write)


def question_of(
    serving: Serving, content: Mapping[str, Any], max_rows: int, request_id: str, write: Write
) -> Question:
    """The question in a request that is as JSON has it, whatever it came as; `write` makes its answer.

    Raises:
        ApiError: the request is malformed or too large.
    """
    route = serving.route(_tensor_entities(content, serving.champion.entity_key), request_id)
    served = route.served
    request = check_for(route, lambda: parse_inference(served, content, max_rows))

    # the entity key alone asks for the stored features; beside columns it only names who a row is about
    asked = None if request.columns else request.passed_over.get(served.entity_key or "")

    return Question(
        serving=serving,
        route=route,
        request_id=request_id,
        data=request.columns or [{}] * request.rows,
        features=_ColumnRows(request),
        lookup=None if asked is None else read_keys(asked),
        entities=[as_text(value) for value in request.passed_over.get(served.entity_key or "", [])],
        write=lambda question, result: write(question, result, request),
        contributions=request.contributions,
    )


def describe_answer(question: Question, request: InferenceRequest) -> dict[str, Any]:
    """What an answer says besides its outputs."""
    served = question.route.served
    return {
        "model_name": served.name,
        "model_version": served.version,
        "id": question.request_id if request.id is None else request.id,
        "parameters": {
            "variant": question.route.variant,
            **_experiment(question),
            "request_id": question.request_id,
            "cache": question.cache,
            **question.facts(),
        },
    }


def _experiment(question: Question) -> dict[str, str]:
    experiment = question.serving.experiment
    return {} if experiment is None else {"experiment": experiment.id}


def _write(question: Question, result: Scores, request: InferenceRequest) -> Body:
    tensors, tails = output_tensors(question.route.served, result, request), []
    for tensor in tensors:
        if request.is_binary(tensor["name"]):
            tails.append(encode_tensor(tensor["datatype"], tensor.pop("data")))
            tensor["parameters"] = {**tensor.get("parameters", {}), "binary_data_size": len(tails[-1])}
    content = orjson.dumps(
        {**describe_answer(question, request), "outputs": tensors}, option=orjson.OPT_SERIALIZE_NUMPY
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
