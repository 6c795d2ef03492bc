-- Operations that had begun and not finished: the most at the end of an interval, and when.
SELECT
    operation,
    max(in_flight) AS most,
    first_value(at ORDER BY in_flight DESC, at) AS most_at,
    last_value(in_flight ORDER BY at, "interval") AS at_the_end
FROM operation_metrics
GROUP BY operation
ORDER BY most DESC, operation
