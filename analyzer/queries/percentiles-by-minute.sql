-- Percentiles of the duration by operation and minute.
SELECT
    operation,
    date_bin(INTERVAL '1 minute', finished_at) AS minute,
    count(*) AS count,
    quantile(duration_ns, 0.5) AS p50_ns,
    quantile(duration_ns, 0.9) AS p90_ns,
    quantile(duration_ns, 0.99) AS p99_ns,
    quantile(duration_ns, 0.999) AS p999_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY operation, minute
ORDER BY operation, minute
