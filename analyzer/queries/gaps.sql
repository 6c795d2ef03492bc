-- Periods in which not everything was observed. A gap without an end lasted to the end.
SELECT
    at,
    until,
    CAST(CAST(until AS BIGINT) - CAST(at AS BIGINT) AS DOUBLE) / 1e9 AS length_s,
    text AS cause,
    recorder,
    host
FROM annotations
WHERE kind = 'gap'
ORDER BY at, recorder
