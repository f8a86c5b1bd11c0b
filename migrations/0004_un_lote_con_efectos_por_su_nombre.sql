-- Guardar un lote recibe cada efecto con su nombre, y cada lote que se confirma tiene un número. El código anterior sigue
-- sirviendo durante esta migración y después: la función que llama también numera.

-- Quien ya había empezado a guardar y espera por esta tabla lo haría sin número: al ver movido el horizonte (un microsegundo, que
-- no caduca ningún id) vuelve a empezar.
LOCK TABLE operaciones IN ACCESS EXCLUSIVE MODE;
UPDATE horizonte SET desde = desde + interval '1 microsecond';

-- El número de un lote. Se pide dentro de su transacción, cuando PostgreSQL ya la ha numerado a ella, y no espera a nadie. Qué
-- asegura:
-- · No se repite, y el de un lote que leyó lo que otro confirmó es mayor que el de aquel: lo aplicado a cada ejemplar y a cada
--   usuario, ordenado por lote y puesto, está en el orden en que pasó. Una negativa era cierta en su foto, que pudo leerse antes
--   de que se confirmara un lote de número menor.
-- · De dos lotes a la vez que no se tocan puede confirmarse antes el de número mayor; y el de uno que se deshizo falta. Quien lea
--   «lo que sigue a N» se saltaría un lote: ha de quedarse en un número cerrado.
-- · Hasta L está cerrado, y nada aparecerá ya por debajo, si L se leyó de lotes.last_value, después se tomó
--   x = pg_snapshot_xmax(pg_current_snapshot()), y ya pg_snapshot_xmin(pg_current_snapshot()) >= x: todas las transacciones que
--   pudieron pedir un número hasta L han acabado.
CREATE SEQUENCE lotes;
COMMENT ON SEQUENCE lotes IS 'El número de cada lote que se guarda';
GRANT USAGE ON SEQUENCE lotes TO anaquel_servicio;

ALTER TABLE operaciones ADD COLUMN lote bigint NOT NULL DEFAULT 0, ADD COLUMN puesto smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN operaciones.lote IS 'El número del lote en que quedó como está; 0 si se decidió antes de numerarlos, o vino con el catálogo';
COMMENT ON COLUMN operaciones.puesto IS 'Su puesto en el lote, en el orden en que se decidió';

-- Una fila de cada efecto de un lote.
CREATE TYPE operacion_decidida AS (
    id uuid, huella bytea, tipo text, estado text, codigo text, respuesta text, aceptada timestamptz, puesto smallint
);
CREATE TYPE prestamo_cambiado AS (
    prestamo uuid, renovaciones_leidas smallint, vence timestamptz, renovaciones smallint, devuelto timestamptz, devolucion uuid
);
CREATE TYPE prestamo_nuevo AS (
    prestamo uuid, ejemplar text, isbn text, usuario text, ranura smallint, desde timestamptz, vence timestamptz,
    renovaciones smallint, devuelto timestamptz, devolucion uuid
);
CREATE TYPE lote_sumado AS (
    tipos text[], codigos text[], sedes text[], cuantas integer[], isbns text[], prestamos integer[]
);
CREATE TYPE apartada_nueva AS (id uuid, huella bytea, comando text, motivo text, historia text, aceptada timestamptz);
CREATE TYPE apartada_resuelta AS (id uuid, como text, estado text, codigo text, respuesta text, nota text);
COMMENT ON TYPE operacion_decidida IS 'Una operación que un lote decide, y su puesto en él';
COMMENT ON TYPE prestamo_cambiado IS 'Un préstamo que se alarga o se cierra, con las renovaciones que tenía al leerlo';
COMMENT ON TYPE prestamo_nuevo IS 'Un préstamo que se abre; quizá también se cierra en el mismo lote';
COMMENT ON TYPE lote_sumado IS 'Lo que un lote suma a las cuentas: una fila de sumandos';
COMMENT ON TYPE apartada_nueva IS 'El expediente de una operación que se aparta';
COMMENT ON TYPE apartada_resuelta IS 'Cómo queda una apartada que se resuelve';

