"""MLflow's scoring protocol: `POST /invocations` -> `{"predictions": [...]}`, labels or values.

KServe's V1 protocol, `POST /v1/models/<name>:predict`, is the form `instances` of it.
`params: {"probabilities": true}` answers the probabilities of each class instead of the label.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from serving.errors import bad_request
from serving.inference import Body, Question, Scores, as_text, check_for
from serving.json_reading import parse_json, show
from serving.routing import Serving
from serving.row_batch import check_rows, require_count, require_keys

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def read_invocations(
    serving: Serving, body: bytes, max_rows: int, request_id: str, known: Sequence[str] = FORMS
) -> Question:
    """The question in a body, which holds rows in one of the `known` forms; ApiError if there is none."""
    content = parse_json(body)
    require_keys(content, (*known, "params"))
    forms = [form for form in known if form in content]
    if len(forms) != 1:
        raise bad_request(f"the body has {len(forms)} of the keys {', '.join(known)}; exactly one is needed")
    params = content.get("params") or {}
    if not isinstance(params, dict):
        raise bad_request(f"params is {show(params)}; an object is needed")
    require_keys(params, ("probabilities",), "params")
    sent = _READERS[forms[0]](content[forms[0]], forms[0])
    require_count(len(sent), max_rows)
    key = serving.champion.entity_key
    entities = [as_text(row.get(key)) if isinstance(row, dict) else None for row in sent] if key else []
    route = serving.route(entities, request_id)
    sent_as = _ROWS_IN.get(forms[0], forms[0])
    rows = check_for(route, lambda: check_rows(route.served, sent, sent_as))
    write = _write_probabilities if params.get("probabilities") is True else _write
    return Question(serving, route, request_id, rows, rows, entities, write)


def _write(_: Question, result: Scores) -> Body:
    if result.labels is not None:
        return Body(orjson.dumps({"predictions": result.labels}))
    single = all(len(row) == 1 for row in result.values)
    return Body(orjson.dumps({"predictions": [row[0] if single else row for row in result.values]}))


def _write_probabilities(question: Question, result: Scores) -> Body:
    names = question.route.served.scoring.output_names
    return Body(orjson.dumps({"predictions": [dict(zip(names, row, strict=True)) for row in result.values]}))


def _split_rows(value: Any, form: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        raise bad_request(f'{form} is {show(value)}; {{"columns": [...], "data": [[...]]}} is needed')
    require_keys(value, ("columns", "data", "index"), form)
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise bad_request(f"{form}.columns is {show(columns)}; a list of names is needed")
    if len(set(columns)) < len(columns):
        raise bad_request(f"{form}.columns names a column twice")
    if not isinstance(data, list):
        raise bad_request(f"{form}.data is {show(data)}; a list of rows is needed")
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise bad_request(f"{form}.data[{index}] is {show(row)}; {len(columns)} values are needed")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _record_rows(value: Any, form: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list):
        raise bad_request(f"{form} is {show(value)}; a list of objects is needed")
    return value


def _column_rows(value: Any, form: str) -> list[Any]:  # noqa: ANN401 - any JSON value
    """Rows, or columns of equal length."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not all(isinstance(column, list) for column in value.values()):
        raise bad_request(f"{form} is {show(value)}; rows, or an object of columns, are needed")
    columns: Mapping[str, list[Any]] = value
    if len({len(column) for column in columns.values()}) > 1:
        raise bad_request(f"{form} has columns of different lengths")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


_ROWS_IN = {"dataframe_split": "dataframe_split.data"}
_READERS = {
    "dataframe_split": _split_rows,
    "dataframe_records": _record_rows,
    "instances": _record_rows,
    "inputs": _column_rows,
}
