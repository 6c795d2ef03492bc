-- Latency, rate, throughput, CPU and memory per operation and interval (1 s): the kernel's counts,
-- which lost operations are part of; what the kernel does not count is from the rows.
--   at: Start of the interval.
--   recorder: First eight digits of the UUID of the recorder's run.
--   host: Host on which the operations ran.
--   operation: Name of the operation.
--   operation_type: Code of the operation, 0 where none was given.
--   observed_s [s]: The part of the interval in the recorder's run, outside of its gaps, in which probes were not switched off.
--   finished [operations]: Operations that finished, lost ones included.
--   lost [operations]: Those of them that have no row.
--   failures [operations]: Those of them that are known to have failed.
--   rate_per_s [1/s]: Operations that finished per second observed (QPS); null if nothing was observed.
--   mean_ns [ns]: Mean duration.
--   p50_ns [ns]: Median of the durations, within 1/128; of the rows, unless some are missing and the kernel has the others.
--   p90_ns [ns]: Their 90th percentile.
--   p99_ns [ns]: Their 99th percentile.
--   max_ns [ns]: The longest of them, exact; within 1/128 where rows are missing.
--   bytes_per_s [bytes/s]: Data that the operations with a row processed per second observed.
--   cpu_ns [ns]: Mean CPU time per operation.
--   cpu_share: CPUs that the operations kept busy: 1 is one CPU.
--   memory_bytes [bytes]: Largest resident memory of the process, as the operations saw it.
WITH second AS (
    SELECT
        recorder,
        host,
        "interval",
        CAST(max(at) AS BIGINT) AS from_ns,
        CAST(max(at) AS BIGINT) + max(interval_ns(recorder)) AS to_ns
    FROM operation_metrics
    GROUP BY recorder, host, "interval"
),
span AS (
    SELECT recorder, host, CAST(at AS BIGINT) AS from_ns, CAST(until AS BIGINT) AS to_ns
    FROM observed_spans
),
observed AS (
    SELECT
        second.recorder,
        second.host,
        second."interval",
        sum(least(second.to_ns, span.to_ns) - greatest(second.from_ns, span.from_ns)) AS observed_ns
    FROM second
    INNER JOIN span
        ON second.recorder = span.recorder
            AND second.host = span.host
            AND second.from_ns < span.to_ns
            AND span.from_ns < second.to_ns
    GROUP BY second.recorder, second.host, second."interval"
),
-- Counts and rows under each other: an import has no counts.
both AS (
    SELECT
        recorder,
        host,
        operation,
        operation_type,
        "interval",
        at,
        finished,
        -- Of the others the kernel knows no begin, and so no duration.
        finished - lost_too_deep - lost_no_memory - coalesce(lost_switched_off, 0) AS timed,
        lost,
        failures,
        duration_sum_ns,
        cpu_sum_ns,
        durations_ns,
        unobserved_ns,
        arrow_cast(NULL, 'Timestamp(Nanosecond, Some("UTC"))') AS finished_at,
        CAST(NULL AS BIGINT) AS duration_ns,
        CAST(NULL AS BIGINT) AS cpu_row_ns,
        CAST(NULL AS BIGINT) AS memory_bytes,
        CAST(NULL AS BIGINT) AS bytes,
        CAST(NULL AS BIGINT) AS failed,
        CAST(NULL AS BIGINT) AS sample_weight
    FROM operation_metrics
    UNION ALL
    SELECT
        recorder,
        host,
        operation,
        operation_type,
        "interval",
        NULL AS at,
        NULL AS finished,
        NULL AS timed,
        NULL AS lost,
        NULL AS failures,
        NULL AS duration_sum_ns,
        NULL AS cpu_sum_ns,
        NULL AS durations_ns,
        NULL AS unobserved_ns,
        finished_at,
        duration_ns,
        coalesce(cpu_ns, cpu_user_ns + cpu_system_ns) AS cpu_row_ns,
        memory_bytes,
        bytes,
        CASE WHEN success = false THEN sample_weight WHEN success = true THEN 0 END AS failed,
        sample_weight
    FROM operation_log
),
summed AS (
    SELECT
        recorder,
        host,
        operation,
        max(operation_type) AS operation_type,
        "interval",
        coalesce(
            max(at),
            begun_at(min(finished_at), CAST(min(finished_at) AS BIGINT) % max(interval_ns(recorder)))
        ) AS at,
        max(interval_ns(recorder)) AS length_ns,
        sum(finished) IS NOT NULL AS is_counted,
        coalesce(sum(finished), sum(sample_weight)) AS finished,
        sum(lost) AS lost,
        count(duration_ns) AS rows,
        coalesce(sum(failures), sum(failed)) AS failures,
        coalesce(
            sum(duration_sum_ns) / CAST(nullif(sum(timed), 0) AS DOUBLE),
            sum(duration_ns * sample_weight) / CAST(sum(sample_weight) AS DOUBLE)
        ) AS mean_ns,
        weighted_quantiles(duration_ns, sample_weight, 0.5, 0.9, 0.99, 1) AS row_levels,
        quantiles(durations_ns, 0.5, 0.9, 0.99, 1) AS counted_levels,
        sum(bytes * sample_weight) AS bytes,
        -- The kernel's sum is 0 where nothing was measured.
        coalesce(
            nullif(sum(cpu_sum_ns), 0) / CAST(nullif(sum(timed), 0) AS DOUBLE),
            sum(cpu_row_ns * sample_weight)
            / CAST(sum(sample_weight) FILTER (WHERE cpu_row_ns IS NOT NULL) AS DOUBLE)
        ) AS cpu_ns,
        coalesce(nullif(sum(cpu_sum_ns), 0), sum(cpu_row_ns * sample_weight)) AS cpu_sum_ns,
        max(memory_bytes) AS memory_bytes,
        coalesce(sum(unobserved_ns), 0) AS unobserved_ns
    FROM both
    GROUP BY recorder, host, operation, "interval"
),
-- Recorders that count. An interval of theirs without counts is not over yet, or its begin is outside
-- of the range that was asked for.
counting AS (
    SELECT DISTINCT recorder, host FROM operation_metrics
),
timed AS (
    SELECT
        summed.*,
        -- Rows are lost, filtered, sampled out or deleted.
        CASE WHEN rows < finished THEN coalesce(counted_levels, row_levels) ELSE row_levels END AS levels,
        -- Without counts it is an import, which was observed all the time.
        nullif(
            CASE WHEN is_counted THEN greatest(observed_ns - unobserved_ns, 0) ELSE length_ns END, 0
        ) / 1e9 AS per_s
    FROM summed
    LEFT JOIN observed
        ON summed.recorder = observed.recorder
            AND summed.host = observed.host
            AND summed."interval" = observed."interval"
    LEFT JOIN counting ON summed.recorder = counting.recorder AND summed.host = counting.host
    WHERE is_counted OR counting.recorder IS NULL
)
SELECT
    at,
    recorder,
    host,
    operation,
    operation_type,
    coalesce(per_s, 0) AS observed_s,
    finished,
    lost,
    failures,
    finished / per_s AS rate_per_s,
    mean_ns,
    levels[1] AS p50_ns,
    levels[2] AS p90_ns,
    levels[3] AS p99_ns,
    levels[4] AS max_ns,
    bytes / per_s AS bytes_per_s,
    cpu_ns,
    cpu_sum_ns / 1e9 / per_s AS cpu_share,
    memory_bytes
FROM timed
