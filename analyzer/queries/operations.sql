-- Figures of each operation from its rows: count, failures, percentiles and the longest duration. A row of a
-- sample counts as many as it stands for.
SELECT
    operation,
    sum(sample_weight) AS count,
    coalesce(sum(sample_weight) FILTER (WHERE success = false), 0) AS failures,
    weighted_quantile(duration_ns, sample_weight, 0.5) AS p50_ns,
    weighted_quantile(duration_ns, sample_weight, 0.9) AS p90_ns,
    weighted_quantile(duration_ns, sample_weight, 0.99) AS p99_ns,
    weighted_quantile(duration_ns, sample_weight, 0.999) AS p999_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY operation
ORDER BY operation
