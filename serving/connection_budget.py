"""What all workers may open is compared with what Postgres allows, before the first request finds out."""

import asyncio
import logging

import asyncpg

from mojoline.settings import Settings, SettingsError
from serving.entity_pool import PoolSize
from serving.postgres_session import AWAY, CONNECT_SECONDS, session_options

RESERVE_SETTINGS = ("superuser_reserved_connections", "reserved_connections")

_log = logging.getLogger("mojoline.serving")


async def check_connection_budget(settings: Settings) -> None:
    """Compare what all workers may open with what Postgres allows; if that cannot be asked, it is logged.

    Raises:
        SettingsError: it is too much; the message holds the arithmetic.
    """
    if settings.database_url is None or settings.features.pgbouncer:
        return
    workers = settings.serving.workers
    size = PoolSize.of_worker(settings.features, workers)
    try:
        allowed = await _ask_limits(settings.database_url.get_secret_value())
    except AWAY as error:
        _log.warning("the connections to the feature database are not compared with its limit: %s", error)
        return
    reserved = sum(allowed.get(name, 0) for name in RESERVE_SETTINGS)
    most, free = workers * size.largest, allowed["max_connections"] - reserved
    if most > free:
        raise SettingsError(
            f"{workers} worker(s) x {size.largest} connections = {most}, but Postgres allows "
            f"{allowed['max_connections']} (max_connections) - {reserved} (reserved) = {free}: lower "
            "MOJOLINE_FEATURES__MAX_CONNECTIONS or MOJOLINE_SERVING__WORKERS, raise max_connections, or "
            "put a pgbouncer in between (MOJOLINE_FEATURES__PGBOUNCER)"
        )


async def _ask_limits(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, **session_options(pgbouncer=False))
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return dict(
                await connection.fetch(
                    "SELECT name, setting::int FROM pg_settings WHERE name = ANY($1)",
                    ["max_connections", *RESERVE_SETTINGS],
                )
            )
    finally:
        connection.terminate()
