"""Records pass from asset to asset as JSON: readable, diffable, and nothing runs when one is read.

One file per asset, `<home>/work/records/<model>/<asset>.json`, replaced by rename. A record that owns a stage
directory carries that directory beside it, because the names of its files are relative to it.
"""

import json
import os
from pathlib import Path
from typing import TypeVar

import dagster as dg
from pydantic import BaseModel, ValidationError

from mojoline.settings import load_settings
from mojoline.stage_cache import StageRecord

RECORDS = "records"

RecordT = TypeVar("RecordT", bound=BaseModel)


class RecordIOManager(dg.IOManager):
    """Stores pydantic records as JSON and checks them against the type the reading asset asks for."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Write the record; TypeError for anything that is not a pydantic model."""
        if obj is None:
            return
        if not isinstance(obj, BaseModel):
            raise TypeError(
                f"{context.asset_key.to_user_string()} returned a {type(obj).__name__}; a record is needed"
            )
        envelope: dict[str, object] = {"run_id": context.run_id, "record": obj.model_dump(mode="json")}
        if isinstance(obj, StageRecord):
            envelope["directory"] = str(obj.directory.absolute())
        path = record_path(context.asset_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        scratch.write_text(json.dumps(envelope, indent=1), encoding="utf-8")
        scratch.replace(path)

    def load_input(self, context: dg.InputContext) -> BaseModel:
        """The latest record of the upstream asset, as the type annotated on the argument."""
        wanted = context.dagster_type.typing_type
        if not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
            raise TypeError(f"input {context.name} is annotated {wanted}; a record type is needed")
        return read_record(context.asset_key, wanted)


def record_path(asset_key: dg.AssetKey) -> Path:
    """Where the latest record of an asset lies."""
    *folders, name = asset_key.path
    return load_settings().work_dir.joinpath(RECORDS, *folders, f"{name}.json")


def read_record(asset_key: dg.AssetKey, record: type[RecordT]) -> RecordT:
    """The latest record of an asset; dg.Failure with the next step if there is none or it does not fit."""
    path = record_path(asset_key)
    name = asset_key.to_user_string()
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))
        found = record.model_validate(envelope["record"])
    except FileNotFoundError:
        raise dg.Failure(
            f"{name} was never materialized here ({path} is missing): materialize it first"
        ) from None
    except (ValidationError, KeyError, json.JSONDecodeError) as error:
        raise dg.Failure(
            f"{path} is not a {record.__name__} of this version: materialize {name} again ({error})"
        ) from error
    if not isinstance(found, StageRecord):
        return found
    directory = Path(envelope["directory"])
    if not directory.is_dir():
        raise dg.Failure(f"the files of {name} are gone ({directory}): materialize it again")
    return found.at(directory)
