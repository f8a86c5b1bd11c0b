//! Lo que se puede escribir en la línea de órdenes.

use std::str::FromStr;

use averias::{caos, demo, docker};
use clap::{Parser, Subcommand};
use common::transport::{Endpoint, ListaInvalida, cliente::GESTOR_CARGA_ENDPOINTS};
use gestor_carga::operar;
use test_sistema::{carga, generar, pedir, solicitante};

const AYUDA: &str = "\
Sin suborden, hace la prueba funcional contra una suite en marcha y la deja como estaba.

Estado de salida: 0 todo bien; 1 algo salió mal (o, en «pedir», rechazada o error); 2 orden mal escrita;
3 en «pedir», pendiente o incierta: todavía puede hacerse.";

/// La prueba del sistema de préstamo: funcional, carga, simulacros y auditoría
#[derive(Debug, Parser)]
#[command(name = "test_sistema", after_help = AYUDA)]
pub struct Argumentos {
    #[command(subcommand)]
    pub orden: Option<Subcomando>,
    /// La máquina del gestor de carga
    #[arg(long, global = true, env = "GESTOR_CARGA_HOST", default_value = "127.0.0.1")]
    host: String,
    /// El puerto en que el gestor de carga atiende a los clientes
    #[arg(long, global = true, env = "GESTOR_CARGA_PORT", default_value_t = 5555)]
    puerto: u16,
    /// Varios gestores de carga, host:puerto separados por comas: lo que uno calla se pide a otro; manda sobre los dos anteriores
    #[arg(long, global = true, env = GESTOR_CARGA_ENDPOINTS, value_name = "LISTA")]
    gestores: Option<Gestores>,
}

/// Una lista de gestores; vacía, como si no se diera.
#[derive(Clone, Debug)]
struct Gestores(Vec<Endpoint>);

impl FromStr for Gestores {
    type Err = ListaInvalida;

    fn from_str(texto: &str) -> Result<Self, ListaInvalida> {
        Endpoint::lista(texto).map(Self)
    }
}

/// Lo que se puede pedir.
#[derive(Debug, Subcommand)]
pub enum Subcomando {
    /// Pide una cosa y muestra la respuesta
    Pedir(pedir::Argumentos),
    /// Lo mismo que «gestor_carga operar», su nombre de ahora
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
    /// Dónde están los gestores de carga: uno por lo menos.
    pub fn gestores(&self) -> anyhow::Result<Vec<Endpoint>> {
        if let Some(Gestores(lista)) = self.gestores.as_ref().filter(|gestores| !gestores.0.is_empty()) {
            return Ok(lista.clone());
        }
        let direccion = format!("{}:{}", self.host, self.puerto);
        let uno = direccion.parse().map_err(|e| {
            anyhow::anyhow!("ajustes GESTOR_CARGA_HOST y GESTOR_CARGA_PORT: «{direccion}» no vale: {e}")
        })?;
        Ok(vec![uno])
    }
}
