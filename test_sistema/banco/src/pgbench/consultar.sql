\if :turno = 0
\set turno 1
\set n random(10000000, 9999999 + :renovables)
SELECT clock_timestamp() AS ahora, e.isbn, l.titulo, e.sede_id, p.prestamo_id, p.usuario_id, p.vence, p.renovaciones FROM (VALUES ('R' || :n::text)) AS n (ejemplar_id) LEFT JOIN ejemplares AS e USING (ejemplar_id) LEFT JOIN libros AS l ON l.isbn = e.isbn LEFT JOIN prestamos AS p ON p.ejemplar_id = e.ejemplar_id AND p.devuelto IS NULL;
\else
\set turno 0
SELECT clock_timestamp() AS ahora, u.categoria, u.bloqueado, p.prestamo_id, p.ejemplar_id, p.isbn, p.desde, p.vence, p.renovaciones, count(p.prestamo_id) OVER () AS total FROM (VALUES ('R' || :n::text)) AS n (usuario_id) LEFT JOIN usuarios AS u USING (usuario_id) LEFT JOIN prestamos AS p ON p.usuario_id = u.usuario_id AND p.devuelto IS NULL ORDER BY p.vence, p.prestamo_id LIMIT 1000;
\endif
