-- CPU time of each operation, and the share of its duration in which it was on a CPU.
SELECT
    operation,
    count(cpu_ns) AS measured,
    sum(cpu_ns) / 1e9 AS cpu_s,
    sum(cpu_ns) / nullif(count(cpu_ns), 0) AS mean_cpu_ns,
    CAST(sum(cpu_ns) AS DOUBLE)
    / nullif(sum(duration_ns) FILTER (WHERE cpu_ns IS NOT NULL), 0) AS on_cpu_share
FROM operation_log
GROUP BY operation
ORDER BY cpu_s DESC, operation
