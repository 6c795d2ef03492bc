SELECT
    recorder,
    operation,
    min(operation_type) AS operation_type,
    sum(rows) AS rows,
    sum(complete_rows) AS complete_rows,
    count(*) FILTER (WHERE difference <> 0 OR recorded <> complete_rows) AS unbalanced
FROM (
    SELECT
        recorder,
        operation,
        "interval" / {intervals} AS part,
        min(operation_type) AS operation_type,
        sum(rows) AS rows,
        coalesce(sum(difference) FILTER (WHERE "interval" <= {complete}), 0) AS difference,
        coalesce(sum(recorded) FILTER (WHERE "interval" <= {complete}), 0) AS recorded,
        coalesce(sum(rows) FILTER (WHERE "interval" <= {complete}), 0) AS complete_rows
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
        WHERE {within}
        UNION ALL
        SELECT recorder, operation, "interval", operation_type, 0 AS difference, 0 AS recorded, 1 AS rows
        FROM operation_log
        WHERE {within}
    )
    GROUP BY recorder, operation, part
)
GROUP BY recorder, operation
ORDER BY recorder, operation
