SELECT
    operation_type,
    operation,
    avg(duration_ns) AS duration,
    avg(coalesce(cpu_ns, cpu_user_ns + cpu_system_ns)) AS cpu_usage,
    avg(memory_bytes) AS memory_usage,
    count(*) AS operation_times
FROM operation_log
GROUP BY operation_type, operation
