-- CPU time of each operation from its rows, and the share of their duration in which it was on a CPU. A row of
-- a sample counts as many as it stands for.
SELECT
    operation,
    count(cpu_ns) AS measured,
    sum(cpu_ns * sample_weight) / 1e9 AS cpu_s,
    sum(cpu_ns * sample_weight)
    / nullif(sum(sample_weight) FILTER (WHERE cpu_ns IS NOT NULL), 0) AS mean_cpu_ns,
    CAST(sum(cpu_ns * sample_weight) AS DOUBLE)
    / nullif(sum(duration_ns * sample_weight) FILTER (WHERE cpu_ns IS NOT NULL), 0) AS on_cpu_share
FROM operation_log
GROUP BY operation
ORDER BY cpu_s DESC, operation
