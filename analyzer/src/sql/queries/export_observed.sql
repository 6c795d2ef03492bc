-- Periods in which a recorder observed, in any order.
SELECT CAST("at" AS BIGINT) AS at_ns, CAST("until" AS BIGINT) AS until_ns, host
FROM observed_spans
