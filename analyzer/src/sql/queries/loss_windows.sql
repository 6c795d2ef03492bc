SELECT
    operation,
    date_bin(INTERVAL '{width_ns} nanoseconds', at) AS window,
    sum(lost) AS lost
FROM operation_metrics
WHERE lost > 0
GROUP BY operation, date_bin(INTERVAL '{width_ns} nanoseconds', at)
ORDER BY operation, window
