SELECT
    operation,
    at,
    count(*) AS count,
    quantiles(duration_ns, 0.5, 0.95, 0.99) AS duration
FROM (
    SELECT operation, {window} AS at, duration_ns
    FROM operation_log
    WHERE operation IN ({operations})
)
GROUP BY operation, at
ORDER BY operation, at
