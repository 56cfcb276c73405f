"""The short form: `POST /predict {"model"?: name, "rows": [{column: value}], "contributions"?: true}`.

`"entities": [key]` in the place of rows asks for the stored features of these entities.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from serving.entity_keys import read_keys
from serving.errors import bad_request
from serving.inference import Body, Question, Scores, as_text, check_for
from serving.json_reading import parse_json, show
from serving.routing import Serving
from serving.row_batch import check_rows, require_count, require_keys, require_rows

_KEYS = ("model", "rows", "entities", "contributions")


def read_predict(
    pick: Callable[[str | None], Serving], body: bytes, max_rows: int, request_id: str
) -> Question:
    """The question in a body.

    Args:
        pick: gives what serves a model by name, or the only model for None.
        body: the request body.
        max_rows: most rows in one request.
        request_id: the id the answer carries.

    Raises:
        ApiError: the request is malformed or too large, or there is no such model.
    """
    content = parse_json(body)
    require_keys(content, _KEYS)
    name = content.get("model")
    if name is not None and not isinstance(name, str):
        raise bad_request(f"model is {show(name)}; a model's name is needed")
    wanted = content.get("contributions", False)
    if not isinstance(wanted, bool):
        raise bad_request(f"contributions is {show(wanted)}; true or false is needed")
    serving = pick(name)
    if "entities" in content:
        return _read_entities(serving, content, max_rows, request_id)
    sent = require_rows(content, max_rows)
    key = serving.champion.entity_key
    entities = [as_text(row.get(key)) if isinstance(row, dict) else None for row in sent] if key else []
    route = serving.route(entities, request_id)
    rows = check_for(route, lambda: check_rows(route.served, sent))
    return Question(serving, route, request_id, rows, rows, entities, write_predict, contributions=wanted)


def _read_entities(serving: Serving, content: Mapping[str, Any], max_rows: int, request_id: str) -> Question:
    keys = content["entities"]
    if "rows" in content:
        raise bad_request("the body has rows and entities: send one of them")
    if not isinstance(keys, list):
        raise bad_request(f"entities is {show(keys)}; a list of keys is needed")
    require_count(len(keys), max_rows)
    texts = read_keys(keys)
    route = serving.route(texts, request_id)
    wanted = content.get("contributions", False)
    return Question(
        serving, route, request_id, [], [], texts, write_predict, contributions=wanted, lookup=texts
    )


def write_predict(question: Question, result: Scores) -> Body:
    """`{"model", "model_version", "variant", "request_id", "predictions": [...]}`."""
    served = question.route.served
    content: dict[str, object] = {
        "model": served.name,
        "model_version": served.version,
        "variant": question.route.variant,
        "request_id": question.request_id,
        **question.facts(),
        "predictions": _predictions(served.scoring.output_names, result),
    }
    if result.contributions is not None:
        content["contributions"] = {
            "space": served.contribution_space,
            "columns": served.scoring.contribution_names,
            "rows": result.contributions,
        }
    return Body(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))


def _predictions(names: list[str], result: Scores) -> list[dict[str, object]]:
    if result.labels is not None:
        return [
            {"label": label, "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(result.labels, result.values, strict=True)
        ]
    if len(names) == 1:
        return [{"value": row[0]} for row in result.values]
    return [{"values": dict(zip(names, row, strict=True))} for row in result.values]