-- Escribe un lote decidido, entero o nada. Si algo ya no es como se leyó, AN001: hay que leer otra foto y decidir otra vez.
-- Las filas vienen en orden: dos lotes a la vez casi siempre se esperan en fila; si se cruzan, el que espera demasiado por una
-- fila lo deja. Un efecto nuevo es un parámetro más, nulo si falta: la sentencia del código anterior, que no lo nombra, vale.
CREATE FUNCTION guardar_lote(
    leido timestamptz,
    sumado lote_sumado,
    decididas operacion_decidida[] DEFAULT NULL,
    cambiados prestamo_cambiado[] DEFAULT NULL,
    nuevos prestamo_nuevo[] DEFAULT NULL,
    expedientes apartada_nueva[] DEFAULT NULL,
    resueltas apartada_resuelta[] DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    numero bigint;
    hechas bigint;
BEGIN
    -- Lo primero, reclamar los ids: espera al gemelo que aún no confirmó, y si confirmó, ya está decidida.
    IF decididas IS NOT NULL THEN
        numero := CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('lotes') END;
        INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada, lote, puesto)
        SELECT n.id, n.huella, n.tipo, n.estado, n.codigo, n.respuesta, n.aceptada, numero, n.puesto
        FROM unnest(decididas) AS n
        ON CONFLICT (id) DO NOTHING;
        GET DIAGNOSTICS hechas = ROW_COUNT;
        IF hechas <> cardinality(decididas) THEN
            RAISE 'otro lote decidió antes alguna de sus operaciones' USING ERRCODE = 'AN001';
        END IF;
    END IF;
    -- El horizonte se mira después de reclamar: quien poda lo mueve antes de borrar.
    IF (SELECT desde FROM horizonte) <> leido THEN
        RAISE 'el horizonte se movió' USING ERRCODE = 'AN001';
    END IF;
    IF resueltas IS NOT NULL THEN
        PERFORM resolver_apartada(n.id, n.como, n.estado, n.codigo, n.respuesta, n.nota) FROM unnest(resueltas) AS n;
    END IF;
    -- Lo que se cierra va antes que lo que se abre: sus índices lo exigen.
    IF cambiados IS NOT NULL THEN
        UPDATE prestamos AS p SET vence = n.vence, renovaciones = n.renovaciones, devuelto = n.devuelto,
            devolucion_id = n.devolucion
        FROM unnest(cambiados) AS n
        -- Abierto se dice aquí con devolucion_id: con devuelto, mientras hay pocos préstamos el planificador prefiere recorrer
        -- entero uno de los índices de los abiertos, y ese plan se queda.
        WHERE p.prestamo_id = n.prestamo AND p.devolucion_id IS NULL AND p.renovaciones = n.renovaciones_leidas;
        GET DIAGNOSTICS hechas = ROW_COUNT;
        IF hechas <> cardinality(cambiados) THEN
            RAISE 'un préstamo cambió después de leerlo' USING ERRCODE = 'AN001';
        END IF;
    END IF;
    IF nuevos IS NOT NULL THEN
        INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, ranura, desde, vence, renovaciones, devuelto,
            devolucion_id)
        SELECT n.prestamo, n.ejemplar, n.isbn, n.usuario, n.ranura, n.desde, n.vence, n.renovaciones, n.devuelto, n.devolucion
        FROM unnest(nuevos) AS n;
    END IF;
    IF expedientes IS NOT NULL THEN
        INSERT INTO apartadas (id, huella, comando, motivo, historia, aceptada)
        SELECT n.id, n.huella, n.comando, n.motivo, n.historia, n.aceptada FROM unnest(expedientes) AS n;
    END IF;
    INSERT INTO sumandos (tipos, codigos, sedes, cuantas, isbns, prestamos)
    VALUES (sumado.tipos, sumado.codigos, sumado.sedes, sumado.cuantas, sumado.isbns, sumado.prestamos);
