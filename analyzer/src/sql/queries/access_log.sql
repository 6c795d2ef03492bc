-- One row per recorded operation, with the names of Kmesh's proposal.
--   operation_type: Code of the operation, 0 where none was given.
--   duration [ns]: Time from begin to finish.
--   exit_ns [ns]: When it finished, ns since 1970 in UTC.
--   cpu_usage [ns]: CPU time; null where it was not measured.
--   memory_usage [bytes]: Resident memory of the process at the finish; null where it could not be read.
SELECT
    operation_type,
    duration_ns AS duration,
    CAST(finished_at AS BIGINT) AS exit_ns,
    coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) AS cpu_usage,
    memory_bytes AS memory_usage
FROM operation_log
