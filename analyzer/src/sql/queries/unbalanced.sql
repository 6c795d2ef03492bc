SELECT recorder, operation, count(*) AS intervals
FROM (
    SELECT recorder, operation, "interval"
    FROM (
        SELECT
            recorder,
            operation,
            "interval",
            finished - recorded - filtered - sampled_out - lost AS difference
        FROM operation_metrics
        WHERE "interval" <= {settled}
    )
    WHERE difference <> 0
    GROUP BY recorder, operation, "interval"
    HAVING sum(difference) <> 0
)
GROUP BY recorder, operation
ORDER BY recorder, operation
