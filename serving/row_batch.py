"""The rows of `POST /predict`, checked by hand: a schema library would cost more than the model.

A message names the place, the value seen and what is allowed there.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from serving.errors import ApiError, bad_request, too_large
from serving.json_reading import show
from serving.metrics import BAD_NUMBERS
from serving.served_model import ServedModel

MAX_TEXT = 1000  # characters of a level; longer text is no level


def require_keys(content: Mapping[str, Any], allowed: Sequence[str], where: str = "the body") -> None:
    """400 naming a key of `content` that has no meaning here: most likely a misspelling."""
    for key in content:
        if key not in allowed:
            raise bad_request(f"{where} has the key {show(key)}; known keys: {', '.join(allowed)}")


def require_rows(content: Mapping[str, Any], max_rows: int) -> list[Any]:
    """The list under "rows", 1 to `max_rows` long; 400, or 413 if it is longer."""
    rows = content.get("rows")
    if not isinstance(rows, list):
        raise bad_request(f"rows is {show(rows)}; a list of objects is needed")
    require_count(len(rows), max_rows)
    return rows


def require_count(rows: int, max_rows: int) -> None:
    """400 for no rows at all, 413 for more than `max_rows`."""
    if rows < 1:
        raise bad_request(f"the request has no rows; 1 to {max_rows} are needed")
    if rows > max_rows:
        raise too_large(f"the request has {rows} rows; at most {max_rows} are allowed: send several requests")


def check_rows(served: ServedModel, rows: Sequence[Any], sent_as: str = "rows") -> list[dict[str, Any]]:
    """The rows as `served` takes them: known features, numbers in numeric columns, text in others.

    The spec's entity key and event time may stand in a row and are passed over; any other name that is no
    feature is refused. A feature that is absent or null is missing. Messages call the list `sent_as`.

    Raises:
        ApiError: 400 with the row, the column, the value and what is allowed.
    """
    return [_check_row(served, sent_as, index, row) for index, row in enumerate(rows)]


def _check_row(
    served: ServedModel,
    sent_as: str,
    index: int,
    row: Any,  # noqa: ANN401 - any JSON value
) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise bad_request(f"{sent_as}[{index}] is {show(row)}; an object of columns is needed")
    kinds, features = served.kinds, served.features
    altered: dict[str, Any] = {}
    for name, value in row.items():
        kind = kinds.get(name)
        if kind is None:
            if name not in served.ignored:
                raise unknown_column(served, f"{sent_as}[{index}]", name)
            _require_label(f"{sent_as}[{index}].{name}", value)
            altered[name] = None
        elif value is None:
            continue
        elif kind == "categorical":
            if not isinstance(value, str):
                raise bad_request(f"{sent_as}[{index}].{name} is {show(value)}; text or null is allowed")
            if len(value) > MAX_TEXT:
                raise too_long(f"{sent_as}[{index}].{name}", value)
        elif type(value) is float:
            if not math.isfinite(value):
                raise bad_number(served, name, f"{sent_as}[{index}].{name}", value)
        elif isinstance(value, bool):
            altered[name] = float(value)
        elif not isinstance(value, int):
            raise bad_number(served, name, f"{sent_as}[{index}].{name}", value)
        if name not in features:
            altered[name] = None
    for name in served.required:
        if row.get(name) is None:
            raise missing_value(f"{sent_as}[{index}].{name}")
    if altered:  # rare: most callers send exactly the features
        merged = {**row, **altered}
        return {name: value for name, value in merged.items() if name in features}
    return row


def _require_label(where: str, value: object) -> None:
    """400 for what is no value that a row could be told by."""
    if isinstance(value, list | dict):
        raise bad_request(f"{where} is {show(value)}; text, a number or null is allowed")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise too_long(where, value)


def bad_number(served: ServedModel, column: str, where: str, value: object) -> ApiError:
    """400 for a value of a numeric column that is no finite number; counted by column."""
    BAD_NUMBERS.labels(served.name, column).inc()
    return bad_request(f"{where} is {show(value)}; a finite number or null is allowed")


def unknown_column(served: ServedModel, where: str, name: object) -> ApiError:
    """400 for a name that is no column of the model."""
    known = ", ".join(served.kinds)
    return bad_request(
        f"{where} has the column {show(name)}, which {served.name} does not know; it knows {known}"
    )


def too_long(where: str, text: str) -> ApiError:
    """400 for a text that can be no level."""
    return bad_request(f"{where} has {len(text)} characters; at most {MAX_TEXT} are allowed")


def missing_value(where: str) -> ApiError:
    """400 for a missing value in a column that must have one."""
    return bad_request(f"{where} is missing; this column needs a value in every row")
