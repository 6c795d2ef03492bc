-- How resident memory changed while operations ran, by operation, from the rows. Other threads may be the
-- cause. A row of a sample counts as many as it stands for.
SELECT
    operation,
    count(memory_delta_bytes) AS measured,
    sum(memory_delta_bytes * sample_weight) AS total_bytes,
    weighted_quantile(memory_delta_bytes, sample_weight, 0.5) AS median_bytes,
    weighted_quantile(memory_delta_bytes, sample_weight, 0.99) AS p99_bytes,
    max(memory_delta_bytes) AS max_bytes
FROM operation_log
GROUP BY operation
ORDER BY total_bytes DESC, operation
