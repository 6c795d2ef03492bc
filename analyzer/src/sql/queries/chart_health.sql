-- What recorders measured of themselves and of their host, per window of {width} ns since 1970. A row is about the interval
-- before it.
SELECT
    (CAST(at AS BIGINT) - 1) / {width} * {width} AS window_from,
    sum(CAST(recorder_cpu_user_ns AS DOUBLE)) AS user_ns,
    sum(CAST(recorder_cpu_system_ns AS DOUBLE)) AS system_ns,
    max(recorder_memory_bytes) AS memory_bytes,
    max(ring_bytes_max) AS ring_bytes,
    max(queue_depth_max) AS queue_depth,
    max(flush_max_ns) AS flush_ns,
    sum(CAST(events_received AS DOUBLE)) AS received,
    sum(CAST(events_late AS DOUBLE)) AS late,
    sum(CAST(events_dropped AS DOUBLE)) AS dropped,
    sum(CAST(written_bytes AS DOUBLE)) AS written_bytes,
    sum(CAST(host_cpu_ns AS DOUBLE)) AS host_cpu_ns,
    sum(CAST(host_steal_ns AS DOUBLE)) AS host_steal_ns,
    sum(CAST(host_cpu_pressure_ns AS DOUBLE)) AS host_cpu_pressure_ns,
    sum(CAST(host_memory_pressure_ns AS DOUBLE)) AS host_memory_pressure_ns,
    sum(CAST(host_io_pressure_ns AS DOUBLE)) AS host_io_pressure_ns,
    min(host_memory_available_bytes) AS host_memory_available_bytes
FROM recorder_health
GROUP BY window_from
ORDER BY window_from
