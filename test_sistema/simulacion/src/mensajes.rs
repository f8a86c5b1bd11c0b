//! Lo que se dicen los procesos: por la red, y entre un gestor de almacenamiento y la base.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::{
    dominio::{
        Codigo, Comando, Estado, Huella, OperacionId,
        reglas::{Cambios, Filas},
    },
    mensajes::{MotivoDeApartar, Orden, Peticion, RespuestaGuardada, Resultado, ResultadoInforme},
};

/// Lo que viaja por la red.
#[derive(Clone, Debug)]
pub enum Mensaje {
    /// De un cliente.
    Solicitud {
        /// El número de este envío.
        envio: usize,
        /// El id que le puso.
        id: OperacionId,
        /// Lo que pide.
        comando: Comando,
        /// Si admite que quede pendiente.
        acepta_pendiente: bool,
    },
    /// A un cliente.
    Respuesta {
        /// A cuál de sus envíos.
        envio: usize,
        /// Qué.
        que: Contestado,
    },
    /// A un actor.
    Evento(Vec<Orden>),
    /// De un actor.
    Informe(Vec<ResultadoInforme>),
    /// Al almacenamiento.
    Peticion(Box<Peticion>),
    /// Del almacenamiento.
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
    /// Leer lo que nombran las órdenes.
    Foto(Vec<Orden>),
    /// Guardar lo decidido.
    Guardar(Box<Lote>),
    /// Decir que vive.
    Salud,
}

/// Lo que contesta la base.
#[derive(Clone, Debug)]
pub enum DeBase {
    /// Lo leído.
    Foto(Box<Foto>),
    /// Guardado.
    Guardado,
    /// Otro se cruzó, o la foto ya no vale.
    Cruce,
    /// Alguna operación no se puede escribir.
    NoSePuede,
    /// Vive.
    Sana,
    /// La conexión no vale.
    SeCorto,
}

/// Lo leído en un momento.
#[derive(Clone, Debug)]
pub struct Foto {
    /// Las que ya estaban decididas.
    pub decididas: HashMap<OperacionId, (Huella, RespuestaGuardada)>,
    /// Lo que nombran las órdenes.
    pub filas: Filas,
    /// La hora de la base.
    pub ahora: DateTime<Utc>,
    /// Desde cuándo se recuerda.
    pub horizonte: DateTime<Utc>,
}

/// Lo que se guarda.
#[derive(Clone, Debug)]
pub struct Lote {
    /// Lo decidido.
    pub decididas: Vec<FilaOperacion>,
    /// Los préstamos que cambian.
    pub cambios: Cambios,
    /// El horizonte que se leyó.
    pub horizonte: DateTime<Utc>,
}

/// Una operación decidida.
#[derive(Clone, Debug)]
pub struct FilaOperacion {
    /// Lo que se pidió.
    pub orden: Orden,
    /// En qué quedó: `aplicada`, `rechazada`, `anulada` o `apartada`.
    pub estado: &'static str,
    /// La respuesta.
    pub respuesta: RespuestaGuardada,
    /// Por qué se apartó, si se apartó.
    pub motivo: Option<MotivoDeApartar>,
}
