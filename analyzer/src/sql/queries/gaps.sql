SELECT at, until, text AS cause, host
FROM annotations
WHERE kind = '{gap}'
ORDER BY at, until
