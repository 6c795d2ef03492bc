-- How much a trace has: its operations, the rows of counts, and the time of the operations.
SELECT
    rows_of_log,
    rows_of_counts,
    first_ns,
    last_ns
FROM (
    SELECT
        count(*) AS rows_of_log,
        CAST(min(finished_at) AS BIGINT) AS first_ns,
        CAST(max(finished_at) AS BIGINT) AS last_ns
    FROM operation_log
) CROSS JOIN (SELECT count(*) AS rows_of_counts FROM operation_metrics)
