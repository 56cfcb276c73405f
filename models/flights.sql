-- Builds the table `flights` from raw_flights, raw_weather, raw_planes and raw_airports (columns of text, NA = NULL).
-- %(until)s bounds the scheduled departure of what is loaded (NULL = everything).
--
-- Clocks: the schedule is written in local time, departures in New York's, arrivals in the destination's.
-- Everything is turned into instants first (timestamptz); only scheduled_departure and prediction_time go back
-- to New York local time.
--
-- When a flight's outcome is known (known_at), and to whom:
--   * landed: scheduled arrival + arr_delay. The scheduled arrival is the first instant after the scheduled
--     departure at which the destination's clock shows sched_arr_time (so midnight and time zones are both right).
--   * cancelled (never departed): one hour after the scheduled departure.
--   * diverted, or arrival not recorded: never; such a flight counts nowhere and has no target.
-- A feature of a flight sees only outcomes with known_at <= its prediction time.

CREATE UNLOGGED TABLE schedule AS
WITH local AS (
    SELECT
        f.*,
        make_date(year::int, month::int, day::int) AS dep_date,
        make_time(sched_dep_time::int / 100 %% 24, sched_dep_time::int %% 100, 0) AS dep_clock,
        make_time(sched_arr_time::int / 100 %% 24, sched_arr_time::int %% 100, 0) AS arr_clock,
        -- the four destinations airports.csv lacks (BQN, PSE, SJU, STT) all keep Puerto Rico's time
        coalesce(a.tzone, 'America/Puerto_Rico') AS dest_zone
    FROM raw_flights f
    LEFT JOIN raw_airports a ON a.faa = f.dest
), departing AS (
    SELECT
        *,
        dep_date + dep_clock AS scheduled_departure,
        (dep_date + dep_clock) AT TIME ZONE 'America/New_York' AS departs_at
    FROM local
    WHERE %(until)s::timestamp IS NULL OR dep_date + dep_clock < %(until)s::timestamp
), arriving AS (
    SELECT
        *,
        ((departs_at AT TIME ZONE dest_zone)::date + arr_clock) AT TIME ZONE dest_zone AS same_day,
        ((departs_at AT TIME ZONE dest_zone)::date + 1 + arr_clock) AT TIME ZONE dest_zone AS next_day
    FROM departing
), due AS (
    SELECT *, CASE WHEN same_day > departs_at THEN same_day ELSE next_day END AS arrives_at
    FROM arriving
)
SELECT
    row_number() OVER (ORDER BY departs_at, carrier, flight::int, origin, dest)::int AS seq,
    concat_ws('-', dep_date, carrier, flight, origin, dest) AS flight_id,
    scheduled_departure,
    departs_at,
    departs_at - interval '60 minutes' AS predicted_at,
    carrier, flight::int AS flight, tailnum, origin, dest, distance::int AS distance,
    -- what records are kept of, as 64-bit integers: they sort several times faster than text
    hashtextextended(carrier, 0) AS carrier_key,
    hashtextextended(origin || dest, 0) AS route_key,
    hashtextextended(tailnum, 0) AS tail_key,
    hashtextextended(dest, 0) AS dest_key,
    hashtextextended(origin, 0) AS origin_key,
    extract(epoch FROM arrives_at - departs_at)::int / 60 AS block_minutes,
    CASE
        WHEN arr_delay IS NOT NULL THEN arrives_at + arr_delay::int * interval '1 minute'
        WHEN dep_time IS NULL THEN departs_at + interval '1 hour'
    END AS known_at,
    arr_delay::int AS delay,
    dep_time IS NULL AS cancelled
FROM due;

ANALYZE schedule;

-- Rolling records. Every outcome is a mark that counts +1 from known_at and -1 once it leaves a window, every
-- prediction a mark that counts nothing; running sums over the marks of one key in order of time give each
-- prediction the outcomes of (predicted_at - window, predicted_at]. One sort per key, however long the windows.

CREATE UNLOGGED TABLE outcome AS
SELECT
    carrier_key, route_key, tail_key, dest_key, origin_key, known_at,
    CASE WHEN cancelled THEN 0 ELSE 1 END AS landed,
    CASE WHEN delay > 15 THEN 1 ELSE 0 END AS late,
    CASE WHEN cancelled THEN 0 ELSE delay END AS delay,
    CASE WHEN cancelled THEN 1 ELSE 0 END AS cancelled
FROM schedule
WHERE known_at IS NOT NULL;

ANALYZE outcome;

CREATE UNLOGGED TABLE carrier_record AS
SELECT
    seq,
    late_1d / nullif(landed_1d, 0)::float8 AS late_rate_1d,
    delay_1d / nullif(landed_1d, 0)::float8 AS mean_delay_1d,
    late_7d / nullif(landed_7d, 0)::float8 AS late_rate_7d
