-- Everything that was noted, in order of time: starts, stops, gaps, notes.
SELECT at, until, kind, text, recorder, host
FROM annotations
ORDER BY at, kind, recorder
