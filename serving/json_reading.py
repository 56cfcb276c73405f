"""The JSON object in a request body: read fast, and nothing in it silently lost."""

import json
from typing import Any

import orjson

from serving.errors import bad_request

SHOWN = 80
MAX_DEPTH = 8  # of objects and lists within each other; no dialect needs more than 5

_NESTED = frozenset({dict, list})
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(set(range(256)) - set(b'[]{}"'))


def parse_json(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body.

    Raises:
        ApiError: 400 if it is anything else; NaN and Infinity are not JSON; nesting beyond `MAX_DEPTH` and a
            key that stands twice in one object are refused.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise bad_request(f"the body is {show(content)}; an object is needed")
    if not _is_plainly_shallow(body):
        _require_shallow(content)
    # every key has its colon: as many colons as keys that came out means that none came twice
    if body.count(b":") != _count_keys(content):
        json.loads(body, object_pairs_hook=_unique)
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


def _is_plainly_shallow(body: bytes) -> bool:
    """Whether `body`, which is JSON, is nested no deeper than `MAX_DEPTH`; False also if strings hide that.

    Only the brackets are kept, and each round takes away the innermost pairs. A bracket within a string has
    an odd number of quotes before it, so that one of them is left over.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return True
    if b"\\" in body:
        return False
    left = body.translate(_BRACKETS, _OTHERS).replace(b'""', b"")
    for _ in range(MAX_DEPTH):
        left = left.replace(b"[]", b"")
        if not left:
            return True
    return False


def _require_shallow(content: dict[str, Any]) -> None:
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        inner = (node.values() if type(node) is dict else node for node in level)
        level = [value for values in inner for value in values if type(value) in (dict, list)]
        if not level:
            return
    raise bad_request(f"the body is nested deeper than {MAX_DEPTH} levels, which no request needs")


def _count_keys(content: dict[str, Any]) -> int:
    """The keys in `content`; those in lists that begin with something else than an object may be left out."""
    count, waiting = 0, [content]
    while waiting:
        keys = waiting.pop()
        count += len(keys)
        if _NESTED.isdisjoint(map(type, keys.values())):  # most rows: a third of the time
            continue
        for value in keys.values():
            if type(value) is dict:
                waiting.append(value)
            elif type(value) is list and value and type(value[0]) is dict:
                waiting.extend(item for item in value if type(item) is dict)
    return count


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known = dict(pairs)
    if len(known) != len(pairs):
        seen: set[str] = set()
        twin = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise bad_request(f"the key {show(twin)} stands twice in one object: which of the two is meant?")
    return known
