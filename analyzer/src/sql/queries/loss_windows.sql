SELECT
    operation,
    date_bin(INTERVAL '{width_ns} nanoseconds', at) AS since,
    sum(lost) AS lost
FROM operation_metrics
WHERE lost > 0 AND operation IN ({operations})
GROUP BY operation, date_bin(INTERVAL '{width_ns} nanoseconds', at)
ORDER BY operation, since
