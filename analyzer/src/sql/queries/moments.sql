SELECT at, until, kind, text
FROM annotations
WHERE kind <> '{gap}'
ORDER BY at, kind, text
