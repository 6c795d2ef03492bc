-- Figures of each operation: count, failures, percentiles and the longest duration.
SELECT
    operation,
    count(*) AS count,
    count(*) FILTER (WHERE success = false) AS failures,
    quantile(duration_ns, 0.5) AS p50_ns,
    quantile(duration_ns, 0.9) AS p90_ns,
    quantile(duration_ns, 0.99) AS p99_ns,
    quantile(duration_ns, 0.999) AS p999_ns,
    max(duration_ns) AS max_ns
FROM operation_log
GROUP BY operation
ORDER BY operation
