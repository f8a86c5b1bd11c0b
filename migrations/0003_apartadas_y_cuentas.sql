-- Las operaciones apartadas, que resuelve una persona, y las cuentas exactas de lo decidido. El código anterior sigue sirviendo
-- durante esta migración y después: la función que llama también suma.

-- Nada se decide mientras se cuenta lo que hay. Quien ya había empezado a guardar y espera por estas tablas lo haría con la
-- función antigua, que no suma: al ver movido el horizonte (un microsegundo, que no caduca ningún id) vuelve a empezar.
LOCK TABLE operaciones, prestamos IN SHARE MODE;
UPDATE horizonte SET desde = desde + interval '1 microsecond';

CREATE TABLE apartadas (
    id         uuid PRIMARY KEY,
    huella     bytea NOT NULL,
    comando    text NOT NULL,
    motivo     text NOT NULL,
    historia   text NOT NULL,
    aceptada   timestamptz NOT NULL,
    apartada   timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolucion text CHECK (resolucion IN ('recuperada', 'cerrada')),
    codigo     text,
    nota       text,
    resuelta   timestamptz,
    CHECK ((resolucion IS NULL) = (resuelta IS NULL)),
    CHECK ((resolucion IS NOT DISTINCT FROM 'recuperada') = (codigo IS NOT NULL)),
    CHECK ((resolucion IS NOT DISTINCT FROM 'cerrada') = (nota IS NOT NULL))
);
CREATE INDEX apartadas_por_fecha ON apartadas (apartada DESC, id DESC);
CREATE INDEX apartadas_abiertas ON apartadas (apartada DESC, id DESC) WHERE resuelta IS NULL;
COMMENT ON TABLE apartadas IS 'Lo que una persona necesita para resolver una operación apartada, y cómo la resolvió. Qué se decidió lo dice operaciones';
COMMENT ON COLUMN apartadas.id IS 'El id de la operación';
COMMENT ON COLUMN apartadas.huella IS 'Los 16 bytes de la huella de lo que se pidió';
COMMENT ON COLUMN apartadas.comando IS 'Lo que se pidió, en JSON: con esto se decide al recuperarla';
COMMENT ON COLUMN apartadas.motivo IS 'Por qué se apartó';
COMMENT ON COLUMN apartadas.historia IS 'Sus fallos, del primero al último, en JSON';
COMMENT ON COLUMN apartadas.aceptada IS 'Cuándo la aceptó un gestor de carga: el tiempo del negocio si se recupera';
COMMENT ON COLUMN apartadas.apartada IS 'Cuándo se apartó';
COMMENT ON COLUMN apartadas.resolucion IS 'Cómo la resolvió una persona; nula mientras está abierta';
COMMENT ON COLUMN apartadas.codigo IS 'El código de lo decidido, si se recuperó';
COMMENT ON COLUMN apartadas.nota IS 'Por qué no se hará, si se cerró, en palabras de quien la cerró';
COMMENT ON COLUMN apartadas.resuelta IS 'Cuándo se resolvió';

