-- Gaps and annotated moments, in the order of time.
SELECT CAST("at" AS BIGINT) AS at_ns, CAST("until" AS BIGINT) AS until_ns, host, kind, "text" AS words
FROM annotations
ORDER BY at_ns, until_ns, kind, words
