-- Averages of each operation, with the names of Kmesh's proposal: the kernel's counts, which lost
-- operations are part of; what the kernel does not count is from the rows.
--   operation_type: Code of the operation, 0 where none was given.
--   operation: Name of the operation.
--   duration [ns]: Mean duration.
--   cpu_usage [ns]: Mean CPU time.
--   memory_usage [bytes]: Mean resident memory of the process at the finish.
--   operation_times [operations]: Operations that finished, lost ones included.
WITH both AS (
    SELECT
        operation_type,
        operation,
        finished,
        -- Of the others the kernel knows no begin, and so no duration.
        finished - lost_too_deep - lost_no_memory AS timed,
        duration_sum_ns,
        cpu_sum_ns,
        CAST(NULL AS BIGINT) AS duration_ns,
        CAST(NULL AS BIGINT) AS cpu_ns,
        CAST(NULL AS BIGINT) AS memory_bytes,
        CAST(NULL AS BIGINT) AS sample_weight
    FROM operation_metrics
    UNION ALL
    SELECT
        operation_type,
        operation,
        NULL AS finished,
        NULL AS timed,
        NULL AS duration_sum_ns,
        NULL AS cpu_sum_ns,
        duration_ns,
        coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) AS cpu_ns,
        memory_bytes,
        sample_weight
    FROM operation_log
)
SELECT
    operation_type,
    operation,
    coalesce(
        sum(duration_sum_ns) / CAST(nullif(sum(timed), 0) AS DOUBLE),
        sum(duration_ns * sample_weight) / CAST(sum(sample_weight) AS DOUBLE)
    ) AS duration,
    -- The kernel's sum is 0 where nothing was measured.
    coalesce(
        nullif(sum(cpu_sum_ns), 0) / CAST(nullif(sum(timed), 0) AS DOUBLE),
        sum(cpu_ns * sample_weight)
        / CAST(sum(sample_weight) FILTER (WHERE cpu_ns IS NOT NULL) AS DOUBLE)
    ) AS cpu_usage,
    sum(memory_bytes * sample_weight)
    / CAST(sum(sample_weight) FILTER (WHERE memory_bytes IS NOT NULL) AS DOUBLE) AS memory_usage,
    coalesce(sum(finished), sum(sample_weight)) AS operation_times
FROM both
GROUP BY operation_type, operation
