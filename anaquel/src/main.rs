//! La orden `anaquel`: levanta la suite en esta máquina, y pregunta y ordena a la que está en marcha.

mod argumentos;

use std::process::ExitCode;

use anaquel::{
    control::{self, Orden, Respuesta},
    servir::{self, Opciones},
};
use argumentos::{Argumentos, Subordenes};
use common::process::{
    config::{AjusteInvalido, Ajustes},
    orden::{self, MAL_ESCRITO},
    telemetry,
};

fn main() -> ExitCode {
    let orden = match orden::leer::<Argumentos>() {
        Ok(argumentos) => argumentos.orden,
        Err(salida) => return salida,
    };
    match correr(orden) {
        Ok(codigo) => codigo,
        Err(e) => {
            eprintln!("anaquel: {e:#}");
            if e.is::<AjusteInvalido>() { MAL_ESCRITO.into() } else { ExitCode::FAILURE }
        }
    }
}

fn correr(orden: Subordenes) -> anyhow::Result<ExitCode> {
    let ajustes = Ajustes::leer()?;
    let orden = match orden {
        Subordenes::Servir { catalogo } => {
            let _metricas = telemetry::iniciar();
            return servir::correr(&ajustes, &Opciones { catalogo }).map(|()| ExitCode::SUCCESS);
        }
        Subordenes::Estado => Orden::Estado,
        Subordenes::Parar { nombre } => Orden::Parar { nombre },
        Subordenes::Iniciar { nombre } => Orden::Iniciar { nombre },
    };
    let respuesta = control::pedir(servir::plano_de(&ajustes)?.var(), &orden)?;
    Ok(mostrar(respuesta))
}

fn mostrar(respuesta: Respuesta) -> ExitCode {
    match respuesta {
        Respuesta::Estado { filas } => print!("{}", control::tabla(&filas)),
        Respuesta::Hecho { mensaje } => println!("{mensaje}"),
        Respuesta::Fallo { mensaje } => {
            eprintln!("anaquel: {mensaje}");
            return ExitCode::FAILURE;
        }
        Respuesta::Desconocido { mensaje } => {
            eprintln!("anaquel: {mensaje}");
            return MAL_ESCRITO.into();
        }
    }
    ExitCode::SUCCESS
}
