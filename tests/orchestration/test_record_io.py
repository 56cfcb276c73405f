"""Records between assets: JSON on disk, checked when read, with the files of their stage."""

import json
import shutil

import dagster as dg
import pytest

from assets.record_io import RecordIOManager, record_path
from mojoline.stage_cache import StageRecord, run_stage


class Letter(StageRecord):
    words: int
    text: str = "letter.txt"


class Parcel(StageRecord):
    weight: float


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MOJOLINE_HOME", str(tmp_path))
    return tmp_path


def line(home):
    @dg.asset(key_prefix="post", io_manager_key="records")
    def letter() -> Letter:
        def write(directory):
            (directory / "letter.txt").write_text("two words")
            return Letter(words=2)

        return run_stage(home / "work" / "letter", "k", Letter, write)[0]

    @dg.asset(key_prefix="post")
    def reading(letter: Letter) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"read": letter.file(letter.text).read_text()})

    return [letter, reading]


def run(assets, selection=None, **options):
    return dg.materialize(assets, selection=selection, resources={"records": RecordIOManager()}, **options)


def read_metadata(result):
    [event] = result.asset_materializations_for_node("post__reading")
    return event.metadata["read"].value


def test_record_and_its_files_reach_the_next_asset(home):
    assert read_metadata(run(line(home))) == "two words"
    stored = json.loads(record_path(dg.AssetKey(["post", "letter"])).read_text())
    assert stored["record"] == {"words": 2, "text": "letter.txt"}


def test_a_later_run_of_one_asset_reads_the_stored_record(home):
    """Somebody materializes only the last stage from the UI."""
    run(line(home))
    assert read_metadata(run(line(home), selection=[dg.AssetKey(["post", "reading"])])) == "two words"


def reading_alone(home):
    return run(line(home), selection=[dg.AssetKey(["post", "reading"])], raise_on_error=False)


def failure_text(result):
    return " ".join(str(event.event_specific_data.error) for event in result.get_step_failure_events())


def test_never_materialized_says_what_to_do(home):
    assert "post/letter was never materialized here" in failure_text(reading_alone(home))


def test_files_that_were_cleared_away_are_named(home):
    run(line(home))
    shutil.rmtree(home / "work" / "letter")
    assert "the files of post/letter are gone" in failure_text(reading_alone(home))


@pytest.mark.parametrize("content", ["", "{}", '{"record": {"weight": 3}}', '{"record": {"words": "many"}}'])
def test_a_record_of_another_shape_is_refused(home, content):
    """A checkout of another version left its records behind."""
    run(line(home))
    record_path(dg.AssetKey(["post", "letter"])).write_text(content)
    assert "is not a Letter of this version" in failure_text(reading_alone(home))


def test_only_records_are_stored(home):
    @dg.asset(io_manager_key="records")
    def anything():
        return {"any": object()}

    result = run([anything], raise_on_error=False)
    assert "a record is needed" in failure_text(result)
    assert list(home.rglob("*.json")) == []
