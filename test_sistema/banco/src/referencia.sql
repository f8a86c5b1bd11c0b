-- La referencia del banco: una función guardada por operación, con las reglas de la casa, como la escribiría quien no
-- tuviera más que PostgreSQL. Se instala en la base «referencia», sobre el esquema de siempre.

-- Aquí cada operación se escribe de una vez, ya decidida: el sitio que la suite deja en la página para que la fila
-- crezca solo la haría más lenta.
ALTER TABLE operaciones RESET (fillfactor);
-- Aquí los préstamos de un usuario se cuentan con su fila bloqueada: si el esquema los numera por ranuras, sobran.
ALTER TABLE prestamos DROP COLUMN IF EXISTS ranura;
CREATE INDEX IF NOT EXISTS prestamos_abiertos_por_usuario ON prestamos (usuario_id) WHERE devuelto IS NULL;

-- La respuesta que se guarda, con los mismos campos que la de la suite.
CREATE FUNCTION referencia_respuesta(
    p_id uuid, p_codigo text, p_mensaje text, p_prestamo uuid, p_usuario text, p_ejemplar text, p_isbn text,
    p_sede text, p_vence timestamptz, p_renovaciones smallint
) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT format(
        '{"id":"%s","exito":%s,"estado":"%s","codigo":"%s","mensaje":"%s","fechaOperacion":%s,"datos":{"prestamo":"%s",'
        '"usuario":"%s","ejemplar":"%s","isbn":"%s","sede":"%s","vence":%s,"renovaciones":%s}}',
        p_id, CASE p_codigo WHEN 'OK' THEN 'true' ELSE 'false' END,
        CASE p_codigo WHEN 'OK' THEN 'aplicada' ELSE 'rechazada' END, p_codigo, p_mensaje, to_json(now()), p_prestamo,
        p_usuario, p_ejemplar, p_isbn, p_sede, coalesce(to_json(p_vence)::text, 'null'), coalesce(p_renovaciones, 0)
    )::json
$$;

-- Lo que ya había bajo un id. Cada función guarda su respuesta antes que su efecto: un gemelo que llegue a la vez espera
-- ahí, y después no escribe nada.
CREATE FUNCTION referencia_guardada(p_id uuid, p_huella bytea) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_huella    bytea;
    v_respuesta json;
BEGIN
    SELECT huella, respuesta INTO v_huella, v_respuesta FROM operaciones WHERE id = p_id;
    IF v_huella <> p_huella THEN
        RETURN json_build_object('id', p_id, 'exito', false, 'estado', 'error', 'codigo', 'CONFLICTO_DE_ID');
    END IF;
    RETURN v_respuesta;
END
$$;

CREATE FUNCTION referencia_prestar(p_id uuid, p_huella bytea, p_ejemplar text, p_usuario text)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_isbn      text;
    v_sede      text;
    v_categoria text;
    v_bloqueado boolean;
    v_vence     timestamptz := now() + interval '14 days';
    v_codigo    text := 'OK';
    v_respuesta json;
BEGIN
    SELECT isbn, sede_id INTO v_isbn, v_sede FROM ejemplares WHERE ejemplar_id = p_ejemplar FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        v_codigo := 'EJEMPLAR_DESCONOCIDO';
    END IF;
    SELECT categoria, bloqueado INTO v_categoria, v_bloqueado FROM usuarios WHERE usuario_id = p_usuario
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        v_codigo := 'USUARIO_DESCONOCIDO';
    ELSIF v_codigo <> 'OK' THEN
        NULL;
    ELSIF v_bloqueado THEN
        v_codigo := 'USUARIO_BLOQUEADO';
    ELSIF EXISTS (SELECT FROM prestamos WHERE ejemplar_id = p_ejemplar AND devuelto IS NULL) THEN
        v_codigo := 'EJEMPLAR_PRESTADO';
    ELSIF (SELECT count(*) FROM prestamos WHERE usuario_id = p_usuario AND devuelto IS NULL)
        >= (CASE v_categoria WHEN 'ESTUDIANTE' THEN 5 WHEN 'DOCENTE' THEN 10 ELSE 15 END) THEN
        v_codigo := 'LIMITE_DE_PRESTAMOS';
    END IF;
    v_respuesta := referencia_respuesta(
        p_id, v_codigo, p_ejemplar || ' prestado a ' || p_usuario || ' por catorce días', p_id, p_usuario, p_ejemplar,
        v_isbn, v_sede, v_vence, 0::smallint
    );
    INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
    VALUES (
        p_id, p_huella, 'prestamo', CASE v_codigo WHEN 'OK' THEN 'aplicada' ELSE 'rechazada' END, v_codigo,
        v_respuesta, now()
    ) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN referencia_guardada(p_id, p_huella);
    END IF;
    IF v_codigo = 'OK' THEN
        INSERT INTO prestamos (prestamo_id, ejemplar_id, isbn, usuario_id, desde, vence)
        VALUES (p_id, p_ejemplar, v_isbn, p_usuario, now(), v_vence);
    END IF;
    RETURN v_respuesta;
