"""Dagster's tables: a schema of their own in the stack's database, made beside it and renamed once whole.

Dagster makes them one by one, without a transaction, and takes what a killed process left for complete.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mojoline.stack.errors import StackError

if TYPE_CHECKING:
    import psycopg

SCHEMA = "dagster"
UNFINISHED = f"{SCHEMA}_unfinished_"
LOCK = 0x6D6F6A6F  # of those that make the tables at the same time, from several homes

_MAKE = (
    "import os; from dagster_postgres import DagsterPostgresStorage; "
    "DagsterPostgresStorage(os.environ['STORAGE_URL'])"
)
_OPEN = "from dagster import DagsterInstance; DagsterInstance.get().dispose()"


def storage_url(database_url: str, schema: str = SCHEMA) -> str:
    """The SQLAlchemy URL of Dagster's tables in `schema`.

    The driver is named: SQLAlchemy 2.1 takes a plain URL for psycopg 3, which Dagster's events cannot use. So
    is the time zone: Dagster's columns have none, and it reads them as UTC.
    """
    rest = database_url.split("://", 1)[1]
    options = f"options=-csearch_path%3D{schema}%20-ctimezone%3DUTC"
    return f"postgresql+psycopg2://{rest}{'&' if '?' in rest else '?'}{options}"


def ensure_storage(database_url: str) -> None:
    """Make the tables unless they are there.

    Raises:
        StackError: the database is no use, or its schema `dagster` holds something else.
    """
    import psycopg
    from psycopg import sql

    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            database = connection.info.dbname
            if _is_whole(connection):
                return
            connection.execute("SET lock_timeout = '60s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # until this connection ends
            if _is_whole(connection):  # somebody else's work
                return
            for (left,) in connection.execute(
                "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", [UNFINISHED]
            ).fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(left)))
            # A name that never comes twice: who was killed may have left a process that still writes.
            making = f"{UNFINISHED}{uuid.uuid4().hex[:8]}"
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(making)))
            _run(_MAKE, {"STORAGE_URL": storage_url(database_url, making)}, f"the schema {making}")
            with connection.transaction():
                connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA}")  # an empty one
                connection.execute(
                    sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                        sql.Identifier(making), sql.Identifier(SCHEMA)
                    )
                )
    except psycopg.errors.DependentObjectsStillExist:
        raise StackError(
            f"the schema {SCHEMA} of the database {database} holds something that is not Dagster's: drop it "
            f"(DROP SCHEMA {SCHEMA} CASCADE) if nobody needs it, or set DATABASE_URL to another database"
        ) from None
    except psycopg.Error as error:
        raise StackError(f"the database of DATABASE_URL cannot be used: {error}") from None


def open_given_storage(directory: os.PathLike[str]) -> None:
    """Let one process make the tables of somebody's instance: three that start at once would stamp it twice.

    Raises:
        StackError: the instance cannot be opened; the message holds Dagster's reason.
    """
    _run(_OPEN, {"DAGSTER_HOME": str(directory)}, f"the Dagster instance in {directory}")


def _is_whole(connection: "psycopg.Connection") -> bool:
    """Whether the tables are there: one means all, since the schema gets its name when they are."""
    found = connection.execute(f"SELECT to_regclass('{SCHEMA}.alembic_version')").fetchone()
    return found is not None and found[0] is not None


def _run(program: str, environment: Mapping[str, str], what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment, "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StackError(f"{what} cannot be opened: {reason}")
