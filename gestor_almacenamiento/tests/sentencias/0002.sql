-- consultas::salud
SELECT pg_is_in_recovery();

-- consultas::ejemplar
SELECT clock_timestamp() AS ahora, e.isbn, l.titulo, e.sede_id, p.prestamo_id, p.usuario_id, p.vence,
p.renovaciones
FROM (VALUES ($1::text)) AS n (ejemplar_id)
LEFT JOIN ejemplares AS e USING (ejemplar_id)
LEFT JOIN libros AS l ON l.isbn = e.isbn
LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL;

-- consultas::libro
SELECT clock_timestamp() AS ahora, l.titulo, l.autores, e.ejemplar_id, e.sede_id, p.vence,
count(e.ejemplar_id) OVER () AS total,
count(e.ejemplar_id) FILTER (WHERE p.prestamo_id IS NULL) OVER () AS libres
FROM (VALUES ($1::text)) AS n (isbn)
LEFT JOIN libros AS l USING (isbn)
LEFT JOIN ejemplares AS e ON e.isbn = l.isbn
LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
ORDER BY e.ejemplar_id LIMIT $2;

-- consultas::usuario
SELECT clock_timestamp() AS ahora, u.categoria, u.bloqueado, p.prestamo_id, p.ejemplar_id, p.isbn, p.desde,
p.vence, p.renovaciones, count(p.prestamo_id) OVER () AS total
FROM (VALUES ($1::text)) AS n (usuario_id)
LEFT JOIN usuarios AS u USING (usuario_id)
LEFT JOIN prestamos AS p ON p.usuario_id = u.usuario_id AND p.devuelto IS NULL
ORDER BY p.vence, p.prestamo_id LIMIT $2;

-- consultas::operacion
SELECT clock_timestamp() AS ahora, o.codigo, o.respuesta
FROM (VALUES ($1::uuid)) AS n (id) LEFT JOIN operaciones AS o USING (id);

-- foto::leer
SELECT clock_timestamp(), (SELECT desde FROM horizonte), o.id, o.huella, o.codigo, o.respuesta,
e.isbn, e.ejemplar_id, e.sede_id, p.prestamo_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
u.usuario_id, u.categoria, u.bloqueado,
(SELECT bit_or(1::bigint << a.ranura) FROM prestamos AS a WHERE a.usuario_id = u.usuario_id AND a.devuelto IS NULL)
FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS ejemplar_id, unnest($3::text[]) AS usuario_id) AS n
LEFT JOIN operaciones AS o ON o.id = n.id
LEFT JOIN ejemplares AS e ON e.ejemplar_id = n.ejemplar_id
LEFT JOIN prestamos AS p ON p.ejemplar_id = n.ejemplar_id AND p.devuelto IS NULL
LEFT JOIN usuarios AS u ON u.usuario_id = n.usuario_id
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL,
l.isbn, e.ejemplar_id, e.sede_id, p.prestamo_id, p.usuario_id, p.desde, p.vence, p.renovaciones, p.ranura,
NULL, NULL, NULL, NULL
FROM libros AS l
LEFT JOIN ejemplares AS e ON e.isbn = l.isbn
LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL
WHERE l.isbn = ANY($4);

-- guardado::guardar
SELECT guardar_lote($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8,
$9::uuid[], $10::smallint[], $11::timestamptz[], $12::smallint[], $13::timestamptz[], $14::uuid[],
$15::uuid[], $16::text[], $17::text[], $18::text[], $19::smallint[], $20::timestamptz[], $21::timestamptz[],
$22::smallint[], $23::timestamptz[], $24::uuid[]);
