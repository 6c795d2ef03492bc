-- What the recording cost, by minute: time of the probes in the observed threads, and CPU time of the recorder.
SELECT
    date_bin(INTERVAL '1 minute', at) AS minute,
    recorder,
    sum(probe_cost_ns) / 1e9 AS probes_s,
    sum(cpu_ns) / 1e9 AS recorder_s
FROM (
    SELECT at, recorder, probe_cost_ns, CAST(NULL AS BIGINT) AS cpu_ns
    FROM operation_metrics
    UNION ALL
    SELECT at, recorder, CAST(NULL AS BIGINT), recorder_cpu_user_ns + recorder_cpu_system_ns
    FROM recorder_health
)
GROUP BY minute, recorder
ORDER BY minute, recorder
