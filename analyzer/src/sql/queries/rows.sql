SELECT
    recorder,
    operation,
    min(operation_type) AS operation_type,
    count(*) AS rows,
    count(*) FILTER (WHERE "interval" <= {settled}) AS settled_rows
FROM operation_log
GROUP BY recorder, operation
ORDER BY recorder, operation
