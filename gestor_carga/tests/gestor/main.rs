//! El gestor de carga como proceso, con zócalos de verdad: actores y almacenamiento falsos, clientes honrados y de los
//! otros.

mod actores;
mod administracion;
mod apoyo;
mod arranque;
mod basura;
mod cierres;
mod clientes;
mod promesas;
mod versiones;
