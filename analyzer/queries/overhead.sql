-- What the recording cost, by minute: time of the probes in the observed threads, time of the recorder's programs in the
-- kernel alone (where --bpf-statistics measured it), and CPU time of the recorder.
SELECT
    date_bin(INTERVAL '1 minute', at) AS minute,
    recorder,
    sum(probe_cost_ns) / 1e9 AS probes_s,
    sum(programs_ns) / 1e9 AS programs_s,
    sum(cpu_ns) / 1e9 AS recorder_s
FROM (
    SELECT at, recorder, probe_cost_ns, CAST(NULL AS BIGINT) AS programs_ns, CAST(NULL AS BIGINT) AS cpu_ns
    FROM operation_metrics
    UNION ALL
    SELECT at, recorder, CAST(NULL AS BIGINT), bpf_run_ns, recorder_cpu_user_ns + recorder_cpu_system_ns
    FROM recorder_health
)
GROUP BY minute, recorder
ORDER BY minute, recorder
