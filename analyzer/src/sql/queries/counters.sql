SELECT
    recorder,
    operation,
    min(operation_type) AS operation_type,
    {sums},
    count(*) FILTER (WHERE "interval" <= {complete}) AS complete,
    sum(recorded) FILTER (WHERE "interval" <= {complete}) AS complete_recorded
FROM operation_metrics
GROUP BY recorder, operation
ORDER BY recorder, operation