FROM (
    SELECT
        seq,
        sum(landed_1d) OVER passed AS landed_1d,
        sum(late_1d) OVER passed AS late_1d,
        sum(delay_1d) OVER passed AS delay_1d,
        sum(landed_7d) OVER passed AS landed_7d,
        sum(late_7d) OVER passed AS late_7d
    FROM (
        SELECT
            carrier_key, known_at + after AS at, NULL::int AS seq,
            in_1d * landed AS landed_1d, in_1d * late AS late_1d, in_1d * delay AS delay_1d,
            in_7d * landed AS landed_7d, in_7d * late AS late_7d
        FROM outcome,
            (VALUES ('0'::interval, 1, 1), ('1 day', -1, 0), ('7 days', 0, -1)) w (after, in_1d, in_7d)
        WHERE landed = 1
        UNION ALL
        SELECT carrier_key, predicted_at, seq, 0, 0, 0, 0, 0 FROM schedule
    ) mark
    WINDOW passed AS (PARTITION BY carrier_key ORDER BY at)
) running
WHERE seq IS NOT NULL;

CREATE UNLOGGED TABLE route_record AS
SELECT
    seq,
    late_7d / nullif(landed_7d, 0)::float8 AS late_rate_7d,
    delay_7d / nullif(landed_7d, 0)::float8 AS mean_delay_7d
FROM (
    SELECT
        seq,
        sum(landed_7d) OVER passed AS landed_7d,
        sum(late_7d) OVER passed AS late_7d,
        sum(delay_7d) OVER passed AS delay_7d
    FROM (
        SELECT
            route_key, known_at + after AS at, NULL::int AS seq,
            in_7d * landed AS landed_7d, in_7d * late AS late_7d, in_7d * delay AS delay_7d
        FROM outcome,
            (VALUES ('0'::interval, 1), ('7 days', -1)) w (after, in_7d)
        WHERE landed = 1
        UNION ALL
        SELECT route_key, predicted_at, seq, 0, 0, 0 FROM schedule
    ) mark
    WINDOW passed AS (PARTITION BY route_key ORDER BY at)
) running
WHERE seq IS NOT NULL;

CREATE UNLOGGED TABLE tail_record AS
SELECT
    seq,
    delay_1d / nullif(landed_1d, 0)::float8 AS mean_delay_1d,
    late_7d / nullif(landed_7d, 0)::float8 AS late_rate_7d
FROM (
    SELECT
        seq,
        sum(landed_1d) OVER passed AS landed_1d,
        sum(delay_1d) OVER passed AS delay_1d,
        sum(landed_7d) OVER passed AS landed_7d,
        sum(late_7d) OVER passed AS late_7d
    FROM (
        SELECT
            tail_key, known_at + after AS at, NULL::int AS seq,
            in_1d * landed AS landed_1d, in_1d * delay AS delay_1d, in_7d * landed AS landed_7d,
            in_7d * late AS late_7d
        FROM outcome,
            (VALUES ('0'::interval, 1, 1), ('1 day', -1, 0), ('7 days', 0, -1)) w (after, in_1d, in_7d)
        WHERE landed = 1 AND tail_key IS NOT NULL
        UNION ALL
        SELECT tail_key, predicted_at, seq, 0, 0, 0, 0 FROM schedule WHERE tail_key IS NOT NULL
    ) mark
    WINDOW passed AS (PARTITION BY tail_key ORDER BY at)
) running
WHERE seq IS NOT NULL;

CREATE UNLOGGED TABLE dest_record AS
SELECT
    seq,
    late_6h / nullif(landed_6h, 0)::float8 AS late_rate_6h,
    late_1d / nullif(landed_1d, 0)::float8 AS late_rate_1d
FROM (
    SELECT
        seq,
        sum(landed_6h) OVER passed AS landed_6h,
        sum(late_6h) OVER passed AS late_6h,
        sum(landed_1d) OVER passed AS landed_1d,
        sum(late_1d) OVER passed AS late_1d
    FROM (
        SELECT
            dest_key, known_at + after AS at, NULL::int AS seq,
            in_6h * landed AS landed_6h, in_6h * late AS late_6h, in_1d * landed AS landed_1d,
            in_1d * late AS late_1d
        FROM outcome,
            (VALUES ('0'::interval, 1, 1), ('6 hours', -1, 0), ('1 day', 0, -1)) w (after, in_6h, in_1d)
        WHERE landed = 1
        UNION ALL
        SELECT dest_key, predicted_at, seq, 0, 0, 0, 0 FROM schedule
    ) mark
    WINDOW passed AS (PARTITION BY dest_key ORDER BY at)
) running
WHERE seq IS NOT NULL;

CREATE UNLOGGED TABLE origin_record AS
SELECT
    seq,
    late_3h / nullif(landed_3h, 0)::float8 AS late_rate_3h,
    delay_3h / nullif(landed_3h, 0)::float8 AS mean_delay_3h,
    late_1d / nullif(landed_1d, 0)::float8 AS late_rate_1d,
    cancelled_1d / nullif(landed_1d + cancelled_1d, 0)::float8 AS cancel_rate_1d
