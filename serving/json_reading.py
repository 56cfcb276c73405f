"""The JSON object in a request body: read fast, and nothing in it silently lost."""

import json
from typing import Any

import orjson

from serving.errors import bad_request

SHOWN = 80


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body.

    Raises:
        ApiError: 400 if it is anything else; NaN and Infinity are not JSON; nesting beyond 1024 levels and a
            key that stands twice in one object are refused.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise bad_request(f"the body is {show(content)}; an object is needed")
    # every key has its colon: as many colons as keys that came out means that none came twice
    if body.count(b":") != _count_keys(content):
        _refuse_twins(body)
    return content


def show(value: object) -> str:
    """A JSON value as it stands in a message, cut to a readable length."""
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):  # deeper than the encoder goes
        text = type(value).__name__
    if isinstance(value, float) and value - value != 0:
        text = "beyond the range of a number"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _count_keys(content: dict[str, Any]) -> int:
    """The keys in `content`; those in lists that begin with something else than an object may be left out."""
    count, waiting = 0, [content]
    while waiting:
        keys = waiting.pop()
        count += len(keys)
        for value in keys.values():
            if type(value) is dict:
                waiting.append(value)
            elif type(value) is list and value and type(value[0]) is dict:
                waiting.extend(item for item in value if type(item) is dict)
    return count


def _refuse_twins(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_unique)
    except RecursionError as error:
        raise bad_request("the body is nested too deeply: an object of rows or tensors is needed") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        seen: set[str] = set()
        twin = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise bad_request(f"the key {show(twin)} stands twice in one object: which of the two is meant?")
    return known
