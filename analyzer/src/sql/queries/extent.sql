SELECT min("interval") AS first, max("interval") AS last
FROM {table}
