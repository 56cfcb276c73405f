"""From the bytes of a request to the bytes of its answer: pure functions, for the loop and for threads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

import orjson

from mojoline.drift.reservoir import ScoredRows
from mojoline.runtime.errors import RowRefusedError
from mojoline.runtime.scoring_model import Columns, Rows
from serving.errors import bad_request
from serving.routing import Route, Serving
from serving.row_batch import check_rows, parse_json, require_keys, require_rows, show
from serving.served_model import ServedModel
from serving.tensors import InferenceRequest, output_tensors, parse_inference


@dataclass(frozen=True)
class Answer:
    """The body of an answer, and the rows behind it for the reservoir."""

    body: bytes
    serving: Serving
    route: Route
    request_id: str
    features: Sequence[Mapping[str, Any]]
    scores: Sequence[Sequence[float]]
    labels: Sequence[str] | None
    entities: Sequence[str | None]

    def scored_rows(self, event_time: datetime | None) -> ScoredRows:
        """The rows as the reservoir takes them; `event_time` None means now."""
        return ScoredRows(
            model=self.route.served.name,
            version=self.route.served.version,
            variant=self.route.variant,
            request_id=self.request_id,
            features=self.features,
            scores=self.scores,
            labels=self.labels,
            event_time=event_time,
            entities=self.entities,
        )


def answer_predict(
    pick: Callable[[str | None], Serving], body: bytes, max_rows: int, request_id: str
) -> Answer:
    """Answer `POST /predict`: `{"model"?: name, "rows": [{column: value}]}`.

    Args:
        pick: gives what serves a model by name, or the only model for None.
        body: the request body.
        max_rows: most rows in one request.
        request_id: the id the answer carries.

    Raises:
        ApiError: the request is malformed or too large, or there is no such model.
    """
    content = parse_json(body)
    require_keys(content, ("model", "rows"))
    name = content.get("model")
    if name is not None and not isinstance(name, str):
        raise bad_request(f"model is {show(name)}; a model's name is needed")
    serving = pick(name)
    sent = require_rows(content, max_rows)
    key = serving.champion.entity_key
    entities = [_text(row.get(key)) if isinstance(row, dict) else None for row in sent] if key else []
    route = serving.route(entities, request_id)
    served = route.served
    with route.noted():
        rows = check_rows(served, sent)
        scores, labels = _score(served, rows)
    answer = {
        "model": served.name,
        "model_version": served.version,
        "variant": route.variant,
        "request_id": request_id,
        "predictions": _predictions(served, scores, labels),
    }
    return Answer(orjson.dumps(answer), serving, route, request_id, rows, scores, labels, entities)


def answer_infer(serving: Serving, body: bytes, max_rows: int, request_id: str) -> Answer:
    """Answer an inference request of the Open Inference Protocol; raises as `answer_predict` does."""
    content = parse_json(body)
    route = serving.route(_tensor_entities(content, serving.champion.entity_key), request_id)
    served = route.served
    with route.noted():
        request = parse_inference(served, content, max_rows)
        data: Rows | Columns = request.columns or [{}] * request.rows
        scores, labels = _score(served, data)
    answer = {
        "model_name": served.name,
        "model_version": served.version,
        "id": request_id if request.id is None else request.id,
        "parameters": {"variant": route.variant, "request_id": request_id},
        "outputs": output_tensors(served, scores, labels, request.outputs),
    }
    rows = _ColumnRows(request)
    entities = [_text(value) for value in request.passed_over.get(served.entity_key or "", [])]
    return Answer(orjson.dumps(answer), serving, route, request_id, rows, scores, labels, entities)


def _tensor_entities(content: Mapping[str, Any], key: str | None) -> Sequence[object]:
    """The entity keys of a V2 request, looked for before the check, which needs the variant."""
    inputs = content.get("inputs")
    for tensor in inputs if isinstance(inputs, list) else []:
        if isinstance(tensor, dict) and key is not None and tensor.get("name") == key:
            data = tensor.get("data")
            return data if isinstance(data, list) else []
    return []


def _score(served: ServedModel, data: Rows | Columns) -> tuple[list[list[float]], list[str] | None]:
    try:
        scores = served.scoring.score(data)
    except RowRefusedError as error:
        raise bad_request(str(error)) from error
    rows: list[list[float]] = scores.tolist()
    return rows, served.scoring.label(scores)


def _predictions(
    served: ServedModel, scores: Sequence[Sequence[float]], labels: Sequence[str] | None
) -> list[dict[str, object]]:
    names = served.scoring.output_names
    if labels is not None:
        return [
            {"label": label, "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(labels, scores, strict=True)
        ]
    if len(names) == 1:
        return [{"value": row[0]} for row in scores]
    return [{"values": dict(zip(names, row, strict=True))} for row in scores]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


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
