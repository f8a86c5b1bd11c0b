//! Cada muerte bajo carga: a quién se mata, cuánto duró la pausa y a cuántas operaciones alcanzó.

use std::time::Duration;

use common::dominio::Tipo;
use juicio::{
    historia::{Historia, Muestra},
    informe::{MuerteVista, Ritmo},
    numeros::milisegundos,
};
use taller::carga::{
    Carga,
    muerte::{Ventana, bajo_carga},
};
use tokio::time::sleep;

use super::{Demo, PAUSA_MAX};

/// Lo que se deja correr la carga antes de la primera muerte.
const CALENTAR: Duration = Duration::from_millis(1_500);
/// Respuestas con que la carga puede acabar, y cuánto dura, como mucho, si no se llega.
const RESPUESTAS: usize = 25_000;
const CARGA_MAX: Duration = Duration::from_secs(40);
/// A partir de cuánto una operación cuenta como afectada.
const LENTA: Duration = Duration::from_millis(100);

/// Una muerte por hacer.
struct Muerte {
    /// Cómo se la llama en el informe.
    nombre: String,
    procesos: Vec<&'static str>,
    /// Solo cuentan los éxitos de esta clase: los demás no pasan por lo que se mata.
    tipo: Option<Tipo>,
    relevo: Relevo,
}

/// Quién sigue trabajando.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relevo {
    /// Otro proceso que ya estaba, o el mismo en cuanto se vuelve a levantar, con la misma exigencia.
    Hay,
    /// Nadie hasta que se vuelva a levantar.
    NoHay,
}

impl Muerte {
    fn de(nombre: &str, procesos: &[&'static str], tipo: Option<Tipo>, relevo: Relevo) -> Self {
        Self { nombre: nombre.to_owned(), procesos: procesos.to_vec(), tipo, relevo }
    }
}

impl Demo<'_> {
    /// Las hace todas bajo una misma carga.
    pub(super) async fn muertes(&mut self) -> anyhow::Result<Vec<MuerteVista>> {
        let carga = self.empezar_carga().await?;
        let (almacen, ()) = self.suite.almacen_en_uso(sleep(CALENTAR)).await;
        let mut ventanas = Vec::new();
        for muerte in [
            Muerte::de(&format!("{almacen} (en uso)"), &[almacen], None, Relevo::Hay),
            Muerte::de("actor_prestamo_1", &["actor_prestamo_1"], Some(Tipo::Prestamo), Relevo::Hay),
            Muerte::de(
                "los dos actores de préstamo",
                &["actor_prestamo_1", "actor_prestamo_2"],
                Some(Tipo::Prestamo),
                Relevo::NoHay,
            ),
            Muerte::de("gestor_carga", &["gestor_carga"], None, Relevo::Hay),
            Muerte::de("postgres", &["postgres"], None, Relevo::NoHay),
        ] {
            let ventana = self.matar(&carga, &muerte).await?;
            println!("  kill -9 a {}", muerte.nombre);
            ventanas.push((muerte, ventana));
        }
        while carga.respuestas() < RESPUESTAS && carga.transcurrido() < CARGA_MAX {
            sleep(Duration::from_millis(100)).await;
        }
        let duro = carga.transcurrido();
        self.historia = carga.terminar().await;
        let ritmo = Ritmo::de(&self.historia, duro);
        println!(
            "  {} respuestas en {:.0} s; la mitad, en menos de {} ms",
            self.historia.muestras.len(),
            duro.as_secs_f64(),
            ritmo.p50_ms
        );
        if self.historia.consultas_sin_servicio > 0 {
            println!("  {} consultas recibieron un error claro sin PostgreSQL", self.historia.consultas_sin_servicio);
        }
        Ok(ventanas.into_iter().map(|(muerte, ventana)| self.medir(&muerte, ventana)).collect())
    }

    /// Mata y espera a que todo vuelva; devuelve la ventana en que se mide.
    async fn matar(&mut self, carga: &Carga, muerte: &Muerte) -> anyhow::Result<Ventana> {
        carga.sin_relevo(muerte.relevo == Relevo::NoHay);
        let ventana = bajo_carga(self.suite, carga, &muerte.procesos, cuenta(muerte.tipo)).await?;
        carga.sin_relevo(false);
        if !ventana.volvio {
            self.tropiezo(format!("tras matar {} no se volvió a trabajar", muerte.nombre));
        }
        Ok(ventana)
    }

    fn medir(&mut self, muerte: &Muerte, Ventana { desde, hasta, .. }: Ventana) -> MuerteVista {
        let historia: &Historia = &self.historia;
        let pausa = historia.pausa(desde, hasta, cuenta(muerte.tipo));
        let fallo = MuerteVista {
            proceso: muerte.nombre.clone(),
            pausa_ms: milisegundos(pausa),
            operaciones_afectadas: u64::try_from(historia.afectadas(desde, hasta, LENTA)).unwrap_or(u64::MAX),
        };
        if muerte.relevo == Relevo::Hay && pausa >= PAUSA_MAX {
            self.tropiezo(format!("la pausa de {} fue de {} ms, y había relevo", fallo.proceso, fallo.pausa_ms));
        }
        fallo
    }
}

fn cuenta(tipo: Option<Tipo>) -> impl Fn(&Muestra) -> bool {
    move |muestra| tipo.is_none_or(|t| muestra.tipo == Some(t))
}
