-- El esquema de Anaquel. Lo ejecuta el dueño (quien migra); el servicio entra con el rol anaquel_servicio, que no
-- posee ninguna tabla y solo puede lo que los GRANT del final dicen.

CREATE TABLE sedes (
    sede_id text PRIMARY KEY,
    nombre  text NOT NULL
);
COMMENT ON TABLE sedes IS 'Las sedes de la biblioteca';
COMMENT ON COLUMN sedes.sede_id IS 'Identificador: CENTRO, NORTE';
COMMENT ON COLUMN sedes.nombre IS 'Nombre para una persona';

CREATE TABLE libros (
    isbn        text PRIMARY KEY,
    titulo      text NOT NULL,
    autores     text NOT NULL,
    anio        smallint,
    idioma      text,
    popularidad integer NOT NULL DEFAULT 0 CHECK (popularidad >= 0)
);
COMMENT ON TABLE libros IS 'El catálogo: una fila por título';
COMMENT ON COLUMN libros.isbn IS 'ISBN-13 sin guiones';
COMMENT ON COLUMN libros.titulo IS 'Título, con su serie si la tiene';
COMMENT ON COLUMN libros.autores IS 'Autores separados por comas';
COMMENT ON COLUMN libros.anio IS 'Año de la primera publicación; negativo antes de nuestra era; nulo si no se sabe';
COMMENT ON COLUMN libros.idioma IS 'Código de idioma del catálogo de origen; nulo si no se sabe';
COMMENT ON COLUMN libros.popularidad IS 'Número de valoraciones en el catálogo de origen: pesa la demanda en las pruebas';

CREATE TABLE ejemplares (
    ejemplar_id text PRIMARY KEY,
    isbn        text NOT NULL REFERENCES libros,
    sede_id     text NOT NULL REFERENCES sedes
);
CREATE INDEX ejemplares_por_isbn ON ejemplares (isbn);
COMMENT ON TABLE ejemplares IS 'Las copias físicas de cada título';
COMMENT ON COLUMN ejemplares.ejemplar_id IS 'Identificador: E000123';
COMMENT ON COLUMN ejemplares.isbn IS 'De qué título es copia';
COMMENT ON COLUMN ejemplares.sede_id IS 'En qué sede vive';

