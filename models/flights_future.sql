-- Rewrites, in the staging tables, what nobody could know at %(at)s (New York local time), for the leakage check.
--
-- Written without what flights.sql knows about arrivals: a flight is in the air at least until its departure
-- (scheduled + dep_delay) plus its air_time, whatever its schedule says about landing.

CREATE UNLOGGED TABLE unknown AS
SELECT ctid AS place, row_number() OVER (ORDER BY ctid) AS number
FROM (
    SELECT
        *,
        (make_date(year::int, month::int, day::int)
            + make_time(sched_dep_time::int / 100 %% 24, sched_dep_time::int %% 100, 0)) AS departs,
        %(at)s::timestamp AS at
    FROM (SELECT ctid, * FROM raw_flights) f
) f
WHERE departs + interval '1 minute' * (dep_delay::int + air_time::int) > at  -- still in the air
    OR (departs > at AND arr_delay IS NULL)  -- to be diverted, or cancelled an hour after its schedule
    OR (departs + interval '1 hour' > at AND dep_time IS NULL);

-- Every third is cancelled if that is still unknown then, the others land 1000 minutes later than they did.
UPDATE raw_flights
SET dep_time = NULL, dep_delay = NULL, arr_time = NULL, arr_delay = NULL, air_time = NULL
FROM unknown
WHERE raw_flights.ctid = place AND number %% 3 = 0
    AND make_date(year::int, month::int, day::int)
        + make_time(sched_dep_time::int / 100 %% 24, sched_dep_time::int %% 100, 0) > %(at)s::timestamp;

UPDATE raw_flights
SET dep_time = '1200', dep_delay = '900', arr_time = '1300', air_time = '99',
    arr_delay = (coalesce(arr_delay::int, 0) + 1000)::text
FROM unknown
WHERE raw_flights.ctid = place AND number %% 3 > 0;

-- The hour of an observation must be over before it is known.
UPDATE raw_weather
SET temp = temp::float8 + 50, dewp = dewp::float8 + 50, humid = humid::float8 / 2,
    wind_speed = wind_speed::float8 + 30, precip = precip::float8 + 1, visib = visib::float8 / 2,
    pressure = pressure::float8 + 100
WHERE time_hour::timestamptz + interval '1 hour' > %(at)s::timestamp AT TIME ZONE 'America/New_York';
