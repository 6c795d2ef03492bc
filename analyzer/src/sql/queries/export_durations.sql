-- The duration of each operation, in the order of time.
SELECT CAST(finished_at AS BIGINT) AS at_ns, operation, duration_ns, sample_weight
FROM operation_log
ORDER BY at_ns
