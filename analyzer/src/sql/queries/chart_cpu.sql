-- User and system time of each operation, ns, per window of {width} ns since 1970. A row of a sample counts as
-- many as it stands for.
SELECT
    operation,
    CAST(finished_at AS BIGINT) / {width} * {width} AS window_from,
    sum(CAST(cpu_user_ns AS DOUBLE) * sample_weight) AS user_ns,
    sum(CAST(cpu_system_ns AS DOUBLE) * sample_weight) AS system_ns
FROM operation_log
GROUP BY operation, window_from
ORDER BY operation, window_from
