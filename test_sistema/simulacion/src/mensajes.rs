//! Lo que se dicen los procesos: por la red, y entre un gestor de almacenamiento y la base.

use common::{
    dominio::{Codigo, Comando, Estado, OperacionId},
    mensajes::{Orden, Peticion, RespuestaGuardada, Resultado, ResultadoInforme},
};
use gestor_almacenamiento::machine::{Culpa, Foto, LoteDecidido, Nombrado};

/// Lo que viaja por la red.
#[derive(Clone, Debug)]
pub enum Mensaje {
    Solicitud { envio: usize, id: OperacionId, comando: Comando, acepta_pendiente: bool },
    Respuesta { envio: usize, que: Contestado },
    Evento(Vec<Orden>),
    Informe(Vec<ResultadoInforme>),
    Peticion(Box<Peticion>),
    Resultado(Box<Resultado>),
}

/// Una respuesta, como la ve quien la comprueba.
#[derive(Clone, Debug)]
pub enum Contestado {
    /// Los bytes guardados.
    Guardada(RespuestaGuardada),
    /// Lo que dice el gestor por su cuenta.
    Propia(Estado, Codigo),
}

/// Lo que se manda a la base.
#[derive(Clone, Debug)]
pub enum Trabajo {
    Foto(Vec<Nombrado>),
    Guardar(Box<LoteDecidido>),
    Salud,
}

/// Lo que contesta la base.
#[derive(Clone, Debug)]
pub enum DeBase {
    Foto(Box<Foto>),
    Guardado,
    Sana,
    No(Culpa),
}

impl DeBase {
    /// La conexión no vale.
    pub fn se_corto() -> Self {
        Self::No(Culpa::Conexion("la conexión se cortó".into()))
    }

    /// Otro se cruzó, o la foto ya no vale.
    pub fn cruce() -> Self {
        Self::No(Culpa::Cruce("otro se cruzó".into()))
    }
}
