-- Averages of each operation, with the names of Kmesh's proposal: the kernel's counts, which lost
-- operations are part of; what the kernel does not count is from the rows.
--   operation_type: Code of the operation, 0 where none was given.
--   operation: Name of the operation.
--   duration [ns]: Mean duration.
--   cpu_usage [ns]: Mean CPU time.
--   memory_usage [bytes]: Mean resident memory of the process at the finish.
--   operation_times [operations]: Operations that finished, lost ones included.
WITH counted AS (
    SELECT
        operation,
        max(operation_type) AS operation_type,
        sum(finished) AS finished,
        -- Of the others the kernel knows no begin, and so no duration.
        sum(finished - lost_too_deep - lost_no_memory - coalesce(lost_switched_off, 0)) AS timed,
        sum(duration_sum_ns) AS duration_sum_ns,
        sum(cpu_sum_ns) AS cpu_sum_ns
    FROM operation_metrics
    GROUP BY operation
),
logged AS (
    SELECT
        operation,
        max(operation_type) AS operation_type,
        sum(sample_weight) AS rows,
        sum(duration_ns * sample_weight) AS duration_sum_ns,
        sum(coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) * sample_weight) AS cpu_sum_ns,
        sum(CASE WHEN coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) IS NOT NULL THEN sample_weight END)
            AS cpu_rows,
        sum(memory_bytes * sample_weight) AS memory_sum_bytes,
        sum(CASE WHEN memory_bytes IS NOT NULL THEN sample_weight END) AS memory_rows
    FROM operation_log
    GROUP BY operation
)
SELECT
    coalesce(counted.operation_type, logged.operation_type) AS operation_type,
    coalesce(counted.operation, logged.operation) AS operation,
    coalesce(
        counted.duration_sum_ns / CAST(nullif(timed, 0) AS DOUBLE),
        logged.duration_sum_ns / CAST(rows AS DOUBLE)
    ) AS duration,
    -- The kernel's sum is 0 where nothing was measured.
    coalesce(
        nullif(counted.cpu_sum_ns, 0) / CAST(nullif(timed, 0) AS DOUBLE),
        logged.cpu_sum_ns / CAST(cpu_rows AS DOUBLE)
    ) AS cpu_usage,
    memory_sum_bytes / CAST(memory_rows AS DOUBLE) AS memory_usage,
    coalesce(finished, rows) AS operation_times
FROM counted
FULL JOIN logged ON counted.operation = logged.operation
