-- Resident memory of each process by minute, as its operations saw it when they finished.
SELECT
    host,
    pid,
    date_bin(INTERVAL '1 minute', finished_at) AS minute,
    count(memory_bytes) AS measured,
    min(memory_bytes) AS min_bytes,
    quantile(memory_bytes, 0.5) AS median_bytes,
    max(memory_bytes) AS max_bytes
FROM operation_log
GROUP BY host, pid, minute
HAVING count(memory_bytes) > 0
ORDER BY host, pid, minute
