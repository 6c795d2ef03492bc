-- The ten seconds in which most operations finished, lost ones included: the kernel's counts.
SELECT
    date_bin(INTERVAL '1 second', at) AS second,
    sum(finished) AS finished,
    sum(lost) AS lost,
    -- Of operations that were too deep, found no memory or were switched off no duration is known.
    sum(duration_sum_ns)
    / nullif(sum(finished - lost_too_deep - lost_no_memory - coalesce(lost_switched_off, 0)), 0) AS mean_ns
FROM operation_metrics
GROUP BY second
ORDER BY finished DESC, second
LIMIT 10
