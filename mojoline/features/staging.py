"""The files of a load: where they are, what they contain, and their way into staging tables."""

import csv
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import psycopg
from psycopg import sql

from mojoline.features.errors import FeatureError
from mojoline.model_spec import LoadSpec

PACKAGE_PREFIX = "python-package:"
CHUNK = 1 << 20


def locate_file(location: str, models_dir: Path) -> Path:
    """The file a spec names: beside the spec, or in an installed package, which is not imported."""
    if location.startswith(PACKAGE_PREFIX):
        path = PurePosixPath(location.removeprefix(PACKAGE_PREFIX))
        package, *inside = path.parts
        found = importlib.util.find_spec(package) if package.isidentifier() else None
        if found is None or not found.submodule_search_locations:
            raise FeatureError(
                f"{location}: the package {package!r} is not installed; install it, or give a file"
            )
        file = Path(found.submodule_search_locations[0]).joinpath(*inside)
    else:
        file = models_dir / location
    if not file.is_file():
        raise FeatureError(
            f"{location}: there is no file {file}; correct source.load.files in the model spec"
        )
    return file


def locate_files(load: LoadSpec, models_dir: Path) -> dict[str, Path]:
    """Every file of the load by the name of its staging table."""
    return {name: locate_file(location, models_dir) for name, location in load.files.items()}


def digest_files(files: dict[str, Path]) -> str:
    """sha256 (hex) over names and contents."""
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        with path.open("rb") as stream:
            total.update(f"{name}:{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


@contextmanager
def open_csv(path: Path) -> Iterator[BinaryIO]:
    """The CSV's bytes; a `.zip` must hold exactly one file."""
    if path.suffix != ".zip":
        with path.open("rb") as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise FeatureError(f"{path} holds {len(names)} files; a zipped CSV holds exactly one")
            with archive.open(names[0]) as member:
                yield cast("BinaryIO", member)
    except zipfile.BadZipFile as error:
        raise FeatureError(f"{path}: {error}; fetch the file again") from error


def stage_file(
    connection: psycopg.Connection, table: str, path: Path, null_text: str, lines: int | None = None
) -> int:
    """COPY one CSV, or its first `lines`, into a new table of text columns named by its header; its rows."""
    with open_csv(path) as stream:
        header = stream.readline()
        names = next(csv.reader(io.StringIO(header.decode("utf-8-sig"))), [])
        if not names or len(set(names)) != len(names):
            raise FeatureError(f"{path}: the first line must name each column once, it is {header[:200]!r}")
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in names)
        connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} ({})").format(sql.Identifier(table), columns))
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, NULL {})").format(
            sql.Identifier(table), sql.Literal(null_text)
        )
        with connection.cursor() as cursor:
            try:
                with cursor.copy(statement) as copy:
                    for chunk in _chunks(stream) if lines is None else _first_lines(stream, lines):
                        copy.write(chunk)
            except psycopg.DataError as error:
                raise FeatureError(f"{path}: not loaded: {error}") from error
            rows = cursor.rowcount
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    return rows


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _first_lines(stream: BinaryIO, count: int) -> Iterator[bytes]:
    """The first `count` lines, and those that a quoted value reaches into."""
    quotes = 0
    for number, line in enumerate(stream):
        if number >= count and quotes % 2 == 0:
            return
        quotes += line.count(b'"')
        yield line
