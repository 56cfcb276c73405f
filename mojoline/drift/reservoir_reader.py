"""Reads the reservoir back: the sample of any window of hours, still uniform over its rows."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from mojoline.drift.bottom_k import merge_samples
from mojoline.drift.errors import DriftError
from mojoline.drift.sample import SampledRow, parse_member, reservoir_key

KEYS_PER_READ = 200
MOMENT = timedelta(microseconds=1)
_GLOB = str.maketrans({char: f"\\{char}" for char in "*?[]\\"})


def read_reservoir(
    redis_url: str,
    model: str,
    version: str,
    *,
    variant: str = "champion",
    since: datetime | None = None,
    until: datetime | None = None,
    size: int = 500,
    enough: int | None = None,
) -> list[SampledRow]:
    """A uniform sample of the rows that one version scored, smallest draw first.

    Args:
        redis_url: the reservoir's Redis.
        model: the model's name.
        version: the version whose rows are wanted.
        variant: which variant's rows.
        since: only hours that begin at or after the hour of this moment.
        until: only hours that begin before this moment.
        size: the size of an hour's sample, as its writer was told.
        enough: of the newest hours only that together have so many rows: reading takes a bounded time.

    Returns:
        All rows if no hour was full, else about `size` rows or more, each row equally likely.

    Raises:
        DriftError: Redis does not answer, or holds something that is no sampled row.
    """
    first = reservoir_key(model, version, variant, since)[-10:] if since else ""
    last = reservoir_key(model, version, variant, until - MOMENT)[-10:] if until else "9"
    pattern = f"mojoline:{{{model}}}:r:{version}:{variant}:".translate(_GLOB) + "*"
    try:
        with Redis.from_url(redis_url, socket_timeout=5.0, socket_connect_timeout=2.0) as client:
            names = [key.decode() for key in client.scan_iter(match=pattern, count=1000)]
            keys = sorted(key for key in names if first <= key[-10:] <= last)
            if enough is not None:
                keys = _newest(client, keys, enough)
            hours = _read_hours(client, keys)
    except (RedisError, OSError) as error:
        place = urlsplit(redis_url)
        shown = f"{place.scheme}://{place.hostname or ''}:{place.port or ''}{place.path}"
        raise DriftError(
            f"the reservoir at {shown} does not answer ({error}): is its Redis running?"
        ) from error
    samples = [[(u, (key, member)) for u, member in hour] for key, hour in zip(keys, hours, strict=True)]
    rows: dict[tuple[str, int], SampledRow] = {}
    for u, (key, member) in merge_samples(samples, size):
        row = parse_member(key, member, u)
        rows.setdefault((row.request_id, row.row), row)  # a retry in another hour is the same row
    return list(rows.values())


def _newest(client: Redis, keys: list[str], rows: int) -> list[str]:
    """The last of the keys, as many as have `rows` rows together."""
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.zcard(key)
    found = 0
    for position, count in reversed(list(enumerate(pipe.execute()))):
        found += count
        if found >= rows:
            return keys[position:]
    return keys


def _read_hours(client: Redis, keys: list[str]) -> list[list[tuple[float, bytes]]]:
    hours: list[list[tuple[float, bytes]]] = []
    for start in range(0, len(keys), KEYS_PER_READ):
        pipe = client.pipeline(transaction=False)
        for key in keys[start : start + KEYS_PER_READ]:
            pipe.zrange(key, 0, -1, withscores=True)
        hours += [[(float(u), member) for member, u in hour] for hour in pipe.execute()]
    return hours
