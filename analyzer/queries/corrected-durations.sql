-- Percentiles as the probes reported them, and corrected: without the part that comes from the operation's own two probes.
SELECT
    operation,
    recorder,
    overhead_ns,
    levels[1] AS p50_ns,
    CASE WHEN levels[1] > overhead_ns THEN levels[1] - overhead_ns
         WHEN levels[1] <= overhead_ns THEN 0 END AS corrected_p50_ns,
    levels[2] AS p90_ns,
    CASE WHEN levels[2] > overhead_ns THEN levels[2] - overhead_ns
         WHEN levels[2] <= overhead_ns THEN 0 END AS corrected_p90_ns,
    levels[3] AS p99_ns,
    CASE WHEN levels[3] > overhead_ns THEN levels[3] - overhead_ns
         WHEN levels[3] <= overhead_ns THEN 0 END AS corrected_p99_ns
FROM (
    SELECT
        operation,
        recorder,
        max(duration_overhead_ns) AS overhead_ns,
        quantiles(durations_ns, 0.5, 0.9, 0.99) AS levels
    FROM operation_metrics
    GROUP BY operation, recorder
)
ORDER BY operation, recorder
