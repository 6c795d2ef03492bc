SELECT
    operation,
    min(operation_type) AS operation_type,
    count(*) AS count,
    count(success) AS with_outcome,
    count(*) FILTER (WHERE success = false) AS failures,
    quantiles(duration_ns, 0.5, 0.9, 0.95, 0.99, 0.999) AS duration,
    max(duration_ns) AS max,
    avg(cpu_ns) AS cpu_ns,
    avg(cpu_user_ns) AS cpu_user_ns,
    avg(cpu_system_ns) AS cpu_system_ns,
    avg(memory_bytes) AS memory_bytes,
    sum(bytes) AS bytes
FROM operation_log
GROUP BY operation
ORDER BY operation
