-- apartadas::abiertas
SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
FROM apartadas WHERE resuelta IS NULL ORDER BY apartada DESC, id DESC OFFSET $1 LIMIT $2;

-- apartadas::todas
SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
FROM apartadas ORDER BY apartada DESC, id DESC OFFSET $1 LIMIT $2;

-- apartadas::una
SELECT id, huella, comando, motivo, historia, aceptada, apartada, resolucion, codigo, nota, resuelta
FROM apartadas WHERE id = $1;

-- apartadas::total
SELECT count(*) FROM apartadas WHERE resuelta IS NULL OR NOT $1;

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

-- cuentas::todas
SELECT tipo, codigo, sede, sum(cuantas)::bigint AS cuantas
FROM (
SELECT tipo, codigo, sede, cuantas FROM cuentas
UNION ALL
SELECT n.tipo, n.codigo, n.sede, n.cuantas
FROM sumandos AS s, unnest(s.tipos, s.codigos, s.sedes, s.cuantas) AS n (tipo, codigo, sede, cuantas)
) AS t
GROUP BY tipo, codigo, sede HAVING sum(cuantas) <> 0 ORDER BY tipo, codigo, sede;

-- cuentas::mas_prestados
SELECT m.isbn, l.titulo, m.prestamos
FROM (
SELECT isbn, sum(prestamos)::bigint AS prestamos
FROM (
SELECT isbn, prestamos FROM prestamos_por_libro
UNION ALL
SELECT n.isbn, n.prestamos FROM sumandos AS s, unnest(s.isbns, s.prestamos) AS n (isbn, prestamos)
) AS t
GROUP BY isbn ORDER BY 2 DESC, 1 LIMIT $1
) AS m
LEFT JOIN libros AS l ON l.isbn = m.isbn
ORDER BY m.prestamos DESC, m.isbn;

-- cuentas::consolidar
SELECT consolidar_cuentas($1);

-- foto::leer
SELECT clock_timestamp() AS ahora, (SELECT desde FROM horizonte) AS horizonte, o.id AS operacion, o.huella, o.codigo,
o.respuesta, e.isbn, e.ejemplar_id AS ejemplar, e.sede_id AS sede, p.prestamo_id AS prestamo,
p.usuario_id AS prestado_a, p.desde, p.vence, p.renovaciones, p.ranura, u.usuario_id AS usuario, u.categoria,
u.bloqueado, (
SELECT bit_or(1::bigint << a.ranura) FROM prestamos AS a WHERE a.usuario_id = u.usuario_id AND a.devuelto IS NULL
) AS ranuras
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
SELECT guardar_lote(leido => $1, sumado => $2, decididas => $3, cambiados => $4, nuevos => $5, expedientes => $6,
resueltas => $7);
