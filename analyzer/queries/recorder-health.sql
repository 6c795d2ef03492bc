-- How the recorder itself did, by minute: events, queues, flushes, memory, CPU time.
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
    sum(recorder_cpu_user_ns + recorder_cpu_system_ns) / 1e9 AS cpu_s
FROM recorder_health
GROUP BY minute, recorder
ORDER BY minute, recorder
