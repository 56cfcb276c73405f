"""What the assets of every stage share: key, owner, errors, and how dates in run config are read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from mojoline.errors import MojolineError
from mojoline.model_spec import ModelSpec

OWNERS = ["team:mojoline"]
RECORD_IO = "records"
H2O_POOL = "h2o"


class Window(dg.Config):
    """Which rows a run sees, by event time."""

    since: str | None = Field(default=None, description="first event time, ISO 8601, UTC if it names no zone")
    until: str | None = Field(default=None, description="event times before this one, ISO 8601; empty: all")


def stage_asset(
    spec: ModelSpec,
    *,
    group: str,
    kinds: set[str],
    description: str,
    code: str,
    reads: Sequence[str] = (),
    after: Sequence[str] = (),
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` for a stage of `spec`: the function's name under the key prefix of the model's name.

    Args:
        spec: the model.
        group: the group in the UI.
        kinds: what the stage works with, for the icons in the UI; at most three.
        description: for the person who reads the UI.
        code: the code version.
        reads: stages of the same model whose records the function takes, named as its arguments.
        after: stages of the same model that come first without handing over a record.
        pool: of the assets in one pool, only one is made at a time.
    """
    return dg.asset(
        key_prefix=[spec.name],
        ins={stage: dg.AssetIn(key=asset_key(spec, stage)) for stage in reads},
        deps=[asset_key(spec, stage) for stage in after],
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
        description=description,
        code_version=code,
        pool=pool,
        io_manager_key=RECORD_IO,
    )


def asset_key(spec: ModelSpec, stage: str) -> dg.AssetKey:
    """The key of one stage of one model."""
    return dg.AssetKey([spec.name, stage])


def spec_part(spec: ModelSpec, *fields: str) -> str:
    """Those fields of the spec as JSON: what a stage's key is made of."""
    return spec.model_dump_json(include=set(fields))


def read_moment(text: str | None) -> datetime | None:
    """A moment from run config, UTC if it names no zone; dg.Failure if it is not ISO 8601."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise dg.Failure(f"{text!r} is not a moment: write 2013-04-01 or 2013-04-01T06:00:00+00:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def shown_errors() -> Iterator[None]:
    """Expected failures show their message in the UI, not the traceback of the code that noticed them."""
    try:
        yield
    except MojolineError as error:
        raise dg.Failure(description=str(error), metadata={"error": type(error).__name__}) from error
