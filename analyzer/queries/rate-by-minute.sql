-- Operations that finished by operation and minute, lost ones included: the kernel's counts.
SELECT
    operation,
    date_bin(INTERVAL '1 minute', at) AS minute,
    sum(finished) AS finished,
    sum(finished) / 60.0 AS finished_per_s,
    sum(duration_sum_ns) / nullif(sum(finished), 0) AS mean_ns,
    max(in_flight) AS in_flight_max
FROM operation_metrics
GROUP BY operation, minute
ORDER BY operation, minute
