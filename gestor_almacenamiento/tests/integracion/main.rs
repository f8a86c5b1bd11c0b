//! El gestor de almacenamiento con un PostgreSQL de verdad: un clúster por ejecución y una base por prueba.

mod actualizacion;
mod apartadas;
mod carreras;
mod comun;
mod concurrencia;
mod consultas;
mod cuentas;
mod escritura;
mod esquema;
mod fallos;
mod importar;
mod lotes;
mod muertes;
mod programa;
mod servicio;
