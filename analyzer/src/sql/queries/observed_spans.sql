-- Periods in which a recorder observed: its run without its gaps. They do not overlap. An import has none.
--   recorder: First eight digits of the UUID of the recorder's run.
--   host: Host on which it ran.
--   at: Begin of the period.
--   until: End of the period.
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
    SELECT recorder, host, min(at) AS first_at, max(at) AS last_at
    FROM recorder_health
    GROUP BY recorder, host
    UNION ALL
    SELECT
        recorder,
        host,
        min(at) AS first_at,
        max(begun_at(at, -interval_ns(recorder))) AS last_at
    FROM operation_metrics
    GROUP BY recorder, host
),
run AS (
    SELECT
        seen.recorder,
        seen.host,
        coalesce(min(started_ns), CAST(min(first_at) AS BIGINT)) AS from_ns,
        coalesce(min(stopped_ns), CAST(max(last_at) AS BIGINT)) AS to_ns
    FROM seen
    LEFT JOIN noted ON seen.recorder = noted.recorder AND seen.host = noted.host
    GROUP BY seen.recorder, seen.host
),
-- The end of the run is a gap without a length. A gap without an end lasts to the end.
gap AS (
    SELECT recorder, host, to_ns AS from_ns, to_ns FROM run
    UNION ALL
    SELECT
        run.recorder,
        run.host,
        least(CAST(at AS BIGINT), run.to_ns) AS from_ns,
        least(CAST(until AS BIGINT), run.to_ns) AS to_ns
    FROM annotations
    INNER JOIN run ON annotations.recorder = run.recorder AND annotations.host = run.host
    WHERE kind = 'gap'
),
-- Each period lasts from the end of all gaps before to the next gap.
period AS (
    SELECT
        gap.recorder,
        gap.host,
        greatest(run.from_ns, max(gap.to_ns) OVER (
            PARTITION BY gap.recorder, gap.host ORDER BY gap.from_ns, gap.to_ns
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )) AS from_ns,
        gap.from_ns AS to_ns
    FROM gap
    INNER JOIN run ON gap.recorder = run.recorder AND gap.host = run.host
)
SELECT
    recorder,
    host,
    to_timestamp_nanos(from_ns, 'UTC') AS at,
    to_timestamp_nanos(to_ns, 'UTC') AS until
FROM period
WHERE from_ns < to_ns
