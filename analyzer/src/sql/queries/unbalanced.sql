SELECT recorder, operation, count(*) AS intervals
FROM (
    SELECT recorder, operation, "interval"
    FROM (
        SELECT
            recorder,
            operation,
            "interval",
            finished - recorded - filtered - sampled_out - lost AS difference,
            recorded AS missing
        FROM operation_metrics
        WHERE "interval" <= {settled}
        UNION ALL
        SELECT recorder, operation, "interval", 0 AS difference, -1 AS missing
        FROM operation_log
        WHERE "interval" <= {settled}
    )
    GROUP BY recorder, operation, "interval"
    HAVING sum(difference) <> 0 OR sum(missing) <> 0
)
GROUP BY recorder, operation
ORDER BY recorder, operation
