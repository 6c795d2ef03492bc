-- Minutes in which operations failed, lost ones included: the kernel's counts.
SELECT
    operation,
    date_bin(INTERVAL '1 minute', at) AS minute,
    sum(finished) AS finished,
    sum(failures) AS failures,
    -- Of operations that were too deep, found no memory or were switched off no outcome is known.
    CAST(sum(failures) AS DOUBLE)
    / nullif(sum(finished - lost_too_deep - lost_no_memory - coalesce(lost_switched_off, 0)), 0) AS failed_share
FROM operation_metrics
GROUP BY operation, minute
HAVING sum(failures) > 0
ORDER BY operation, minute
