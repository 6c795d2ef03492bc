SELECT operation, sum(rows) AS rows
FROM (
    SELECT operation, count(*) AS rows
    FROM operation_log
    GROUP BY operation
    UNION ALL
    SELECT operation, 0 AS rows
    FROM operation_metrics
    WHERE lost > 0
    GROUP BY operation
)
GROUP BY operation
ORDER BY operation
