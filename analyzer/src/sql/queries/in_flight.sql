SELECT
    m.recorder,
    m.operation,
    array_agg(m.in_flight ORDER BY m.at) AS samples
FROM (
    SELECT recorder, operation, max("interval") AS "interval"
    FROM operation_metrics
    GROUP BY recorder, operation
) AS newest
RIGHT SEMI JOIN operation_metrics AS m
    ON m.recorder = newest.recorder
        AND m.operation = newest.operation
        AND m."interval" > newest."interval" - {slots}
GROUP BY m.recorder, m.operation
ORDER BY m.recorder, m.operation
