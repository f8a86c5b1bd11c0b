//! Sin muertes: todos sobre los mismos ejemplares, y los mismos ids por los dos almacenes a la vez.

use std::time::Duration;

use crate::{
    banco::con_suite,
    gemelos::{enviar_gemelos, gemelos},
};

/// La disputa de verdad, con todas sus repeticiones, dura esto.
const DURA: Duration = Duration::from_secs(6);

#[test]
fn sesenta_y_cuatro_clientes_y_los_mismos_ids_por_los_dos_almacenes_no_dan_ningun_doble() {
    con_suite(async |banco| {
        // Antes de la carga: sus usuarios son los que ella deja aparte.
        let parejas = gemelos(banco, 4).await;
        let carga = banco.cargar(64).await;
        let mut enviados = enviar_gemelos(parejas, DURA).await;
        let historia = banco.auditar(carga).await;
        assert!(historia.reconocidas() > 500, "solo se reconocieron {}", historia.reconocidas());
        assert!(enviados.reconocidas() > 100, "solo se decidieron {} gemelas", enviados.reconocidas());
        let veredicto = banco.veredicto(&mut enviados).await;
        assert!(veredicto.limpio(), "{:#?}", veredicto.hallazgos);
        assert_eq!(banco.base.dobles().await.expect("la base contesta"), 0);
    });
}