CREATE TABLE usuarios (
    usuario_id text PRIMARY KEY,
    nombre     text NOT NULL,
    categoria  text NOT NULL CHECK (categoria IN ('ESTUDIANTE', 'DOCENTE', 'INVESTIGADOR')),
    bloqueado  boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE usuarios IS 'Quién puede pedir prestado';
COMMENT ON COLUMN usuarios.usuario_id IS 'Número de carné: U0001';
COMMENT ON COLUMN usuarios.nombre IS 'Nombre para una persona';
COMMENT ON COLUMN usuarios.categoria IS 'Decide cuántos préstamos abiertos puede tener; los límites están en common::dominio';
COMMENT ON COLUMN usuarios.bloqueado IS 'Si no puede pedir prestado ni renovar';

-- Sin claves ajenas: es la tabla caliente, y la regla (el ejemplar y el usuario existen) la mantiene quien decide el
-- lote, que los ha leído con su fila bloqueada.
CREATE TABLE prestamos (
    prestamo_id   uuid PRIMARY KEY,
    ejemplar_id   text NOT NULL,
    isbn          text NOT NULL,
    usuario_id    text NOT NULL,
    desde         timestamptz NOT NULL,
    vence         timestamptz NOT NULL CHECK (vence > desde),
    renovaciones  smallint NOT NULL DEFAULT 0 CHECK (renovaciones BETWEEN 0 AND 2),
    devuelto      timestamptz,
    devolucion_id uuid,
    CHECK ((devuelto IS NULL) = (devolucion_id IS NULL))
);
-- La regla de oro, en la propia base: un ejemplar tiene como mucho un préstamo abierto, haga lo que haga el código.
CREATE UNIQUE INDEX prestamo_abierto_por_ejemplar ON prestamos (ejemplar_id) WHERE devuelto IS NULL;
CREATE INDEX prestamos_abiertos_por_usuario ON prestamos (usuario_id) WHERE devuelto IS NULL;
COMMENT ON TABLE prestamos IS 'Los préstamos, abiertos y cerrados';
COMMENT ON COLUMN prestamos.prestamo_id IS 'El id de la operación de préstamo (UUIDv7): su tiempo es cuándo se pidió';
COMMENT ON COLUMN prestamos.ejemplar_id IS 'Qué copia';
COMMENT ON COLUMN prestamos.isbn IS 'De qué título, repetido aquí para no buscar la copia';
COMMENT ON COLUMN prestamos.usuario_id IS 'A quién';
COMMENT ON COLUMN prestamos.desde IS 'Cuándo empezó: la aceptación de la operación, nunca posterior al reloj de la base';
COMMENT ON COLUMN prestamos.vence IS 'Cuándo hay que devolverlo';
COMMENT ON COLUMN prestamos.renovaciones IS 'Cuántas veces se alargó';
COMMENT ON COLUMN prestamos.devuelto IS 'Cuándo se devolvió; nulo mientras está abierto';
COMMENT ON COLUMN prestamos.devolucion_id IS 'El id de la operación que lo cerró';

CREATE TABLE operaciones (
    id        uuid PRIMARY KEY,
    huella    bytea NOT NULL CHECK (octet_length(huella) = 16),
    tipo      text NOT NULL CHECK (tipo IN ('prestamo', 'devolucion', 'renovacion')),
    estado    text CHECK (estado IN ('aplicada', 'rechazada', 'anulada', 'apartada')),
    codigo    text,
    respuesta json,
    aceptada  timestamptz NOT NULL,
    intentos  integer NOT NULL DEFAULT 1
)
-- La fila entra corta al reclamar el id y crece al decidirse, en la misma transacción: con sitio para las dos en su
-- página, el índice no se toca la segunda vez. El sitio no se pierde, lo ocupa la fila ya decidida.
WITH (fillfactor = 15);
COMMENT ON TABLE operaciones IS 'Cada operación decidida, una vez: la primera fila con su id, en la transacción de su efecto';
COMMENT ON COLUMN operaciones.id IS 'El id de la operación (UUIDv7)';
COMMENT ON COLUMN operaciones.huella IS 'Los 16 bytes de la huella de lo que se pidió';
COMMENT ON COLUMN operaciones.tipo IS 'Qué clase de operación';
COMMENT ON COLUMN operaciones.estado IS 'En qué quedó; nulo solo dentro de la transacción que la decide';
COMMENT ON COLUMN operaciones.codigo IS 'La razón, del vocabulario cerrado de códigos';
COMMENT ON COLUMN operaciones.respuesta IS 'La respuesta, byte a byte como se dio y se repetirá';
COMMENT ON COLUMN operaciones.aceptada IS 'Cuándo la aceptó un gestor de carga';
COMMENT ON COLUMN operaciones.intentos IS 'Cuántas veces llegó: 1 es ninguna repetición';

CREATE TABLE horizonte (
    unica boolean PRIMARY KEY DEFAULT true CHECK (unica),
    desde timestamptz NOT NULL
);
INSERT INTO horizonte (desde) VALUES ('1970-01-01T00:00:00Z');
COMMENT ON TABLE horizonte IS 'Hasta cuándo llega la historia de operaciones. Se mueve, y se confirma, antes de borrar nada';
COMMENT ON COLUMN horizonte.unica IS 'Siempre cierto: solo hay una fila';
COMMENT ON COLUMN horizonte.desde IS 'De un id anterior ya no se sabe si se decidió: si es nuevo, está caducado';

-- El rol es del clúster entero, y otra base puede estar creándolo ahora mismo.
DO $$
BEGIN
    CREATE ROLE anaquel_servicio;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
-- Quien migra puede trabajar como el servicio aunque el servicio entre con su URL.
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'anaquel_servicio', 'MEMBER') THEN
        GRANT anaquel_servicio TO CURRENT_USER;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO anaquel_servicio;
GRANT SELECT ON sedes, libros, ejemplares, usuarios, prestamos, operaciones, horizonte TO anaquel_servicio;
-- Bloquear una fila pide permiso de cambiar alguna de sus columnas: estas son las que el servicio cambiará un día.
GRANT UPDATE (sede_id) ON ejemplares TO anaquel_servicio;
GRANT UPDATE (bloqueado) ON usuarios TO anaquel_servicio;
GRANT INSERT ON prestamos, operaciones TO anaquel_servicio;
GRANT UPDATE (vence, renovaciones, devuelto, devolucion_id) ON prestamos TO anaquel_servicio;
GRANT UPDATE (estado, codigo, respuesta, intentos) ON operaciones TO anaquel_servicio;
