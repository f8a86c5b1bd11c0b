-- Cuántas filas tiene cada tabla y la suma de los resúmenes de todas ellas: no depende del orden en que se lean.
SET TimeZone = 'UTC';
SELECT format(
    $$SELECT %L, count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::bigint::numeric), 0) FROM %s AS t$$,
    c.relname, c.oid::regclass)
FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname \gexec
