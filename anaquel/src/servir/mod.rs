//! La suite en primer plano: comprueba la puerta, prepara la base, arranca, se anuncia una vez y se apaga en orden.

mod anuncio;
mod puerta;
mod token;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use common::{
    process::{
        config::{AjusteInvalido, Ajustes, invalido},
        shutdown::Apagado,
        telemetry,
    },
    tiempos::{
        self, PARADA_DE_LA_BASE, PARADA_DE_SERVICIO, SILENCIO_CON_RELEVO, SILENCIO_DE_LA_BASE, SILENCIO_DEL_GESTOR,
    },
};

use self::anuncio::Arrancada;
use crate::{
    control::{Control, Fila},
    plano::{self, Etapa, POSTGRES, Plano, Servicio, Urls},
    postgres::{BASE, Instalacion, Modo, Rol},
    supervisor::{Ficha, Supervisor, machine::Perfil},
};

const DATABASE_URL: &str = "DATABASE_URL";

/// Los ajustes de una suite, ya leídos.
pub struct AjustesDeSuite {
    plano: Plano,
    /// La base que dice `DATABASE_URL`, si no es la embebida.
    ajena: Option<Urls>,
    arranque: Duration,
}

impl AjustesDeSuite {
    /// Los lee. Los almacenes heredan este entorno: `ESPERA_BASE_MS` es la suya.
    pub fn leer(ajustes: &Ajustes) -> Result<Self, AjusteInvalido> {
        let plano = plano_de(ajustes)?;
        // La de `anaquel.env` es la embebida: quien la leyó en su terminal no quiere otra.
        let dada = ajustes.texto(DATABASE_URL).filter(|url| !Instalacion::es_de(&plano.datos(), url));
        let ajena = dada.map(|servicio| Urls { servicio, migracion: ajustes.texto("DATABASE_URL_MIGRACION") });
        let espera = ajustes.milisegundos("ESPERA_BASE_MS", tiempos::ESPERA_BASE_MS)?;
        Ok(Self { plano, ajena, arranque: espera + tiempos::ARRANQUE })
    }
}

/// El directorio y el puerto base que dicen los ajustes, con el directorio hecho absoluto.
///
/// # Errors
/// [`AjusteInvalido`] que nombra `ANAQUEL_VAR` o `ANAQUEL_PUERTO_BASE`.
pub fn plano_de(ajustes: &Ajustes) -> Result<Plano, AjusteInvalido> {
    let var = ajustes.ruta(plano::ANAQUEL_VAR, plano::VAR);
    let absoluto = std::path::absolute(&var)
        .map_err(|e| invalido(plano::ANAQUEL_VAR, e, "Nombre el directorio de la suite con su ruta completa"))?;
    let por_defecto = plano::PUERTO_BASE.to_string();
    let salida = format!("Escriba un puerto de 1024 a {}, por ejemplo {por_defecto}", plano::PUERTO_BASE_MAX);
    let base = ajustes.valor(plano::ANAQUEL_PUERTO_BASE, &por_defecto, &salida)?;
    let plano = Plano::new(absoluto, base)
        .map_err(|_| invalido(plano::ANAQUEL_PUERTO_BASE, format!("«{base}» no vale"), &salida))?;
    Ok(match desvio_de(ajustes)? {
        Some(desvio) => plano.con_desvio(desvio),
        None => plano,
    })
}

fn desvio_de(ajustes: &Ajustes) -> Result<Option<[SocketAddr; 2]>, AjusteInvalido> {
    let Some(texto) = ajustes.texto(plano::ANAQUEL_ALMACENES) else { return Ok(None) };
    let direcciones: Option<Vec<SocketAddr>> = texto.split(',').map(|parte| parte.trim().parse().ok()).collect();
    let dos = direcciones.and_then(|d| <[SocketAddr; 2]>::try_from(d).ok());
    let salida =
        "Escriba dos IP:puerto separadas por una coma, la del primer almacén y la del de reserva, o quite el ajuste";
    dos.map(Some).ok_or_else(|| invalido(plano::ANAQUEL_ALMACENES, format!("«{texto}» no vale"), salida))
}