END
$$;

CREATE FUNCTION referencia_devolver(p_id uuid, p_huella bytea, p_ejemplar text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_prestamo  record;
    v_codigo    text := 'OK';
    v_respuesta json;
BEGIN
    -- Basta bloquear el préstamo: quien espere por él lo verá devuelto.
    SELECT p.prestamo_id, p.usuario_id, p.isbn, p.desde, p.vence, p.renovaciones, e.sede_id INTO v_prestamo
    FROM prestamos AS p JOIN ejemplares AS e USING (ejemplar_id)
    WHERE p.ejemplar_id = p_ejemplar AND p.devuelto IS NULL FOR NO KEY UPDATE OF p;
    IF NOT FOUND THEN
        v_codigo := 'SIN_PRESTAMO';
    END IF;
    v_respuesta := referencia_respuesta(
        p_id, v_codigo, p_ejemplar || ' devuelto', v_prestamo.prestamo_id, v_prestamo.usuario_id, p_ejemplar,
        v_prestamo.isbn, v_prestamo.sede_id, v_prestamo.vence, v_prestamo.renovaciones
    );
    INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
    VALUES (
        p_id, p_huella, 'devolucion', CASE v_codigo WHEN 'OK' THEN 'aplicada' ELSE 'rechazada' END, v_codigo,
        v_respuesta, now()
    ) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN referencia_guardada(p_id, p_huella);
    END IF;
    IF v_codigo = 'OK' THEN
        UPDATE prestamos SET devuelto = greatest(now(), desde), devolucion_id = p_id
        WHERE prestamo_id = v_prestamo.prestamo_id;
    END IF;
    RETURN v_respuesta;
END
$$;

CREATE FUNCTION referencia_renovar(p_id uuid, p_huella bytea, p_ejemplar text, p_usuario text)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v_prestamo  record;
    v_bloqueado boolean;
    v_codigo    text := 'OK';
    v_respuesta json;
BEGIN
    SELECT bloqueado INTO v_bloqueado FROM usuarios WHERE usuario_id = p_usuario;
    SELECT p.prestamo_id, p.isbn, p.vence + interval '7 days' AS vence, p.renovaciones, e.sede_id INTO v_prestamo
    FROM prestamos AS p JOIN ejemplares AS e USING (ejemplar_id)
    WHERE p.ejemplar_id = p_ejemplar AND p.usuario_id = p_usuario AND p.devuelto IS NULL FOR NO KEY UPDATE OF p;
    IF v_bloqueado IS NULL THEN
        v_codigo := 'USUARIO_DESCONOCIDO';
    ELSIF v_bloqueado THEN
        v_codigo := 'USUARIO_BLOQUEADO';
    ELSIF v_prestamo.prestamo_id IS NULL THEN
        v_codigo := 'SIN_PRESTAMO';
    ELSIF v_prestamo.renovaciones >= 2 THEN
        v_codigo := 'LIMITE_DE_RENOVACIONES';
    END IF;
    v_respuesta := referencia_respuesta(
        p_id, v_codigo, 'Préstamo de ' || p_ejemplar || ' renovado por siete días', v_prestamo.prestamo_id, p_usuario,
        p_ejemplar, v_prestamo.isbn, v_prestamo.sede_id, v_prestamo.vence, v_prestamo.renovaciones
    );
    INSERT INTO operaciones (id, huella, tipo, estado, codigo, respuesta, aceptada)
    VALUES (
        p_id, p_huella, 'renovacion', CASE v_codigo WHEN 'OK' THEN 'aplicada' ELSE 'rechazada' END, v_codigo,
        v_respuesta, now()
    ) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN referencia_guardada(p_id, p_huella);
    END IF;
    IF v_codigo = 'OK' THEN
        UPDATE prestamos SET vence = v_prestamo.vence, renovaciones = renovaciones + 1
        WHERE prestamo_id = v_prestamo.prestamo_id;
    END IF;
    RETURN v_respuesta;
END
$$;
