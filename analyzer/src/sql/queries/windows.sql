SELECT
    operation,
    date_bin(INTERVAL '{width_ns} nanoseconds', finished_at) AS at,
    count(*) AS count,
    quantiles(duration_ns, 0.5, 0.95, 0.99) AS duration
FROM operation_log
WHERE operation IN ({operations})
GROUP BY operation, date_bin(INTERVAL '{width_ns} nanoseconds', finished_at)
ORDER BY operation, at
