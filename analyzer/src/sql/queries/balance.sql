SELECT
    recorder,
    operation,
    min(operation_type) AS operation_type,
    sum(rows) AS rows,
    sum(rows) FILTER (WHERE "interval" <= {complete}) AS complete_rows,
    count(*) FILTER (
        WHERE "interval" <= {complete} AND (difference <> 0 OR recorded <> rows)
    ) AS unbalanced
FROM (
    SELECT
        recorder,
        operation,
        "interval",
        min(operation_type) AS operation_type,
        sum(difference) AS difference,
        sum(recorded) AS recorded,
        sum(rows) AS rows
    FROM (
        SELECT
            recorder,
            operation,
            "interval",
            operation_type,
            finished - recorded - filtered - sampled_out - lost AS difference,
            recorded,
            0 AS rows
        FROM operation_metrics
        UNION ALL
        SELECT recorder, operation, "interval", operation_type, 0 AS difference, 0 AS recorded, 1 AS rows
        FROM operation_log
    )
    GROUP BY recorder, operation, "interval"
)
GROUP BY recorder, operation
ORDER BY recorder, operation
