-- Each operation for a trace: in the order of their begins, and of several that begin together the longest
-- first, so that an operation comes after the ones that it is in.
SELECT
    CAST(finished_at AS BIGINT) AS at_ns,
    recorder,
    host,
    operation,
    pid,
    tid,
    duration_ns,
    cpu_ns,
    success,
    return_value,
    bytes,
    sample_weight,
    goroutine
FROM operation_log
ORDER BY CAST(finished_at AS BIGINT) - duration_ns, duration_ns DESC, operation, pid, tid, recorder
