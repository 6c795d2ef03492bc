SELECT
    recorder,
    operation,
    min(operation_type) AS operation_type,
    sum(begun) AS begun,
    sum(finished) AS finished,
    sum(recorded) AS recorded,
    sum(filtered) AS filtered,
    sum(sampled_out) AS sampled_out,
    sum(lost) AS lost,
    sum(lost_ring_full) AS lost_ring_full,
    sum(lost_too_deep) AS lost_too_deep,
    sum(lost_no_memory) AS lost_no_memory,
    sum(lost_write) AS lost_write,
    sum(abandoned) AS abandoned,
    sum(unmatched) AS unmatched,
    sum(failures) AS failures,
    count(*) FILTER (WHERE "interval" <= {complete}) AS complete,
    sum(recorded) FILTER (WHERE "interval" <= {complete}) AS complete_recorded
FROM operation_metrics
GROUP BY recorder, operation
ORDER BY recorder, operation
