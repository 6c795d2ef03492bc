SELECT
    operation_type,
    duration_ns AS duration,
    CAST(finished_at AS BIGINT) AS exit_ns,
    coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) AS cpu_usage,
    memory_bytes AS memory_usage
FROM operation_log
