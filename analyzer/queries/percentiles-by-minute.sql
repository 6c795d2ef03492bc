-- Percentiles of the duration by operation and minute, from the rows. A row of a sample counts as many as it
-- stands for.
SELECT
    operation,
    date_bin(INTERVAL '1 minute', finished_at) AS minute,
    sum(sample_weight) AS count,
    weighted_quantile(duration_ns, sample_weight, 0.5) AS p50_ns,
    weighted_quantile(duration_ns, sample_weight, 0.9) AS p90_ns,
    weighted_quantile(duration_ns, sample_weight, 0.99) AS p99_ns,
    weighted_quantile(duration_ns, sample_weight, 0.999) AS p999_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY operation, minute
ORDER BY operation, minute
