-- Los roles de mínimo privilegio y la base, al nacer el volumen: los mismos que hace «anaquel servir». El de servicio no
-- posee ninguna tabla; el dueño migra, y lo administra. Las claves salen de sus secretos y no pasan por ninguna orden.
\set clave_servicio `cat /run/secrets/clave_servicio`
\set clave_migracion `cat /run/secrets/clave_migracion`
CREATE ROLE anaquel_servicio LOGIN PASSWORD :'clave_servicio';
CREATE ROLE anaquel_migracion LOGIN CREATEROLE PASSWORD :'clave_migracion';
GRANT anaquel_servicio TO anaquel_migracion WITH ADMIN OPTION;
CREATE DATABASE anaquel OWNER anaquel_migracion;
