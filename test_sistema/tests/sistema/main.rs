//! Suites de verdad, con sus procesos, sus puertos y su PostgreSQL: se cargan, se matan y se auditan.
//!
//! Una suite a la vez: miden tiempos, y dos a la vez se los robarían.

mod banco;
mod basura;
mod breaker;
mod caos;
mod carga;
mod gemelos;
mod muertes;
mod operar;
mod promesas;
mod puntos_de_muerte;
mod salidas;
mod solicitante;
