"""Connections to the feature database, all with the same idea of time and of numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from mojoline.features.errors import FeatureError

# timezone: a moment compared with a timestamp without zone means the wall clock it shows in UTC.
# extra_float_digits: floats are written so that they read back exactly.
# jit: compiling costs more than it saves on these queries.
# client_connection_check_interval: what a killed client left running stops within a second.
SESSION_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "timezone=UTC",
        "datestyle=ISO",
        "extra_float_digits=1",
        "jit=off",
        "client_connection_check_interval=1s",
    )
)


@contextmanager
def connect(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection (transactions are opened by name); FeatureError if the server is away."""
    try:
        connection = psycopg.connect(
            database_url,
            autocommit=True,
            options=SESSION_OPTIONS,
            application_name="mojoline",
            connect_timeout=10,
        )
    except psycopg.OperationalError as error:
        raise FeatureError(
            f"the database does not answer: {error}; run `mojoline up` or correct DATABASE_URL"
        ) from error
    with connection:
        yield connection
