"""H2O's scoring protocol of Driverless AI scorers: tables of text.

https://github.com/h2oai/mlops-dai-runtimes/blob/main/common/swagger/v1/swagger.yaml; scoring a file of the
server's disk (`GET /model/score?file=`) is left out on purpose.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mojoline.runtime.errors import ContributionsError
from serving.errors import ApiError, bad_request
from serving.inference import Body, Question, Scores, as_text, check_for
from serving.json_reading import parse_json, show
from serving.routing import Serving
from serving.row_batch import bad_number, check_rows, require_count, require_keys
from serving.served_model import ServedModel

_SHAPLEY = ("NONE", "ORIGINAL", "TRANSFORMED")
_CONTRIBUTION_KEYS = ("fields", "rows", "requestShapleyValueType")
_SCORE_KEYS = (
    *_CONTRIBUTION_KEYS,
    "includeFieldsInOutput",
    "noFieldNamesInOutput",
    "idField",
    "requestPredictionIntervals",
)


def read_score(serving: Serving, body: bytes, max_rows: int, request_id: str) -> Question:
    """The question in the body of `POST /model/score`; ApiError if there is none."""
    content = parse_json(body)
    require_keys(content, _SCORE_KEYS)
    table = _Table(content, max_rows)
    kind = content.get("requestShapleyValueType", "NONE")
    copied = _names(content, "includeFieldsInOutput")
    identifier = content.get("idField")
    if identifier is not None and not isinstance(identifier, str):
        raise bad_request(f"idField is {show(identifier)}; the name of a field is needed")
    unknown = [name for name in copied if name not in table.fields and name != identifier]
    if unknown:
        raise bad_request(f"includeFieldsInOutput names {show(unknown[0])}, which is no field of the request")
    if content.get("requestPredictionIntervals"):
        raise ApiError(501, "H2O-3 models have no prediction intervals: leave requestPredictionIntervals out")
    silent = content.get("noFieldNamesInOutput") is True

    def write(question: Question, result: Scores) -> Body:
        served = question.route.served
        names = [name for name in table.fields if name in copied]
        made = identifier if identifier in copied and identifier not in table.fields else None
        rows = []
        for index, scores in enumerate(_score_rows(result)):
            kept = [str(table.rows[index][table.fields.index(name)]) for name in names]
            rows.append([*kept, *([str(uuid.uuid4())] if made else []), *scores])
        answer: dict[str, object] = {"id": served.version, "score": rows}
        if not silent:
            answer["fields"] = [*names, *([made] if made else []), *_output_names(served)]
        if result.contributions is not None:
            answer["featureShapleyContributions"] = _contribution_tables(served, result.contributions)
        return Body(orjson.dumps(answer))

    question = _question(serving, table, request_id, identifier)
    question.write, question.contributions = write, _wants_contributions(question.route.served, kind)
    return question


def read_contribution(serving: Serving, body: bytes, max_rows: int, request_id: str) -> Question:
    """The question in the body of `POST /model/contribution`; ApiError if there is none."""
    content = parse_json(body)
    require_keys(content, _CONTRIBUTION_KEYS)
    question = _question(serving, _Table(content, max_rows), request_id, None)
    kind = content.get("requestShapleyValueType", "ORIGINAL")
    if kind == "NONE" or not _wants_contributions(question.route.served, kind):
        raise bad_request("requestShapleyValueType is NONE; ORIGINAL or TRANSFORMED is needed")

    def write(question: Question, result: Scores) -> Body:
        assert result.contributions is not None  # noqa: S101 - asked for below
        return Body(orjson.dumps(_contribution_tables(question.route.served, result.contributions)))

    question.write, question.contributions = write, True
    return question


def describe_schema(served: ServedModel) -> dict[str, object]:
    """What `GET /model/schema` answers."""
    kinds = {"numeric": "Float64", "categorical": "Str"}
    outputs = [{"name": name, "dataType": "Float64"} for name in served.output_fields]
    if served.has_labels:
        outputs.insert(0, {"name": "predict", "dataType": "Str"})
    return {
        "id": served.version,
        "name": served.name,
        "schema": {
            "inputFields": [{"name": name, "dataType": kinds[kind]} for name, kind in served.kinds.items()],
            "outputFields": outputs,
        },
    }


def sample_request(served: ServedModel) -> dict[str, object]:
    """What `GET /model/sample_request` answers: one row, with a level where the column has levels."""
    domains = served.scoring.domains
    row = [
        (domains.get(name) or [""])[0] if kind == "categorical" else "0"
        for name, kind in served.kinds.items()
    ]
    return {"fields": list(served.kinds), "rows": [row]}


def describe_capabilities(served: ServedModel) -> list[str]:
    """What `GET /model/capabilities` answers."""
    try:
        names = served.scoring.contribution_names
    except ContributionsError:
        return ["SCORE"]
    kind = "CONTRIBUTION_TRANSFORMED" if served.scoring.is_pipeline else "CONTRIBUTION_ORIGINAL"
    return ["SCORE", kind] if names else ["SCORE"]


class _Table:
    """`fields` and `rows` of a request; ApiError where they are no table of 1 to `max_rows` rows."""

    def __init__(self, content: Mapping[str, Any], max_rows: int) -> None:
        self.fields = _names(content, "fields")
        rows = content.get("rows")
        if not isinstance(rows, list):
            raise bad_request(f"rows is {show(rows)}; a list of lists is needed")
        require_count(len(rows), max_rows)
        if len(set(self.fields)) < len(self.fields):
            raise bad_request("fields names a column twice")
        for index, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != len(self.fields):
                raise bad_request(
                    f"rows[{index}] is {show(row)}; {len(self.fields)} values are needed, as in fields"
                )
        self.rows: list[list[Any]] = rows


def _question(serving: Serving, table: _Table, request_id: str, identifier: str | None) -> Question:
    key = serving.champion.entity_key
    sent = [dict(zip(table.fields, row, strict=True)) for row in table.rows]
    entities = [as_text(row.get(key)) for row in sent] if key in table.fields else []
    route = serving.route(entities, request_id)
    served = route.served
    if identifier is not None and identifier not in served.kinds:
        for row in sent:
            row.pop(identifier, None)
    rows = check_for(
        route, lambda: check_rows(served, [_typed(served, i, row) for i, row in enumerate(sent)])
    )
    return Question(serving, route, request_id, rows, rows, entities, lambda _, __: Body(b""))


def _typed(served: ServedModel, index: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """Text as numbers in numeric columns; empty text is missing there."""
    typed = dict(row)
    for name, value in row.items():
        if served.kinds.get(name) == "numeric" and isinstance(value, str):
            try:
                typed[name] = _number(value) if value.strip() else None
            except ValueError:
                raise bad_number(served, name, f"rows[{index}].{name}", value) from None
    return typed


def _number(text: str) -> float:
    """The number in a text as JSON or CSV has it; ValueError for what only Python takes for one."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)


