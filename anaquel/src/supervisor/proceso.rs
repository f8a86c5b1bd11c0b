//! Un hijo: cómo se lanza, dónde escribe, y la sonda que avisa de que está listo y de que vive.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Command, Stdio},
};

use common::{
    process::hijo::{Hijo, morir_con_quien_lanza},
    tiempos::RONDA,
};
use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    machine::Perfil,
    nucleos,
    sonda::{NoticiaDeSonda, Sonda},
    watchdog::Oido,
};
use crate::{
    plano::{Plano, Servicio},
    postgres::Instalacion,
};

/// Un registro que pasa de aquí se aparta antes de lanzar otra vez al que lo escribe.
const REGISTRO_MAX: u64 = 32 * 1024 * 1024;

/// Todo lo que hace falta saber de un proceso para cuidarlo.
pub struct Ficha {
    pub nombre: &'static str,
    /// Lo que decide por él la máquina.
    pub perfil: Perfil,
    pub sonda: Sonda,
    /// Con qué se le pide que se vaya.
    pub senal: libc::c_int,
    pub direcciones: String,
    orden: Box<dyn Fn() -> Command + Send + Sync>,
}

impl Ficha {
    /// PostgreSQL: se va con SIGINT (apagado rápido y ordenado).
    pub fn de_postgres(nombre: &'static str, perfil: Perfil, instalacion: Instalacion, direcciones: String) -> Self {
        let sonda = Sonda::Postgres(Box::new(instalacion.clone()));
        let orden = Box::new(move || instalacion.orden());
        Self { nombre, perfil, sonda, senal: libc::SIGINT, direcciones, orden }
    }

    /// Un servicio, con su programa en `binarios`.
    pub fn de_servicio(servicio: &Servicio, perfil: Perfil, binarios: &Path) -> Self {
        let programa = binarios.join(servicio.programa);
        let entorno = servicio.entorno.clone();
        let etapa = servicio.etapa;
        let orden = move || {
            let mut orden = Command::new(&programa);
            orden.envs(entorno.iter().map(|(n, v)| (*n, v))).stdin(Stdio::null());
            morir_con_quien_lanza(&mut orden, libc::SIGKILL);
            nucleos::fijar(&mut orden, etapa);
            orden
        };
        let mut direcciones: Vec<String> = servicio.zocalos.iter().map(|z| format!("tcp://{z}")).collect();
        direcciones.push(format!("http://{}", servicio.http));
        Self {
            nombre: servicio.nombre,
            perfil,
            sonda: Sonda::Http(servicio.http),
            senal: libc::SIGTERM,
            direcciones: direcciones.join(" "),
            orden: Box::new(orden),
        }
    }
}

/// Un hijo en marcha, y la sonda que lo mira.
pub(super) struct Cuidado {
    pub(super) hijo: Hijo,
    sonda: AbortHandle,
}

impl Cuidado {
    /// Lanza el proceso con su registro y su pid en archivos. Lo que su sonda sepa lo dirá por `noticias`; sus señales de
    /// vida, si las da él, van a `oido`.
    pub(super) fn lanzar(
        ficha: &Ficha,
        plano: &Plano,
        oido: &Oido,
        noticias: mpsc::Sender<NoticiaDeSonda>,
    ) -> io::Result<Self> {
        let registro = abrir_registro(&plano.registro(ficha.nombre))?;
        let mut orden = (ficha.orden)();
        if matches!(ficha.sonda, Sonda::Http(_)) {
            orden.envs(oido.ajustes(RONDA * ficha.perfil.rondas_de_silencio));
        }
        let hijo = Hijo::lanzar(orden.stdout(registro.try_clone()?).stderr(registro))?;
        let pid = hijo.pid();
        if let Err(e) = fs::write(plano.pid(ficha.nombre), format!("{pid}\n")) {
            tracing::warn!("no se pudo escribir {}: {e}", plano.pid(ficha.nombre).display());
        }
        let sonda = tokio::spawn(ficha.sonda.clone().preguntar(pid, noticias));
        Ok(Self { hijo, sonda: sonda.abort_handle() })
    }
}

impl Drop for Cuidado {
    fn drop(&mut self) {
        self.sonda.abort();
    }
}

fn abrir_registro(ruta: &Path) -> io::Result<File> {
    if ruta.metadata().is_ok_and(|m| m.len() > REGISTRO_MAX) {
        fs::rename(ruta, ruta.with_extension("log.1"))?;
    }
    File::options().create(true).append(true).open(ruta)
}
