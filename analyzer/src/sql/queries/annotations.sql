SELECT recorder, at, until, kind, text
FROM annotations
ORDER BY at, kind, until, text