def _wants_contributions(served: ServedModel, kind: object) -> bool:
    if kind not in _SHAPLEY:
        raise bad_request(f"requestShapleyValueType is {show(kind)}; known are {', '.join(_SHAPLEY)}")
    if kind == "ORIGINAL" and served.scoring.is_pipeline:
        raise ApiError(
            501, f"{served.name} reduces its inputs; it has contributions of the reduced columns: TRANSFORMED"
        )
    return kind != "NONE"


def _names(content: Mapping[str, Any], key: str) -> list[str]:
    names = content.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad_request(f"{key} is {show(names)}; a list of column names is needed")
    return names


def _output_names(served: ServedModel) -> list[str]:
    return [*(["predict"] if served.has_labels else []), *served.output_fields]


def _score_rows(result: Scores) -> list[list[str]]:
    texts = [[repr(value) for value in row] for row in result.values]
    if result.labels is None:
        return texts
    return [[label, *row] for label, row in zip(result.labels, texts, strict=True)]


def _contribution_tables(served: ServedModel, shares: NDArray[np.float32]) -> dict[str, object]:
    rows: Sequence[Sequence[float]] = shares.tolist()
    return {
        "features": served.scoring.contribution_names,
        "space": served.contribution_space,
        "contributionGroups": [{"contributions": [[repr(value) for value in row] for row in rows]}],
    }
