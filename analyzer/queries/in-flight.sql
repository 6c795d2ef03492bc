-- Operations that had begun and not finished: the most at the end of an interval, when, and the age of the oldest.
SELECT
    operation,
    max(in_flight) AS most,
    first_value(at ORDER BY in_flight DESC, at) AS most_at,
    last_value(in_flight ORDER BY at, "interval") AS at_the_end,
    max(oldest_in_flight_ns) / 1e9 AS oldest_s
FROM operation_metrics
GROUP BY operation
ORDER BY most DESC, operation
