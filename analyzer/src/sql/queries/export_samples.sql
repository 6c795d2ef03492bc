-- What is added up of each operation for samples over time, in any order.
SELECT
    CAST(finished_at AS BIGINT) AS at_ns,
    host,
    operation,
    duration_ns,
    cpu_ns,
    success,
    bytes,
    memory_bytes,
    sample_weight
FROM operation_log
