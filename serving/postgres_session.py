"""How a session with the feature database is opened, and what says that it is lost."""

from typing import Any

import asyncpg

CONNECT_SECONDS = 2.0
LOST = (
    *(OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError),
    *(asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError),
    asyncpg.InternalClientError,  # a connection that is lost in the moment it is used
)
"""What says that the database, not the query, is at fault."""
AWAY = (*LOST, asyncpg.PostgresError)
"""The same while connecting, where a password or a database may also be missing, and come later."""


def session_options(*, pgbouncer: bool, timeout: float = CONNECT_SECONDS) -> dict[str, Any]:
    """How asyncpg connects. pgbouncer in transaction mode knows neither sessions nor prepared statements.

    Postgres itself ends a query after `timeout` seconds: one that waits for a lock does not notice that its
    caller has gone, and would keep its place among `max_connections`. Through pgbouncer that is the role's
    setting to make (ALTER ROLE ... SET statement_timeout).
    """
    if pgbouncer:
        return {"statement_cache_size": 0, "server_settings": {"application_name": "mojoline"}}
    return {
        "server_settings": {
            "application_name": "mojoline",
            "jit": "off",
            "default_transaction_read_only": "on",
            "statement_timeout": str(max(1, round(1000 * timeout))),
        }
    }
