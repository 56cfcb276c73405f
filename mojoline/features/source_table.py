"""The source table: files of a spec, staged and turned into one table by the spec's SQL script.

Everything happens in one transaction and in a schema of its own: readers keep the old table until the new
one takes its place at the very end, and a load that is killed leaves nothing behind. A ledger remembers what
a table was built from, so that the same load is not done twice.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from mojoline.features.columns import check_columns, read_source_columns, table_name
from mojoline.features.connection import connect
from mojoline.features.errors import FeatureError
from mojoline.features.staging import digest_files, locate_files, stage_file
from mojoline.model_spec import LoadSpec, ModelSpec
from mojoline.stage_cache import StageRecord

Progress = Callable[[str], None]

LEDGER = "mojoline_loads"
STAGING_PREFIX = "raw_"
BUILD_SCHEMA = "mojoline_build"


class LoadResult(StageRecord):
    """What a load did: rows of the table, seconds it took, and whether there was anything to do."""

    rows: int
    seconds: float
    loaded: bool


def load_source(
    database_url: str,
    spec: ModelSpec,
    models_dir: Path,
    *,
    until: datetime | None,
    progress: Progress | None = None,
) -> LoadResult:
    """Build `spec.source.table` from the spec's files, or find it built already.

    A table that holds the same files up to a later moment needs nothing: readers bound the time themselves,
    and no row may depend on later ones.

    Args:
        database_url: libpq URL of a database in which the user may create a schema.
        spec: the model; `spec.source.load` names files and script.
        models_dir: directory of the spec: script and relative files are looked up there.
        until: rows whose event time is not before this moment are not loaded; None loads all. A moment with a
            zone is taken as its wall clock in UTC.
        progress: called with one line per step.

    Raises:
        FeatureError: no `source.load`, a file or column is missing, or the script fails (its error is told).
    """
    say = progress or (lambda _line: None)
    load = require_load(spec)
    started = time.monotonic()
    files = locate_files(load, models_dir)
    script = read_script(models_dir, load.sql)
    until = wall_clock(until)
    recipe = load.model_dump_json(exclude={"files", "future"}) + script
    identity = (str(until or "infinity"), digest_files(files), hashlib.sha256(recipe.encode()).hexdigest())
    with connect(database_url) as connection, connection.transaction():
        # one load at a time; a second one of the same table then finds the work done
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (LEDGER,))
        rows = _rows_of_same_load(connection, spec, identity)
        if rows is not None:
            say(f"{spec.source.table}: {rows} rows are there already")
            return LoadResult(rows=rows, seconds=time.monotonic() - started, loaded=False)
        with build_schema(connection):
            stage_files(connection, load, files, say)
            say(f"building {spec.source.table} with {load.sql}")
            rows = run_script(connection, spec, script, until)
            _replace_table(connection, spec)
        _remember(connection, spec, identity, rows)
    seconds = time.monotonic() - started
    say(f"{spec.source.table}: {rows} rows in {seconds:.1f} s")
    return LoadResult(rows=rows, seconds=seconds, loaded=True)


def wall_clock(moment: datetime | None) -> datetime | None:
    """A moment without zone: as it is, or what a clock in UTC shows then."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment


def require_load(spec: ModelSpec) -> LoadSpec:
    """The spec's load; FeatureError if its table is filled by somebody else."""
    if spec.source.load is None:
        raise FeatureError(
            f"model {spec.name} names no files: source.load is missing, {spec.source.table} is yours"
        )
    return spec.source.load


def read_script(models_dir: Path, name: str) -> str:
    """The text of one of the spec's SQL scripts."""
    path = models_dir / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FeatureError(f"source.load: there is no file {path}") from None


