"""The keys of entities whose stored features a request asks for."""

from collections.abc import Sequence

from serving.errors import bad_request
from serving.json_reading import show
from serving.row_batch import MAX_TEXT, too_long


def read_keys(entities: Sequence[object]) -> list[str]:
    """The keys as text; ApiError 400 names the first that is neither text nor a whole number."""
    return [_read_key(index, entity) for index, entity in enumerate(entities)]


def _read_key(index: int, entity: object) -> str:
    if isinstance(entity, str):
        if len(entity) > MAX_TEXT:
            raise too_long(f"entities[{index}]", entity)
        return entity
    if isinstance(entity, int) and not isinstance(entity, bool):
        return str(entity)
    raise bad_request(f"entities[{index}] is {show(entity)}; text or a whole number is needed")
