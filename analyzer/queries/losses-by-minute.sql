-- Minutes in which operations were lost.
SELECT
    operation,
    date_bin(INTERVAL '1 minute', at) AS minute,
    sum(finished) AS finished,
    sum(lost) AS lost
FROM operation_metrics
GROUP BY operation, minute
HAVING sum(lost) > 0
ORDER BY operation, minute
