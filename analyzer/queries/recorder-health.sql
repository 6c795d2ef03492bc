-- How the recorder and its host did, by minute: events, queues, flushes, memory, CPU time, and the seconds in which
-- tasks of the host waited.
SELECT
    date_bin(INTERVAL '1 minute', at) AS minute,
    recorder,
    sum(events_received) AS events,
    sum(events_dropped) AS dropped,
    max(ring_bytes_max) AS ring_bytes_max,
    max(queue_depth_max) AS queue_depth_max,
    max(flush_max_ns) AS flush_max_ns,
    sum(written_bytes) AS written_bytes,
    max(recorder_memory_bytes) AS memory_bytes,
    sum(recorder_cpu_user_ns + recorder_cpu_system_ns) / 1e9 AS cpu_s,
    sum(host_cpu_ns) / 1e9 AS host_cpu_s,
    sum(host_steal_ns) / 1e9 AS host_steal_s,
    sum(host_cpu_pressure_ns) / 1e9 AS host_cpu_pressure_s,
    sum(host_memory_pressure_ns) / 1e9 AS host_memory_pressure_s,
    sum(host_io_pressure_ns) / 1e9 AS host_io_pressure_s,
    min(host_memory_available_bytes) AS host_memory_available_bytes
FROM recorder_health
GROUP BY minute, recorder
ORDER BY minute, recorder
