//! Decide si las fuentes y los documentos cumplen las leyes de ARCHITECTURE.md. Lee el árbol entero, sin ejecutar nada.

mod contratos;
mod documentos;
mod fuentes;
mod glosario;
mod medidas;
mod salas;
mod sitios;
