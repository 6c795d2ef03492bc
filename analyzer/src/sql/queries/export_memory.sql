-- The resident memory of each process when its operations finished, in the order of time.
SELECT CAST(finished_at AS BIGINT) AS at_ns, recorder, host, pid, memory_bytes
FROM operation_log
WHERE memory_bytes IS NOT NULL
ORDER BY at_ns, pid, memory_bytes, recorder
