-- Periods in which a recorder observed: its run without its gaps. Those of one run do not overlap.
--   recorder: First eight digits of the UUID of the recorder's run.
--   host: Host on which it ran.
--   at: Begin of the period.
--   until: End of the period.
SELECT
    recorder,
    host,
    at,
    until
FROM run_periods
WHERE at IS NOT NULL
