SELECT
    recorder,
    max("interval") AS "interval"
FROM operation_metrics AS counted
WHERE NOT EXISTS (
    SELECT 1
    FROM annotations AS gap
    WHERE gap.kind = '{gap}'
        AND gap.recorder = counted.recorder
        AND CAST(gap.at AS BIGINT) < CAST(counted.at AS BIGINT) + {interval_ns}
        AND coalesce(CAST(gap.until AS BIGINT), 9223372036854775807) > CAST(counted.at AS BIGINT)
)
GROUP BY recorder
ORDER BY recorder
