//! Lo que se puede escribir en la línea de órdenes.

use averias::{caos, demo, docker};
use clap::{Parser, Subcommand};
use common::transport::Endpoint;
use test_sistema::{carga, generar, operar, pedir, solicitante};

const AYUDA: &str = "\
Sin suborden, hace la prueba funcional contra una suite en marcha y la deja como estaba.

Estado de salida: 0 todo bien; 1 algo salió mal (o, en «pedir», rechazada o error); 2 orden mal escrita;
3 en «pedir», pendiente o incierta: todavía puede hacerse; en «operar», nadie contestó: se puede repetir.";

/// La prueba del sistema de préstamo: funcional, carga, simulacros y auditoría
#[derive(Debug, Parser)]
#[command(name = "test_sistema", after_help = AYUDA)]
pub struct Argumentos {
    #[command(subcommand)]
    pub orden: Option<Orden>,
    /// La máquina del gestor de carga
    #[arg(long, global = true, env = "GESTOR_CARGA_HOST", default_value = "127.0.0.1")]
    host: String,
    /// El puerto en que el gestor de carga atiende a los clientes
    #[arg(long, global = true, env = "GESTOR_CARGA_PORT", default_value_t = 5555)]
    puerto: u16,
}

#[derive(Debug, Subcommand)]
pub enum Orden {
    /// Pide una cosa y muestra la respuesta
    Pedir(pedir::Argumentos),
    /// Mira y ordena lo que un gestor de carga tiene entre manos: tareas, apartadas, buzón, circuitos y cuentas
    Operar(operar::Argumentos),
    /// Carga una suite en marcha y audita lo que reconoció contra lo que guardó
    Carga(carga::Argumentos),
    /// Levanta una suite propia, mata sus procesos bajo carga y audita
    Demo(demo::Argumentos),
    /// Levanta las dos máquinas en contenedores, los para y los mata bajo carga, y audita
    DockerDemo(docker::Argumentos),
    /// Levanta una suite propia y rompe, bajo carga, todo lo que se puede romper, según una semilla; audita
    Caos(caos::Argumentos),
    /// Escribe un archivo de peticiones del catálogo, siempre el mismo con la misma semilla
    GenerarPeticiones(generar::Argumentos),
    /// Pide una a una las peticiones de un archivo; repetida, no hace nada dos veces
    Solicitante(solicitante::Argumentos),
}

impl Argumentos {
    /// Dónde está el gestor de carga.
    pub fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let direccion = format!("{}:{}", self.host, self.puerto);
        direccion
            .parse()
            .map_err(|e| anyhow::anyhow!("ajustes GESTOR_CARGA_HOST y GESTOR_CARGA_PORT: «{direccion}» no vale: {e}"))
    }
}
