SELECT operation, since, sum(lost) AS lost
FROM (
    SELECT operation, {window} AS since, lost
    FROM operation_metrics
    WHERE lost > 0 AND operation IN ({operations})
)
GROUP BY operation, since
ORDER BY operation, since
