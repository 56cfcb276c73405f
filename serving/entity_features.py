"""The stored features of the entities of a request, with their age."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from mojoline.features.errors import FeatureError
from mojoline.features.hot import HotQuery, fetch_hot, prepare_query
from mojoline.model_spec import ModelSpec, SpecError, load_spec
from serving.entity_pool import EntityPool
from serving.errors import ApiError, EntityStoreError, bad_request, not_found, unavailable
from serving.json_reading import show
from serving.metrics import FEATURE_REQUESTS, FEATURE_SECONDS
from serving.served_model import ServedModel

NAMED_UNKNOWN = 5

_log = logging.getLogger("mojoline.serving")


@dataclass(frozen=True)
class EntityRows:
    """Rows as a caller would send them, one for each entity asked for.

    `age` is that of the oldest row in seconds; `stale` says that it exceeds `features.max_age` of the spec.
    """

    rows: list[dict[str, float | str | None]]
    age: float
    stale: bool


@dataclass(frozen=True)
class _Lookup:
    query: HotQuery
    max_age: timedelta


class EntityFeatures:
    """Looks entities up for one event loop."""

    def __init__(self, pool: EntityPool, models_dir: Path) -> None:
        self._pool = pool
        self._models_dir = models_dir
        self._lookups: dict[tuple[str, str], asyncio.Task[_Lookup]] = {}
        self._planned: set[str] = set()  # texts of queries
        self._unstored: set[tuple[str, str]] = set()  # versions for which nothing is stored

    async def fetch(self, served: ServedModel, keys: Sequence[str], at: datetime | None = None) -> EntityRows:
        """The stored rows of the entities with these keys, in their order.

        Args:
            served: the version whose features are needed.
            keys: as of `read_keys`.
            at: when the prediction is made, with a zone; None for now.

        Raises:
            ApiError: 400 for what can be no key there, 404 for unknown entities, 501 where nothing is stored
                for the model, 503 with Retry-After while the database is away or its connections are in use.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            lookup = await self._lookup(served)
            stored = await self._pool.use(lambda connection: fetch_hot(connection, lookup.query, keys))
        except EntityStoreError as error:
            FEATURE_REQUESTS.labels("unavailable").inc()
            raise unavailable(str(error)) from error
        except asyncpg.DataError as error:
            raise bad_request(f"an entity is no value of {served.name}'s key: {error}") from error
        except (asyncpg.PostgresError, FeatureError) as error:
            FEATURE_REQUESTS.labels("failed").inc()
            self._lookups.clear()  # the table may have changed
            raise unavailable(f"the features of {served.name} cannot be read: {error}", 5) from error
        finally:
            FEATURE_SECONDS.observe(clock() - started)
        unknown = [key for key, row in zip(keys, stored, strict=True) if row is None]
        if unknown:
            FEATURE_REQUESTS.labels("not_found").inc()
            more = f" and {len(unknown) - NAMED_UNKNOWN} more" if len(unknown) > NAMED_UNKNOWN else ""
            named = ", ".join(show(key) for key in unknown[:NAMED_UNKNOWN])
            raise not_found(f"{served.name} has no features of the entity {named}{more}")
        FEATURE_REQUESTS.labels("ok").inc()
        found = [row for row in stored if row is not None]
        moment = at or datetime.now(UTC)
        age = max((moment - row.available_at for row in found), default=timedelta(0))
        return EntityRows(
            [row.features for row in found],
            max(0.0, age.total_seconds()),
            age > lookup.max_age,
        )

    async def warm(self, served: ServedModel) -> None:
        """Let every open connection plan the query of `served` before a request has to wait for that.

        Does nothing where it was done before, or where nothing is stored for the model.
        """
        if served.entity_key is None or (served.name, served.version) in self._unstored:
            return
        try:
            lookup = await self._lookup(served)
            if lookup.query.text not in self._planned:
                await self._pool.use_each(lambda connection: fetch_hot(connection, lookup.query, []))
                self._planned.add(lookup.query.text)
        except EntityStoreError:
            return  # it is tried again
        except (ApiError, FeatureError, asyncpg.PostgresError) as error:
            _log.info("no stored features for %s: %s", served.name, error)
            self._unstored.add((served.name, served.version))

    async def _lookup(self, served: ServedModel) -> _Lookup:
        """What is asked for a version; made once, however many requests come meanwhile."""
        key = (served.name, served.version)
        making = self._lookups.get(key)
        if making is None or (making.done() and (making.cancelled() or making.exception())):
            making = asyncio.get_running_loop().create_task(self._make_lookup(served))
            self._lookups[key] = making
        return await asyncio.shield(making)

    async def _make_lookup(self, served: ServedModel) -> _Lookup:
        spec = await self._read_spec(served.name)
        query = await self._pool.use(lambda connection: prepare_query(connection, spec, served.kinds))
        return _Lookup(query, spec.features.max_age)

    async def _read_spec(self, name: str) -> ModelSpec:
        path = self._models_dir / f"{name}.yaml"
        try:
            return await asyncio.get_running_loop().run_in_executor(None, load_spec, path)
        except SpecError as error:
            _log.info("no stored features for %s: %s", name, error)
            raise ApiError(501, f"nothing is stored for {name}: send rows") from error