@contextmanager
def build_schema(connection: psycopg.Connection, name: str = BUILD_SCHEMA, *seen: str) -> Iterator[None]:
    """A schema that exists inside the transaction only; unqualified names are created in it.

    The schemas in `seen` are looked through after it. A failed body leaves the dropping to the rollback.
    """
    schema = sql.Identifier(name)
    before = connection.execute("SHOW search_path").fetchone()
    try:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    except psycopg.errors.InsufficientPrivilege as error:
        raise FeatureError(
            f"loading needs a schema to build in: {error}; GRANT CREATE ON DATABASE to the database user"
        ) from error
    path = sql.SQL(", ").join(map(sql.Identifier, (name, *seen)))
    connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(path))
    connection.execute("SET LOCAL work_mem = '128MB'")  # the 4 MB default sorts on disk
    yield
    connection.execute("SELECT set_config('search_path', %s, true)", before)
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))


def stage_files(
    connection: psycopg.Connection,
    load: LoadSpec,
    files: dict[str, Path],
    say: Progress,
    lines: int | None = None,
) -> None:
    """COPY every file, or its first `lines`, into `raw_<name>` of the build schema."""
    for name, path in files.items():
        rows = stage_file(connection, STAGING_PREFIX + name, path, load.null_text, lines)
        say(f"copied {rows} rows of {path.name}")


def run_script(connection: psycopg.Connection, spec: ModelSpec, script: str, until: datetime | None) -> int:
    """Run the script in the build schema and check that its table fits the spec; the table's rows."""
    bare = spec.source.table.split(".")[-1]
    execute_script(connection, script, "source.load.sql", until=until)
    check_columns(spec, read_source_columns(connection, bare))
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(bare)))
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(bare))).fetchone()
    return int(row[0]) if row else 0


def execute_script(connection: psycopg.Connection, script: str, field: str, **values: object) -> None:
    """Run the statements of a script with `%(name)s` for values; FeatureError naming the spec's `field`."""
    try:
        # a client-side cursor: a script of many statements cannot have server-side parameters
        psycopg.ClientCursor(connection).execute(script.encode(), values)
    except psycopg.Error as error:
        raise FeatureError(f"{field} failed: {error}") from error


def _replace_table(connection: psycopg.Connection, spec: ModelSpec) -> None:
    """Put the built table in the place of the old one: the only moment readers have to wait."""
    *schema, bare = spec.source.table.split(".")
    connection.execute("SET LOCAL search_path TO DEFAULT")
    target = schema[0] if schema else _current_schema(connection)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(target, bare)))
    connection.execute(
        sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(
            sql.Identifier(BUILD_SCHEMA, bare), sql.Identifier(target)
        )
    )


def _current_schema(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise FeatureError("the database user's search_path names no schema that exists; set one")
    return str(row[0])


def _rows_of_same_load(
    connection: psycopg.Connection, spec: ModelSpec, identity: tuple[str, str, str]
) -> int | None:
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (table_name text PRIMARY KEY, until timestamp NOT NULL,"
            " files_sha256 text NOT NULL, script_sha256 text NOT NULL, row_count bigint NOT NULL,"
            " loaded_at timestamptz NOT NULL DEFAULT now())"
        ).format(sql.Identifier(LEDGER))
    )
    found = connection.execute(
        sql.SQL(
            "SELECT row_count FROM {}"
            " WHERE table_name = %s AND until >= %s AND (files_sha256, script_sha256) = (%s, %s)"
            " AND to_regclass(%s) IS NOT NULL"
        ).format(sql.Identifier(LEDGER)),
        (spec.source.table, *identity, table_name(spec.source.table).as_string(connection)),
    ).fetchone()
    return int(found[0]) if found else None


def _remember(
    connection: psycopg.Connection, spec: ModelSpec, identity: tuple[str, str, str], rows: int
) -> None:
    connection.execute(
        sql.SQL(
            "INSERT INTO {} (table_name, until, files_sha256, script_sha256, row_count)"
            " VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (table_name) DO UPDATE"
            " SET (until, files_sha256, script_sha256, row_count, loaded_at) ="
            " (excluded.until, excluded.files_sha256, excluded.script_sha256, excluded.row_count, now())"
        ).format(sql.Identifier(LEDGER)),
        (spec.source.table, *identity, rows),
    )
