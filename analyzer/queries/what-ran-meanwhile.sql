-- What the same recorder saw running while the slowest operation ran, and for how long together.
WITH other AS (
    SELECT
        recorder,
        operation,
        tid,
        duration_ns,
        CAST(finished_at AS BIGINT) AS finished_ns,
        CAST(finished_at AS BIGINT) - duration_ns AS begun_ns
    FROM operation_log
),
slowest AS (
    SELECT * FROM other
    ORDER BY duration_ns DESC, finished_ns
    LIMIT 1
)
SELECT
    slowest.operation AS slowest,
    other.operation,
    count(*) AS count,
    sum(
        least(other.finished_ns, slowest.finished_ns) - greatest(other.begun_ns, slowest.begun_ns)
    ) AS together_ns,
    max(other.duration_ns) AS max_ns
FROM slowest
INNER JOIN other
    ON slowest.recorder = other.recorder
        AND other.finished_ns >= slowest.begun_ns
        AND other.begun_ns <= slowest.finished_ns
-- The slowest one itself is left out.
WHERE NOT (
    other.operation = slowest.operation
    AND other.finished_ns = slowest.finished_ns
    AND other.duration_ns = slowest.duration_ns
    AND coalesce(other.tid, -1) = coalesce(slowest.tid, -1)
)
GROUP BY slowest.operation, other.operation
ORDER BY together_ns DESC, other.operation
