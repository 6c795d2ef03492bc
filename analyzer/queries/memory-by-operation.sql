-- How resident memory changed while operations ran, by operation. Other threads may be the cause.
SELECT
    operation,
    count(memory_delta_bytes) AS measured,
    sum(memory_delta_bytes) AS total_bytes,
    quantile(memory_delta_bytes, 0.5) AS median_bytes,
    quantile(memory_delta_bytes, 0.99) AS p99_bytes,
    max(memory_delta_bytes) AS max_bytes
FROM operation_log
GROUP BY operation
ORDER BY total_bytes DESC, operation
