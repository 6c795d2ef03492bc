-- Percentiles as the probes reported them, and corrected: without the part that comes from the operation's own two probes.
SELECT
    operation,
    recorder,
    overhead_ns,
    levels[1] AS p50_ns,
    -- 0 at least; null, as each product, where the overhead is not known.
    greatest(levels[1] - overhead_ns, 0 * overhead_ns) AS corrected_p50_ns,
    levels[2] AS p90_ns,
    greatest(levels[2] - overhead_ns, 0 * overhead_ns) AS corrected_p90_ns,
    levels[3] AS p99_ns,
    greatest(levels[3] - overhead_ns, 0 * overhead_ns) AS corrected_p99_ns
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
