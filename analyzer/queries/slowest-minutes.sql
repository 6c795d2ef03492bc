-- The ten minutes of an operation with the highest p99 of its rows. A row of a sample counts as many as it
-- stands for.
SELECT
    date_bin(INTERVAL '1 minute', finished_at) AS minute,
    operation,
    sum(sample_weight) AS count,
    weighted_quantile(duration_ns, sample_weight, 0.5) AS p50_ns,
    weighted_quantile(duration_ns, sample_weight, 0.99) AS p99_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY minute, operation
ORDER BY p99_ns DESC, minute, operation
LIMIT 10