/// Corre una suite hasta que se apaga (SIGTERM, SIGINT). Los procesos mueren con el hilo que llama. Si la base no tiene
/// catálogo se carga `catalogo`; sin nombrarlo, el de muestra si está.
///
/// # Errors
/// Lo que impide arrancarla, en una línea.
pub async fn correr(ajustes: AjustesDeSuite, catalogo: Option<PathBuf>) -> anyhow::Result<()> {
    let desde = Instant::now();
    let AjustesDeSuite { plano, ajena, arranque } = ajustes;
    let _metricas = telemetry::iniciar();
    // Desde aquí SIGTERM y SIGINT esperan su turno: nada queda a medias en la preparación.
    let apagado = Apagado::new()?;
    let _cerrojo = puerta::tomar_directorio(&plano)?;
    let binarios = puerta::binarios()?;
    let catalogo = puerta::catalogo(catalogo)?;
    let (instalacion, urls) = base_de_datos(ajena, &plano)?;
    let servicios = plano.servicios(&urls);
    puerta::comprobar_puertos(&servicios)?;
    token::asegurar(&plano.token())?;
    escribir_ajustes(&plano, &urls)?;
    let ajeno = instalacion.is_none().then(|| postgres_ajeno(&urls));
    let fichas = fichas(&servicios, instalacion.clone(), &urls, &binarios);
    let cuidar = async {
        let (supervisor, mando) =
            Supervisor::new(plano.clone(), fichas).context("no se puede preparar el cuidado de los procesos")?;
        let control = Control::abrir(plano.var(), mando.clone(), ajeno)
            .with_context(|| format!("no se puede abrir el zócalo de control en {}", plano.var().display()))?;
        tokio::spawn(control.atender());
        let importar = catalogo.map(|csv| anuncio::orden_de_importar(&binarios, &csv, &urls));
        let arrancada = Arrancada { plano: plano.clone(), urls, mando, desde, plazo: arranque };
        let anuncio = tokio::spawn(arrancada.anunciar(importar));
        supervisor.correr(apagado).await;
        if anuncio.is_finished() { anuncio.await? } else { Ok(()) }
    };
    let resultado = cuidar.await;
    let _ = fs::remove_file(plano.ajustes());
    if let Some(instalacion) = instalacion {
        instalacion.retirar_zocalo();
    }
    resultado
}

/// La base dada, o la embebida (que se hace si falta).
fn base_de_datos(ajena: Option<Urls>, plano: &Plano) -> anyhow::Result<(Option<Instalacion>, Urls)> {
    if let Some(urls) = ajena {
        return Ok((None, urls));
    }
    let instalacion = Instalacion::preparar(&plano.datos(), Modo::Duradero)?;
    let urls =
        Urls { servicio: instalacion.url(Rol::Servicio, BASE), migracion: Some(instalacion.url(Rol::Migracion, BASE)) };
    Ok((Some(instalacion), urls))
}

fn escribir_ajustes(plano: &Plano, urls: &Urls) -> anyhow::Result<()> {
    let ruta = plano.ajustes();
    let escribir = || {
        fs::write(&ruta, "")?;
        // Puede llevar la clave de la base.
        fs::set_permissions(&ruta, fs::Permissions::from_mode(0o600))?;
        fs::write(&ruta, plano::escribir_ajustes(&plano.ajustes_de_cliente(urls)))
    };
    escribir().with_context(|| format!("no se puede escribir {}", ruta.display()))
}

fn postgres_ajeno(urls: &Urls) -> Fila {
    Fila {
        nombre: POSTGRES.to_owned(),
        estado: "ajeno (DATABASE_URL)".to_owned(),
        pid: None,
        reinicios: 0,
        desde_s: None,
        direcciones: urls.visible(),
    }
}

/// Lo que el supervisor cuida, en el orden de los nombres.
fn fichas(
    servicios: &[Servicio],
    instalacion: Option<Instalacion>,
    urls: &Urls,
    binarios: &std::path::Path,
) -> Vec<Ficha> {
    let hay_postgres = instalacion.is_some();
    let de_la_base = Perfil {
        etapa: Etapa::Base as u8,
        tras: None,
        plazo_de_parada: PARADA_DE_LA_BASE,
        insiste: true,
        rondas_de_silencio: SILENCIO_DE_LA_BASE,
    };
    let mut fichas: Vec<Ficha> =
        instalacion.into_iter().map(|i| Ficha::de_postgres(POSTGRES, de_la_base, i, urls.visible())).collect();
    fichas.extend(servicios.iter().map(|servicio| {
        // Los almacenes esperan la primera vez a la base, que es la ficha 0: arrancar antes solo sería reintentar.
        let tras = (hay_postgres && servicio.etapa == Etapa::Almacenes).then_some(0);
        let solo = servicio.etapa == Etapa::Gestor;
        let perfil = Perfil {
            etapa: servicio.etapa as u8,
            tras,
            plazo_de_parada: PARADA_DE_SERVICIO,
            insiste: false,
            rondas_de_silencio: if solo { SILENCIO_DEL_GESTOR } else { SILENCIO_CON_RELEVO },
        };
        Ficha::de_servicio(servicio, perfil, binarios)
    }));
    fichas
}
