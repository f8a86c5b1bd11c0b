//! Decide cómo se cuenta a una persona lo que se decidió de una operación.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use super::{
    filas::{Prestamo, Usuario},
    politica::Condiciones,
};
use crate::dominio::{Codigo, EjemplarId, Estado, Isbn, OperacionId, SedeId, UsuarioId};

/// Lo decidido de una operación.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veredicto {
    /// `aplicada` o `rechazada`.
    pub estado: Estado,
    pub codigo: Codigo,
    pub mensaje: Cow<'static, str>,
    pub datos: Datos,
}

/// De qué habla un veredicto; lo que no viene al caso no se escribe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Datos {
    /// El préstamo, por el id de la operación que lo concedió.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prestamo: Option<OperacionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usuario: Option<UsuarioId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejemplar: Option<EjemplarId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isbn: Option<Isbn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sede: Option<SedeId>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub vence: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renovaciones: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub devuelto: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abiertos: Option<u32>,
    /// Cuántos puede tener, o cuántas veces se puede renovar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limite: Option<u32>,
}

#[allow(clippy::ref_option)]
fn rfc3339<S: Serializer>(fecha: &Option<DateTime<Utc>>, s: S) -> Result<S::Ok, S::Error> {
    match fecha {
        Some(fecha) => s.serialize_str(&fecha.to_rfc3339_opts(SecondsFormat::Micros, true)),
        None => s.serialize_none(),
    }
}

impl Datos {
    fn de(prestamo: &Prestamo, sede: Option<SedeId>) -> Self {
        Self {
            prestamo: Some(prestamo.id),
            usuario: Some(prestamo.usuario),
            ejemplar: Some(prestamo.ejemplar),
            isbn: Some(prestamo.isbn),
            sede,
            vence: Some(prestamo.vence),
            renovaciones: Some(prestamo.renovaciones),
            devuelto: prestamo.cierre.map(|c| c.devuelto),
            abiertos: None,
            limite: None,
        }
    }
}

impl Veredicto {
    fn aplicada(mensaje: String, datos: Datos) -> Self {
        Self { estado: Estado::Aplicada, codigo: Codigo::Ok, mensaje: mensaje.into(), datos }
    }

    fn rechazada(codigo: Codigo, mensaje: impl Into<Cow<'static, str>>, datos: Datos) -> Self {
        Self { estado: Estado::Rechazada, codigo, mensaje: mensaje.into(), datos }
    }

    /// No, con la frase del código.
    pub(super) fn no(codigo: Codigo, datos: Datos) -> Self {
        Self::rechazada(codigo, codigo.mensaje(), datos)
    }

    pub(super) fn concedido(prestamo: &Prestamo, sede: SedeId) -> Self {
        let (ejemplar, usuario, vence) = (prestamo.ejemplar, prestamo.usuario, fecha(prestamo.vence));
        Self::aplicada(format!("{ejemplar} prestado a {usuario} hasta el {vence}"), Datos::de(prestamo, Some(sede)))
    }

    pub(super) fn devuelto(prestamo: &Prestamo, sede: SedeId) -> Self {
        let ejemplar = prestamo.ejemplar;
        let tarde = prestamo.cierre.is_some_and(|c| c.devuelto > prestamo.vence);
        let coletilla = if tarde { ", después de su vencimiento" } else { "" };
        Self::aplicada(format!("{ejemplar} devuelto{coletilla}"), Datos::de(prestamo, Some(sede)))
    }

    pub(super) fn renovado(prestamo: &Prestamo, sede: SedeId) -> Self {
        let (ejemplar, vence) = (prestamo.ejemplar, fecha(prestamo.vence));
        Self::aplicada(format!("Préstamo de {ejemplar} renovado hasta el {vence}"), Datos::de(prestamo, Some(sede)))
    }

    /// A quien pide un ejemplar prestado se le dice hasta cuándo, no a quién.
    pub(super) fn prestado(abierto: &Prestamo, sede: SedeId) -> Self {
        let datos = Datos {
            ejemplar: Some(abierto.ejemplar),
            isbn: Some(abierto.isbn),
            sede: Some(sede),
            vence: Some(abierto.vence),
            ..Datos::default()
        };
        let mensaje = format!("{} está prestado hasta el {}", abierto.ejemplar, fecha(abierto.vence));
        Self::rechazada(Codigo::EjemplarPrestado, mensaje, datos)
    }

    pub(super) fn limite_de_prestamos(usuario: &Usuario, condiciones: &Condiciones) -> Self {
        let (abiertos, limite) = (usuario.ranuras.ocupadas(), condiciones.prestamos_max);
        let mensaje = format!("{} ya tiene {abiertos} préstamos abiertos y su límite es {limite}", usuario.id);
        let datos =
            Datos { usuario: Some(usuario.id), abiertos: Some(abiertos), limite: Some(limite), ..Datos::default() };
        Self::rechazada(Codigo::LimiteDePrestamos, mensaje, datos)
    }

    pub(super) fn limite_de_renovaciones(prestamo: &Prestamo, sede: SedeId, condiciones: &Condiciones) -> Self {
        let mensaje = format!(
            "El préstamo de {} ya se renovó {} veces y vence el {}",
            prestamo.ejemplar,
            prestamo.renovaciones,
            fecha(prestamo.vence)
        );
        let datos = Datos { limite: Some(u32::from(condiciones.renovaciones_max)), ..Datos::de(prestamo, Some(sede)) };
        Self::rechazada(Codigo::LimiteDeRenovaciones, mensaje, datos)
    }
}

/// Un día como lo escribe una persona.
fn fecha(fecha: DateTime<Utc>) -> String {
    format!("{:02}/{:02}/{}", fecha.day(), fecha.month(), fecha.year())
}
