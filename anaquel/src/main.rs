//! La orden `anaquel`: levanta la suite en esta máquina, y pregunta y ordena a la que está en marcha.

#![forbid(unsafe_code)]

mod argumentos;

use std::process::ExitCode;

use anaquel::{
    control::{self, Mandato, RespuestaDelLanzador},
    servir::{self, AjustesDeSuite},
};
use argumentos::{Argumentos, Subordenes};
use common::process::{
    arranque,
    orden::{self, MAL_ESCRITO},
};

const NOMBRE: &str = "anaquel";

fn main() -> ExitCode {
    let orden = match orden::leer::<Argumentos>() {
        Ok(argumentos) => argumentos.orden,
        Err(salida) => return salida,
    };
    let orden = match orden {
        Subordenes::Servir { catalogo } => {
            return arranque::correr(NOMBRE, AjustesDeSuite::leer, async |ajustes| {
                servir::correr(ajustes, catalogo).await
            });
        }
        Subordenes::Estado => Mandato::Estado,
        Subordenes::Parar { nombre } => Mandato::Parar { nombre },
        Subordenes::Iniciar { nombre } => Mandato::Iniciar { nombre },
    };
    arranque::correr(NOMBRE, servir::plano_de, async |plano| control::pedir(plano.var(), &orden).map(mostrar))
}

fn mostrar(respuesta: RespuestaDelLanzador) -> ExitCode {
    match respuesta {
        RespuestaDelLanzador::Estado { filas } => print!("{}", control::tabla(&filas)),
        RespuestaDelLanzador::Hecho { mensaje } => println!("{mensaje}"),
        RespuestaDelLanzador::Fallo { mensaje } => {
            eprintln!("{NOMBRE}: {mensaje}");
            return ExitCode::FAILURE;
        }
        RespuestaDelLanzador::Desconocido { mensaje } => {
            eprintln!("{NOMBRE}: {mensaje}");
            return MAL_ESCRITO.into();
        }
    }
    ExitCode::SUCCESS
}
