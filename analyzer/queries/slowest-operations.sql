-- The ten single operations that took longest.
SELECT finished_at, operation, duration_ns, cpu_ns, memory_bytes, success, pid, tid, recorder, host
FROM operation_log
ORDER BY duration_ns DESC, finished_at
LIMIT 10