-- Sin índices: guardar un lote añade una fila al final, y quien consolida se las lleva todas. No se recorta la tabla al
-- limpiarla: recortar pide un cerrojo que haría esperar a los lotes.
CREATE TABLE sumandos (
    tipos     text[] NOT NULL,
    codigos   text[] NOT NULL,
    sedes     text[] NOT NULL,
    cuantas   integer[] NOT NULL,
    isbns     text[] NOT NULL,
    prestamos integer[] NOT NULL
)
WITH (vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE sumandos IS 'Lo que cada transacción suma a las cuentas, aún sin sumar: una fila por lote, para que dos lotes no se esperen por un contador';
COMMENT ON COLUMN sumandos.tipos IS 'El tipo de cada cuenta';
COMMENT ON COLUMN sumandos.codigos IS 'Su código';
COMMENT ON COLUMN sumandos.sedes IS 'Su sede; vacía si no se sabe';
COMMENT ON COLUMN sumandos.cuantas IS 'Cuánto se le suma; negativo lo que una operación recuperada o cerrada deja de ser';
COMMENT ON COLUMN sumandos.isbns IS 'Los libros prestados';
COMMENT ON COLUMN sumandos.prestamos IS 'Cuántas veces cada uno';

CREATE TABLE cuentas (
    tipo    text COLLATE "C" NOT NULL,
    codigo  text COLLATE "C" NOT NULL,
    sede    text COLLATE "C" NOT NULL,
    cuantas bigint NOT NULL,
    PRIMARY KEY (tipo, codigo, sede)
);
COMMENT ON TABLE cuentas IS 'Cuántas operaciones se decidieron, podadas incluidas; la cifra exacta es esto más los sumandos';
COMMENT ON COLUMN cuentas.tipo IS 'Qué clase de operación';
COMMENT ON COLUMN cuentas.codigo IS 'En qué quedó';
COMMENT ON COLUMN cuentas.sede IS 'La del ejemplar o, si no se llegó a él, la de la solicitud; vacía si no se sabe';
COMMENT ON COLUMN cuentas.cuantas IS 'Cuántas';

CREATE TABLE prestamos_por_libro (
    isbn      text COLLATE "C" PRIMARY KEY,
    prestamos bigint NOT NULL
);
COMMENT ON TABLE prestamos_por_libro IS 'Cuántas veces se prestó cada libro; la cifra exacta es esto más los sumandos';
COMMENT ON COLUMN prestamos_por_libro.isbn IS 'Qué libro';
COMMENT ON COLUMN prestamos_por_libro.prestamos IS 'Cuántas veces';

-- Lo que ya hay. De lo podado antes de hoy no queda con qué contarlo.
INSERT INTO cuentas (tipo, codigo, sede, cuantas)
SELECT o.tipo, o.codigo, coalesce(o.datos ->> 'sede', e.sede_id, ''), count(*)
FROM (SELECT tipo, codigo, respuesta::json -> 'datos' AS datos FROM operaciones) AS o
LEFT JOIN ejemplares AS e ON e.ejemplar_id = o.datos ->> 'ejemplar'
GROUP BY 1, 2, 3;
INSERT INTO prestamos_por_libro (isbn, prestamos) SELECT isbn, count(*) FROM prestamos GROUP BY isbn;

-- La de 0002, que además suma.
CREATE FUNCTION guardar_lote(
    ids uuid[], huellas bytea[], tipos text[], estados text[], codigos text[], respuestas text[],
    aceptadas timestamptz[], leido timestamptz,
    cambiados uuid[], leidas smallint[], vencen timestamptz[], renovadas smallint[], devueltos timestamptz[],
    devoluciones uuid[],
    nuevos uuid[], ejemplares text[], isbns text[], usuarios text[], ranuras smallint[], desdes timestamptz[],
    hastas timestamptz[], alargados smallint[], cerrados timestamptz[], cierres uuid[],
    tipos_sumados text[], codigos_sumados text[], sedes_sumadas text[], cuantas integer[], isbns_sumados text[],
    prestados integer[]
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
    INSERT INTO sumandos VALUES (tipos_sumados, codigos_sumados, sedes_sumadas, cuantas, isbns_sumados, prestados);
END
$$;

-- La que llama el código anterior: suma lo suyo, de uno en uno. Sobra cuando ya no quede ninguno en marcha.
CREATE OR REPLACE FUNCTION guardar_lote(
    ids uuid[], huellas bytea[], tipos text[], estados text[], codigos text[], respuestas text[],
    aceptadas timestamptz[], leido timestamptz,
    cambiados uuid[], leidas smallint[], vencen timestamptz[], renovadas smallint[], devueltos timestamptz[],
    devoluciones uuid[],
    nuevos uuid[], ejemplares text[], isbns text[], usuarios text[], ranuras smallint[], desdes timestamptz[],
    hastas timestamptz[], alargados smallint[], cerrados timestamptz[], cierres uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM guardar_lote(ids, huellas, tipos, estados, codigos, respuestas, aceptadas, leido, cambiados, leidas, vencen,
        renovadas, devueltos, devoluciones, nuevos, ejemplares, isbns, usuarios, ranuras, desdes, hastas, alargados,
        cerrados, cierres, tipos, codigos,
        ARRAY(
            SELECT coalesce(r.respuesta::json -> 'datos' ->> 'sede', '')
            FROM unnest(respuestas) WITH ORDINALITY AS r (respuesta, puesto) ORDER BY r.puesto
        ),
        array_fill(1, ARRAY[cardinality(ids)]), isbns, array_fill(1, ARRAY[cardinality(nuevos)]));
END
$$;

-- Lo que sigue lo ejecuta el servicio con los permisos del dueño: puede resolver una apartada y consolidar, y no cambiar lo
-- decidido ni las cuentas.

-- Resuelve una apartada que siga abierta; si no, AN001. Al recuperarla, su efecto va en la misma transacción que esto.
CREATE FUNCTION resolver_apartada(
    cual uuid, como text, en_estado text, con_codigo text, con_respuesta text, con_nota text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (como = 'recuperada' AND en_estado IN ('aplicada', 'rechazada') OR como = 'cerrada' AND en_estado = 'anulada')
    THEN
        RAISE 'una apartada no puede quedar % como %', como, en_estado;
    END IF;
    -- Espera a quien la esté resolviendo; si acabó, aquí ya no está apartada.
    UPDATE operaciones AS o SET estado = en_estado, codigo = con_codigo, respuesta = con_respuesta
    WHERE o.id = cual AND o.estado = 'apartada';
    IF NOT FOUND THEN
        RAISE 'otra persona resolvió antes la operación apartada' USING ERRCODE = 'AN001';
    END IF;
    UPDATE apartadas AS a SET resolucion = como, nota = con_nota, resuelta = clock_timestamp(),
        codigo = CASE como WHEN 'recuperada' THEN con_codigo END
    WHERE a.id = cual;
END
$$;
COMMENT ON FUNCTION resolver_apartada IS 'Da por recuperada o cerrada una operación apartada que siga abierta; si no, AN001 y nada';

-- Pasa a las cuentas unos sumandos y dice cuántos. Uno a la vez: otro que llegue entretanto no tiene nada que hacer.
CREATE FUNCTION consolidar_cuentas(trozo integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    tomados bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('anaquel.consolidar')) THEN
        RETURN 0;
    END IF;
    WITH tomado AS (
        DELETE FROM sumandos WHERE ctid = ANY (ARRAY(SELECT ctid FROM sumandos LIMIT trozo)) RETURNING *
    ), contado AS (
        INSERT INTO cuentas AS c (tipo, codigo, sede, cuantas)
        SELECT n.tipo, n.codigo, n.sede, sum(n.cuantas)
        FROM tomado AS t, unnest(t.tipos, t.codigos, t.sedes, t.cuantas) AS n (tipo, codigo, sede, cuantas)
        GROUP BY 1, 2, 3
        ON CONFLICT (tipo, codigo, sede) DO UPDATE SET cuantas = c.cuantas + excluded.cuantas
    ), prestado AS (
        INSERT INTO prestamos_por_libro AS p (isbn, prestamos)
        SELECT n.isbn, sum(n.prestamos)
        FROM tomado AS t, unnest(t.isbns, t.prestamos) AS n (isbn, prestamos)
        GROUP BY 1
        ON CONFLICT (isbn) DO UPDATE SET prestamos = p.prestamos + excluded.prestamos
    )
    SELECT count(*) INTO tomados FROM tomado;
    RETURN tomados;
END
$$;
COMMENT ON FUNCTION consolidar_cuentas IS 'Borra unos sumandos y los suma a las cuentas; dice cuántos';

REVOKE EXECUTE ON FUNCTION resolver_apartada, consolidar_cuentas FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolver_apartada, consolidar_cuentas TO anaquel_servicio;
GRANT SELECT ON apartadas, sumandos, cuentas, prestamos_por_libro TO anaquel_servicio;
GRANT INSERT ON apartadas, sumandos TO anaquel_servicio;
