"""Stored rows sent to the API as if they happened now, each batch with the time of its event."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import httpx
import orjson

from mojoline.errors import MojolineError
from mojoline.model_spec import ModelSpec

BATCH = 100


class ReplayError(MojolineError):
    """The API refused rows that came out of the feature table."""


def replay_rows(
    url: str, spec: ModelSpec, rows: Iterable[dict[str, object]], on_progress: Callable[[int], None]
) -> int:
    """Score `rows` in batches through `/predict`; how many there were.

    Request ids are made of the entity key of a batch's first row: the same rows sent again are the same rows
    to the reservoir, and change nothing there.
    """
    sent = 0
    with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
        for batch in _batches(rows):
            first = batch[0]
            features = [known_features(spec, row) for row in batch]
            response = client.post(
                "/predict",
                content=orjson.dumps({"model": spec.name, "rows": features}),
                headers={
                    "X-Request-Id": f"replay-{first[spec.source.entity_key]}",
                    "X-Event-Time": _iso(first[spec.source.event_time]),
                },
            )
            if response.is_error:
                raise ReplayError(
                    f"the API refused a replayed batch: {response.status_code} {response.text[:500]}"
                )
            sent += len(batch)
            on_progress(sent)
    return sent


def known_features(spec: ModelSpec, row: dict[str, object]) -> dict[str, object]:
    """What a caller sends of a stored row: the features of the spec that have a value."""
    return {name: row[name] for name in spec.features.names if row.get(name) is not None}


def _iso(moment: object) -> str:
    return moment.isoformat() if hasattr(moment, "isoformat") else str(moment)


def _batches(rows: Iterable[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch
