-- How many operations have no row, by operation and cause.
SELECT
    operation,
    sum(finished) AS finished,
    sum(recorded) AS recorded,
    sum(lost) AS lost,
    CAST(sum(lost) AS DOUBLE) / nullif(sum(finished), 0) AS lost_share,
    sum(lost_ring_full) AS lost_ring_full,
    sum(lost_too_deep) AS lost_too_deep,
    sum(lost_no_memory) AS lost_no_memory,
    sum(lost_switched_off) AS lost_switched_off,
    sum(lost_write) AS lost_write,
    sum(abandoned) AS abandoned,
    sum(unmatched) AS unmatched
FROM operation_metrics
GROUP BY operation
ORDER BY lost DESC, operation
