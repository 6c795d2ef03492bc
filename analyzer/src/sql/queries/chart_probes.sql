-- What the probes took from the observed threads, ns, per window of {width} ns since 1970.
SELECT
    CAST(at AS BIGINT) / {width} * {width} AS window_from,
    sum(CAST(probe_cost_ns AS DOUBLE)) AS probes_ns
FROM operation_metrics
GROUP BY window_from
ORDER BY window_from
