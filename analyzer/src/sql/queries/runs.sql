-- The run of each recorder: when it began and ended, its gaps, and how long it observed.
--   recorder: First eight digits of the UUID of the recorder's run.
--   host: Host on which it ran.
--   started_at: When it began; its first row if it did not note its start.
--   ended_at: When it ended; its last row if it still runs or was killed.
--   is_stopped: Whether it noted its own stop.
--   gap_s [s]: Time between both in which nothing, or not everything, was observed.
--   observed_s [s]: The other time between both: rates are per second of it.
WITH noted AS (
    SELECT
        recorder,
        host,
        CAST(min(at) FILTER (WHERE kind = 'recording_started') AS BIGINT) AS started_ns,
        CAST(max(at) FILTER (WHERE kind = 'recording_stopped') AS BIGINT) AS stopped_ns
    FROM annotations
    GROUP BY recorder, host
),
seen AS (
    SELECT
        recorder,
        host,
        min(finished_at) AS first_at,
        max(finished_at) AS last_at,
        min(finished_at) AS first_row,
        max(finished_at) AS last_row
    FROM operation_log
    GROUP BY recorder, host
    UNION ALL
    SELECT
        recorder,
        host,
        min(at) AS first_at,
        max(begun_at(at, -interval_ns(recorder))) AS last_at,
        NULL AS first_row,
        NULL AS last_row
    FROM operation_metrics
    GROUP BY recorder, host
    UNION ALL
    SELECT recorder, host, min(at) AS first_at, max(at) AS last_at, NULL AS first_row, NULL AS last_row
    FROM recorder_health
    GROUP BY recorder, host
),
rows AS (
    SELECT
        recorder,
        host,
        CAST(min(first_at) AS BIGINT) AS first_ns,
        CAST(max(last_at) AS BIGINT) AS last_ns,
        CAST(min(first_row) AS BIGINT) AS first_row_ns,
        CAST(max(last_row) AS BIGINT) AS last_row_ns
    FROM seen
    GROUP BY recorder, host
),
run AS (
    SELECT
        rows.recorder,
        rows.host,
        least(coalesce(started_ns, first_ns), first_row_ns) AS from_ns,
        greatest(coalesce(stopped_ns, last_ns), last_row_ns) AS to_ns,
        stopped_ns IS NOT NULL AS is_stopped
    FROM rows
    LEFT JOIN noted ON rows.recorder = noted.recorder AND rows.host = noted.host
),
gap AS (
    SELECT
        run.recorder,
        run.host,
        greatest(CAST(at AS BIGINT), from_ns) AS from_ns,
        least(CAST(until AS BIGINT), to_ns) AS to_ns
    FROM annotations
    INNER JOIN run ON annotations.recorder = run.recorder AND annotations.host = run.host
    WHERE kind = 'gap'
),
-- Time in two gaps counts once.
piece AS (
    SELECT
        recorder,
        host,
        greatest(from_ns, max(to_ns) OVER (
            PARTITION BY recorder, host ORDER BY from_ns, to_ns
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )) AS from_ns,
        to_ns
    FROM gap
),
unobserved AS (
    SELECT recorder, host, sum(greatest(to_ns - from_ns, 0)) AS gap_ns
    FROM piece
    GROUP BY recorder, host
)
SELECT
    run.recorder,
    run.host,
    to_timestamp_nanos(from_ns, 'UTC') AS started_at,
    to_timestamp_nanos(to_ns, 'UTC') AS ended_at,
    is_stopped,
    coalesce(gap_ns, 0) / 1e9 AS gap_s,
    (to_ns - from_ns - coalesce(gap_ns, 0)) / 1e9 AS observed_s
FROM run
LEFT JOIN unobserved ON run.recorder = unobserved.recorder AND run.host = unobserved.host