END
$$;
COMMENT ON FUNCTION guardar_lote(
    timestamptz, lote_sumado, operacion_decidida[], prestamo_cambiado[], prestamo_nuevo[], apartada_nueva[], apartada_resuelta[]
) IS 'Escribe un lote decidido si todo sigue como se leyó; si no, AN001 y nada';

-- La que llama el código anterior, que no dice el puesto de cada operación. Sobra cuando ya no quede ninguno en marcha.
CREATE OR REPLACE FUNCTION guardar_lote(
    ids uuid[], huellas bytea[], tipos text[], estados text[], codigos text[], respuestas text[],
    aceptadas timestamptz[], leido timestamptz,
    cambiados uuid[], leidas smallint[], vencen timestamptz[], renovadas smallint[], devueltos timestamptz[],
    devoluciones uuid[],
    nuevos uuid[], ejemplares text[], isbns text[], usuarios text[], ranuras smallint[], desdes timestamptz[],
    hastas timestamptz[], alargados smallint[], cerrados timestamptz[], cierres uuid[],
    tipos_sumados text[], codigos_sumados text[], sedes_sumadas text[], cuantas integer[], isbns_sumados text[],
    prestados integer[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM guardar_lote(
        leido => leido,
        sumado => ROW(tipos_sumados, codigos_sumados, sedes_sumadas, cuantas, isbns_sumados, prestados)::lote_sumado,
        decididas => (
            SELECT array_agg(ROW(n.*, 0)::operacion_decidida)
            FROM unnest(ids, huellas, tipos, estados, codigos, respuestas, aceptadas) AS n
        ),
        cambiados => (
            SELECT array_agg(ROW(n.*)::prestamo_cambiado)
            FROM unnest(cambiados, leidas, vencen, renovadas, devueltos, devoluciones) AS n
        ),
        nuevos => (
            SELECT array_agg(ROW(n.*)::prestamo_nuevo)
            FROM unnest(nuevos, ejemplares, isbns, usuarios, ranuras, desdes, hastas, alargados, cerrados, cierres) AS n
        ));
END
$$;
-- La de hace dos versiones.
DROP FUNCTION guardar_lote(
    uuid[], bytea[], text[], text[], text[], text[], timestamptz[], timestamptz, uuid[], smallint[], timestamptz[], smallint[],
    timestamptz[], uuid[], uuid[], text[], text[], text[], smallint[], timestamptz[], timestamptz[], smallint[], timestamptz[],
    uuid[]
);

-- Lo resuelto queda en un lote suyo: quien lea los lotes por su número lo ve cuando se resolvió.
CREATE OR REPLACE FUNCTION resolver_apartada(
    cual uuid, como text, en_estado text, con_codigo text, con_respuesta text, con_nota text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    numero bigint := CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('lotes') END;
BEGIN
    IF NOT (como = 'recuperada' AND en_estado IN ('aplicada', 'rechazada') OR como = 'cerrada' AND en_estado = 'anulada')
    THEN
        RAISE 'una apartada no puede quedar % como %', como, en_estado;
    END IF;
    -- Espera a quien la esté resolviendo; si acabó, aquí ya no está apartada.
    UPDATE operaciones AS o SET estado = en_estado, codigo = con_codigo, respuesta = con_respuesta, lote = numero, puesto = 0
    WHERE o.id = cual AND o.estado = 'apartada';
    IF NOT FOUND THEN
        RAISE 'otra persona resolvió antes la operación apartada' USING ERRCODE = 'AN001';
    END IF;
    UPDATE apartadas AS a SET resolucion = como, nota = con_nota, resuelta = clock_timestamp(),
        codigo = CASE como WHEN 'recuperada' THEN con_codigo END
    WHERE a.id = cual;
END
$$;
