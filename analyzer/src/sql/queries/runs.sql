SELECT recorder, kind, at
FROM annotations
WHERE kind IN ('{started}', '{stopped}')
ORDER BY recorder, at
