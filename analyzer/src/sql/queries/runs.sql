-- The run of each recorder: when it began and ended, its gaps, and how long it observed.
--   recorder: First eight digits of the UUID of the recorder's run.
--   host: Host on which it ran.
--   started_at: When it began; its first row if it did not note its start.
--   ended_at: When it ended; its last row if it still runs or was killed.
--   is_stopped: Whether it noted its own stop.
--   gap_s [s]: Time between both in which nothing, or not everything, was observed.
--   observed_s [s]: The other time between both: rates are per second of it.
SELECT DISTINCT
    recorder,
    host,
    started_at,
    ended_at,
    is_stopped,
    gap_ns / 1e9 AS gap_s,
    (CAST(ended_at AS BIGINT) - CAST(started_at AS BIGINT) - gap_ns) / 1e9 AS observed_s
FROM run_periods