FROM (
    SELECT
        seq,
        sum(landed_3h) OVER passed AS landed_3h,
        sum(late_3h) OVER passed AS late_3h,
        sum(delay_3h) OVER passed AS delay_3h,
        sum(landed_1d) OVER passed AS landed_1d,
        sum(late_1d) OVER passed AS late_1d,
        sum(cancelled_1d) OVER passed AS cancelled_1d
    FROM (
        SELECT
            origin_key, known_at + after AS at, NULL::int AS seq,
            in_3h * landed AS landed_3h, in_3h * late AS late_3h, in_3h * delay AS delay_3h,
            in_1d * landed AS landed_1d, in_1d * late AS late_1d, in_1d * cancelled AS cancelled_1d
        FROM outcome,
            (VALUES ('0'::interval, 1, 1), ('3 hours', -1, 0), ('1 day', 0, -1)) w (after, in_3h, in_1d)
        UNION ALL
        SELECT origin_key, predicted_at, seq, 0, 0, 0, 0, 0, 0 FROM schedule
    ) mark
    WINDOW passed AS (PARTITION BY origin_key ORDER BY at)
) running
WHERE seq IS NOT NULL;

ANALYZE carrier_record;
ANALYZE route_record;
ANALYZE tail_record;
ANALYZE dest_record;
ANALYZE origin_record;

-- Cold documents, one per aircraft and per hour of weather.

CREATE UNLOGGED TABLE plane AS
SELECT
    tailnum,
    jsonb_strip_nulls(jsonb_build_object(
        'year', year::int, 'type', type, 'manufacturer', manufacturer, 'model', model,
        'engines', engines::int, 'seats', seats::int, 'speed', speed::int, 'engine', engine)) AS document
FROM raw_planes;

CREATE UNLOGGED TABLE weather AS
SELECT
    origin,
    time_hour::timestamptz AS hour,
    temp::float8 AS temp, wind_speed::float8 AS wind_speed, precip::float8 AS precip, visib::float8 AS visib,
    jsonb_strip_nulls(jsonb_build_object(
        'dewp', dewp::float8, 'humid', humid::float8, 'wind_dir', wind_dir::int,
        'wind_gust', wind_gust::float8, 'pressure', pressure::float8, 'hour', time_hour)) AS document
FROM raw_weather;

CREATE UNLOGGED TABLE congestion AS
SELECT origin, date_trunc('hour', departs_at) AS hour, count(*)::smallint AS departures
FROM schedule
GROUP BY 1, 2;

ANALYZE plane;
ANALYZE weather;
ANALYZE congestion;

CREATE TABLE flights AS
SELECT
    s.flight_id,
    s.scheduled_departure,
    s.predicted_at AT TIME ZONE 'America/New_York' AS prediction_time,
    CASE WHEN s.delay > 15 THEN 'yes' WHEN s.delay IS NOT NULL THEN 'no' END AS late,
    s.carrier, s.origin, s.dest,
    extract(isodow FROM s.scheduled_departure)::smallint AS day_of_week,
    (extract(hour FROM s.scheduled_departure) * 60 + extract(minute FROM s.scheduled_departure))::smallint
        AS sched_dep_minute,
    s.block_minutes::smallint AS sched_block_minutes,
    s.distance::smallint AS distance,
    g.departures AS origin_departures_hour,
    c.late_rate_1d AS carrier_late_rate_1d,
    c.late_rate_7d AS carrier_late_rate_7d,
    c.mean_delay_1d AS carrier_mean_delay_1d,
    r.late_rate_7d AS route_late_rate_7d,
    r.mean_delay_7d AS route_mean_delay_7d,
    t.late_rate_7d AS tail_late_rate_7d,
    t.mean_delay_1d AS tail_mean_delay_1d,
    d.late_rate_6h AS dest_late_rate_6h,
    d.late_rate_1d AS dest_late_rate_1d,
    o.late_rate_3h AS origin_late_rate_3h,
    o.late_rate_1d AS origin_late_rate_1d,
    o.mean_delay_3h AS origin_mean_delay_3h,
    o.cancel_rate_1d AS origin_cancel_rate_1d,
    w.temp, w.wind_speed, w.precip, w.visib,
    -- the cold document: everything else that was known; no outcome of this flight is in it
    jsonb_build_object('flight', s.flight, 'tailnum', s.tailnum, 'plane', p.document, 'weather', w.document)
        AS details
FROM schedule s
LEFT JOIN carrier_record c USING (seq)
LEFT JOIN route_record r USING (seq)
LEFT JOIN tail_record t USING (seq)
LEFT JOIN dest_record d USING (seq)
LEFT JOIN origin_record o USING (seq)
LEFT JOIN congestion g ON g.origin = s.origin AND g.hour = date_trunc('hour', s.departs_at)
LEFT JOIN plane p ON p.tailnum = s.tailnum
-- the last hour that was over at prediction time
LEFT JOIN weather w ON w.origin = s.origin AND w.hour = date_trunc('hour', s.predicted_at) - interval '1 hour';

ALTER TABLE flights ADD PRIMARY KEY (flight_id);
CREATE INDEX ON flights (scheduled_departure, flight_id);
