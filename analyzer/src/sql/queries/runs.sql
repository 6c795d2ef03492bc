SELECT recorder, kind, at
FROM annotations
WHERE kind IN ('recording_started', 'recording_stopped')
ORDER BY recorder, at
