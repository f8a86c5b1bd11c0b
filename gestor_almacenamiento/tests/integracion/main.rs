//! El gestor de almacenamiento con un PostgreSQL de verdad: un clúster por ejecución y una base por prueba.

mod comun;
mod concurrencia;
mod consultas;
mod escritura;
mod esquema;
mod fallos;
mod importar;
mod programa;
mod servicio;
