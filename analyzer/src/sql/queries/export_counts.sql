-- The kernel's counts of each operation and interval: rows with counts that were read late are added.
SELECT
    CAST("at" AS BIGINT) AS at_ns,
    recorder,
    host,
    operation,
    CAST(sum(finished) AS BIGINT) AS finished,
    CAST(sum(lost) AS BIGINT) AS lost,
    CAST(max(in_flight) AS BIGINT) AS in_flight,
    CAST(sum(cpu_sum_ns) AS BIGINT) AS cpu_sum_ns
FROM operation_metrics
GROUP BY at_ns, recorder, host, operation
ORDER BY at_ns, recorder, operation
