//! La máquina, con un modelo al lado que comprueba cada promesa después de cada suceso.

mod azar;
mod banco;
mod casos;
mod cierres;
mod exhaustiva;
mod turnos;
mod vistas;

use banco::Banco;
