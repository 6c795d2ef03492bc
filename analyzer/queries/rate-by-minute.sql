-- Operations that finished by operation and minute, lost ones included: the kernel's counts. The rate
-- is per second observed, without gaps and the time before and after the recording. Where probes were
-- switched off and on, each time on stands for the time that it was chosen from.
WITH counted AS (
    SELECT
        operation,
        date_bin(INTERVAL '1 minute', at) AS minute,
        sum(finished) AS finished,
        -- Of operations that were too deep, found no memory or were switched off no duration is known.
        sum(finished - lost_too_deep - lost_no_memory - coalesce(lost_switched_off, 0)) AS timed,
        sum(duration_sum_ns) AS duration_sum_ns,
        max(in_flight) AS in_flight_max,
        sum(CAST(begun AS DOUBLE) * represented_ns / nullif(observed_ns, 0))
        / nullif(sum(represented_ns), 0) * 1e9 AS represented_per_s,
        sum(unobserved_ns) / 1e9 AS unobserved_s
    FROM operation_metrics
    GROUP BY operation, minute
),
-- A minute has the intervals that begin in it, also the last one, which ends after it.
bounds AS (
    SELECT
        date_bin(INTERVAL '1 minute', at) AS minute,
        CAST(min(at) AS BIGINT) AS from_ns,
        max(CAST(at AS BIGINT) + interval_ns(recorder)) AS to_ns
    FROM operation_metrics
    GROUP BY minute
),
-- Time that several recorders observed counts once.
span AS (
    SELECT
        greatest(CAST(at AS BIGINT), max(CAST(until AS BIGINT)) OVER (
            ORDER BY at, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )) AS from_ns,
        CAST(until AS BIGINT) AS to_ns
    FROM observed_spans
),
observed AS (
    SELECT
        minute,
        sum(least(bounds.to_ns, span.to_ns) - greatest(bounds.from_ns, span.from_ns)) / 1e9
            AS observed_s
    FROM bounds
    INNER JOIN span
        ON span.from_ns < bounds.to_ns AND bounds.from_ns < span.to_ns AND span.from_ns < span.to_ns
    GROUP BY minute
)
SELECT
    operation,
    counted.minute,
    finished,
    observed_s,
    CASE WHEN unobserved_s > 0 THEN represented_per_s ELSE finished / observed_s END
        AS finished_per_s,
    duration_sum_ns / nullif(timed, 0) AS mean_ns,
    in_flight_max
FROM counted
LEFT JOIN observed ON counted.minute = observed.minute
ORDER BY operation, counted.minute
