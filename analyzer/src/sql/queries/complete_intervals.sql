SELECT
    counted.recorder,
    max(counted."interval") AS "interval"
FROM (SELECT recorder, at, until FROM annotations WHERE kind = '{gap}') AS gap
RIGHT ANTI JOIN operation_metrics AS counted
    ON gap.recorder = counted.recorder
        AND CAST(gap.at AS BIGINT) < CAST(counted.at AS BIGINT) + {interval_ns}
        AND coalesce(CAST(gap.until AS BIGINT), 9223372036854775807) > CAST(counted.at AS BIGINT)
GROUP BY counted.recorder
ORDER BY counted.recorder
