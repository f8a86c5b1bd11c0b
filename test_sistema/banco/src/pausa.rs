//! El hueco que deja la muerte del almacén en uso, y cómo una carga como la de la demostración entra en la auditoría.

use std::time::Duration;

use common::transport::Contexto;
use juicio::historia::Historia;
use taller::{
    base::Base,
    carga::{Carga, Plan, muerte},
    suite::Suite,
};
use tokio::time::sleep;

use crate::{
    cadena::{Acuse, Fallos},
    medida::Medidas,
};

/// Lo que se deja correr la carga antes de la muerte.
const CALENTAR: Duration = Duration::from_millis(1_500);
/// Lo que se espera a que se decida lo prometido.
const DECIDIR_MAX: Duration = Duration::from_secs(15);

/// Mata al almacén en uso bajo la carga de la demostración; devuelve el hueco más largo entre dos éxitos.
///
/// # Errors
/// Si la suite no vuelve.
pub async fn medir(
    suite: &Suite,
    contexto: &Contexto,
    clientes: usize,
    medidas: &mut Medidas,
) -> anyhow::Result<Duration> {
    let base = Base::abrir(&suite.base_de_datos()?).await?;
    let plan = Plan {
        clientes,
        disponible: base.disponible().await?,
        solo_calientes: false,
        reposo: Duration::ZERO,
        tolerante: false,
        semilla: 7,
    };
    let carga = Carga::empezar(contexto, suite.clientes().as_ref(), plan)?;
    let (almacen, ()) = suite.almacen_en_uso(sleep(CALENTAR)).await;
    let ventana = muerte::bajo_carga(suite, &carga, &[almacen], |_| true).await?;
    let historia = carga.terminar().await;
    for id in base.esperar_decisiones(&historia.por_decidir(), DECIDIR_MAX).await? {
        medidas.fallos.sumar(Fallos { cuantos: 1, textos: vec![format!("{id} se prometió y no se decidió")] });
    }
    apuntar(&historia, medidas);
    Ok(historia.pausa(ventana.desde, ventana.hasta, |_| true))
}

/// Lo que se reconoció en `historia`, para la auditoría.
pub(super) fn apuntar(historia: &Historia, medidas: &mut Medidas) {
    let acuses = historia.registros().filter_map(|(id, registro)| {
        let (estado, codigo, _) = registro.decidida?;
        Some(Acuse { id: *id, tipo: registro.tipo, estado, codigo })
    });
    let cuantos = historia.errores + u64::try_from(historia.contradicciones.len()).unwrap_or(u64::MAX);
    medidas.sumar(acuses.collect(), Fallos { cuantos, textos: historia.textos_de_errores.clone() });
}

#[cfg(test)]
mod tests {
    use common::dominio::{Codigo, Estado, Huella, Tipo};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn de_una_historia_se_audita_lo_decidido_y_se_cuenta_lo_que_fallo() {
        let (mut historia, mut medidas) = (Historia::default(), Medidas::default());
        let (decidida, callada) = (Uuid::now_v7(), Uuid::now_v7());
        let huella = Huella::from_bytes(&[1; 16]).expect("16 bytes");
        for id in [decidida, callada] {
            historia.pedida(id, Tipo::Prestamo, huella);
        }
        historia.vista(format!(r#"{{"id":"{decidida}","exito":true,"estado":"aplicada","codigo":"OK"}}"#).as_bytes());
        historia.error(|| "mal".into());
        apuntar(&historia, &mut medidas);
        let acuse = Acuse { id: decidida, tipo: Tipo::Prestamo, estado: Estado::Aplicada, codigo: Codigo::Ok };
        assert_eq!((medidas.acuses, medidas.fallos.cuantos), (vec![acuse], 1));
    }
}
