-- The ten minutes of an operation with the highest p99.
SELECT
    date_bin(INTERVAL '1 minute', finished_at) AS minute,
    operation,
    count(*) AS count,
    quantile(duration_ns, 0.5) AS p50_ns,
    quantile(duration_ns, 0.99) AS p99_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY minute, operation
ORDER BY p99_ns DESC, minute, operation
LIMIT 10
