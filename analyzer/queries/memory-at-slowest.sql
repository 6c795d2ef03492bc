-- Resident memory of the process when the ten slowest operations began and finished: the last value
-- that any operation of the process saw in the minute before.
WITH slowest AS (
    SELECT
        recorder,
        host,
        operation,
        pid,
        tid,
        finished_at,
        begun_at(finished_at, duration_ns) AS begun_at,
        duration_ns,
        memory_bytes
    FROM operation_log
    WHERE pid IS NOT NULL
    ORDER BY duration_ns DESC, finished_at
    LIMIT 10
),
seen AS (
    SELECT recorder, host, pid, finished_at, memory_bytes
    FROM operation_log
    WHERE memory_bytes IS NOT NULL
)
SELECT
    slowest.operation,
    slowest.pid,
    slowest.tid,
    slowest.begun_at,
    slowest.finished_at,
    slowest.duration_ns,
    first_value(seen.memory_bytes ORDER BY seen.finished_at DESC)
        FILTER (WHERE seen.finished_at <= slowest.begun_at) AS memory_at_begin_bytes,
    coalesce(
        slowest.memory_bytes,
        first_value(seen.memory_bytes ORDER BY seen.finished_at DESC)
    ) AS memory_at_finish_bytes,
    max(seen.memory_bytes) FILTER (WHERE seen.finished_at > slowest.begun_at) AS memory_max_bytes,
    slowest.recorder,
    slowest.host
FROM slowest
LEFT JOIN seen
    ON slowest.recorder = seen.recorder
        AND slowest.host = seen.host
        AND slowest.pid = seen.pid
        AND seen.finished_at >= slowest.begun_at - INTERVAL '1 minute'
        AND seen.finished_at <= slowest.finished_at
GROUP BY
    slowest.operation,
    slowest.pid,
    slowest.tid,
    slowest.begun_at,
    slowest.finished_at,
    slowest.duration_ns,
    slowest.memory_bytes,
    slowest.recorder,
    slowest.host
ORDER BY slowest.duration_ns DESC, slowest.finished_at
