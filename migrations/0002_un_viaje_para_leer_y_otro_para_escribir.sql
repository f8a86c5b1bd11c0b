-- Decidir un lote cuesta dos viajes: una sentencia lee una foto de lo que nombra, y una función escribe lo decidido y
-- comprueba que la foto sigue valiendo. No se bloquea ninguna fila que no cambie: lo que impide que dos lotes a la vez se
-- estorben son los índices únicos y los WHERE de la función.

-- El límite de préstamos de un usuario, en la propia base: cada préstamo abierto ocupa una ranura, y dos no caben en la
-- misma. Quien decide elige la primera libre; dos que cuenten a la vez eligen la misma y uno vuelve a empezar.
ALTER TABLE prestamos ADD COLUMN ranura smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN prestamos.ranura IS 'Cuál de las ranuras de su usuario ocupa mientras está abierto';
UPDATE prestamos AS p SET ranura = n.ranura
FROM (
    SELECT prestamo_id, row_number() OVER (PARTITION BY usuario_id ORDER BY prestamo_id) - 1 AS ranura
    FROM prestamos WHERE devuelto IS NULL
) AS n
WHERE p.prestamo_id = n.prestamo_id AND n.ranura > 0;
CREATE UNIQUE INDEX prestamo_abierto_por_ranura ON prestamos (usuario_id, ranura) WHERE devuelto IS NULL;
DROP INDEX prestamos_abiertos_por_usuario;

-- Los identificadores se comparan byte a byte, que es lo que son; con otro orden cada paso de un índice cuesta una llamada
-- a la biblioteca de C.
ALTER TABLE libros ALTER COLUMN isbn TYPE text COLLATE "C";
ALTER TABLE ejemplares ALTER COLUMN ejemplar_id TYPE text COLLATE "C", ALTER COLUMN isbn TYPE text COLLATE "C";
ALTER TABLE usuarios ALTER COLUMN usuario_id TYPE text COLLATE "C";
ALTER TABLE prestamos ALTER COLUMN ejemplar_id TYPE text COLLATE "C", ALTER COLUMN isbn TYPE text COLLATE "C",
    ALTER COLUMN usuario_id TYPE text COLLATE "C";

-- PostgreSQL vuelve a leer cada CHECK en cada sentencia: en las dos tablas calientes costaban una décima parte del lote de
-- uno. Lo que decían lo cumple quien pliega las reglas; lo que dos lotes a la vez podrían romper está en los índices.
ALTER TABLE operaciones DROP CONSTRAINT operaciones_huella_check, DROP CONSTRAINT operaciones_tipo_check,
    DROP CONSTRAINT operaciones_estado_check;
ALTER TABLE prestamos DROP CONSTRAINT prestamos_check, DROP CONSTRAINT prestamos_check1,
    DROP CONSTRAINT prestamos_renovaciones_check;

-- Una operación entra ya decidida: nunca hay una fila a medias, y no crece después.
ALTER TABLE operaciones DROP COLUMN intentos;
ALTER TABLE operaciones ALTER COLUMN estado SET NOT NULL;
ALTER TABLE operaciones ALTER COLUMN codigo SET NOT NULL;
ALTER TABLE operaciones ALTER COLUMN respuesta TYPE text;
ALTER TABLE operaciones ALTER COLUMN respuesta SET NOT NULL;
ALTER TABLE operaciones RESET (fillfactor);
COMMENT ON COLUMN operaciones.estado IS 'En qué quedó';

-- Escribe un lote decidido, entero o nada. Si algo ya no es como se leyó, AN001: hay que leer otra foto y decidir otra vez.
-- Los ids vienen en orden, y los préstamos por el suyo: dos lotes a la vez casi siempre se esperan en fila; si se cruzan, el
-- que espera demasiado por una fila lo deja.
CREATE FUNCTION guardar_lote(
    ids uuid[], huellas bytea[], tipos text[], estados text[], codigos text[], respuestas text[],
    aceptadas timestamptz[], leido timestamptz,
    cambiados uuid[], leidas smallint[], vencen timestamptz[], renovadas smallint[], devueltos timestamptz[],
    devoluciones uuid[],
    nuevos uuid[], ejemplares text[], isbns text[], usuarios text[], ranuras smallint[], desdes timestamptz[],
    hastas timestamptz[], alargados smallint[], cerrados timestamptz[], cierres uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    hechas bigint;
BEGIN
    -- Lo primero, reclamar los ids: espera al gemelo que aún no confirmó, y si confirmó, ya está decidida.
    INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
    SELECT unnest(ids), unnest(huellas), unnest(tipos), unnest(estados), unnest(codigos), unnest(respuestas),
        unnest(aceptadas)
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS hechas = ROW_COUNT;
    IF hechas <> cardinality(ids) THEN
        RAISE 'otro lote decidió antes alguna de sus operaciones' USING ERRCODE = 'AN001';
    END IF;
    -- El horizonte se mira después de reclamar: quien poda lo mueve antes de borrar.
    IF (SELECT desde FROM horizonte) <> leido THEN
        RAISE 'el horizonte se movió' USING ERRCODE = 'AN001';
    END IF;
    -- Lo que se cierra va antes que lo que se abre: sus índices lo exigen.
    IF cardinality(cambiados) > 0 THEN
        UPDATE prestamos AS p SET vence = n.vence, renovaciones = n.renovaciones, devuelto = n.devuelto,
            devolucion_id = n.devolucion
        FROM (
            SELECT unnest(cambiados) AS prestamo, unnest(leidas) AS leidas, unnest(vencen) AS vence,
                unnest(renovadas) AS renovaciones, unnest(devueltos) AS devuelto, unnest(devoluciones) AS devolucion
        ) AS n
        -- Abierto se dice aquí con devolucion_id: con devuelto, mientras hay pocos préstamos el planificador prefiere recorrer
        -- entero uno de los índices de los abiertos, y ese plan se queda.
        WHERE p.prestamo_id = n.prestamo AND p.devolucion_id IS NULL AND p.renovaciones = n.leidas;
        GET DIAGNOSTICS hechas = ROW_COUNT;
        IF hechas <> cardinality(cambiados) THEN
            RAISE 'un préstamo cambió después de leerlo' USING ERRCODE = 'AN001';
        END IF;
    END IF;
    IF cardinality(nuevos) > 0 THEN
        INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, ranura, desde, vence, renovaciones, devuelto,
            devolucion_id)
        SELECT unnest(nuevos), unnest(ejemplares), unnest(isbns), unnest(usuarios), unnest(ranuras), unnest(desdes),
            unnest(hastas), unnest(alargados), unnest(cerrados), unnest(cierres);
    END IF;
END
$$;
COMMENT ON FUNCTION guardar_lote IS 'Escribe un lote decidido si todo sigue como se leyó; si no, AN001 y nada';

-- Ya no se bloquean filas de ejemplares ni de usuarios: no hace falta poder cambiarlas.
REVOKE UPDATE (sede_id) ON ejemplares FROM anaquel_servicio;
REVOKE UPDATE (bloqueado) ON usuarios FROM anaquel_servicio;
REVOKE UPDATE (estado, codigo, respuesta) ON operaciones FROM anaquel_servicio;
