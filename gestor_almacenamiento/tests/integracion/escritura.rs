//! Un lote entero en una transacción, y lo que pasa cuando algo se cruza.

use common::dominio::Codigo;

use crate::comun::{biblioteca, bytes, codigo, devolucion, prestamo, renovacion};

#[tokio::test]
async fn un_prestamo_dos_renovaciones_y_una_devolucion_en_un_lote() {
    let b = biblioteca().await;
    let lote = [
        prestamo("U1", "E1"),
        renovacion("U1", "E1"),
        renovacion("U1", "L1"),
        renovacion("U1", "E1"),
        prestamo("U2", "E1"),
        devolucion("", "E1"),
        prestamo("U2", "E1"),
        devolucion("U2", "L1"),
    ];
    let decidido = b.decidir(&lote).await;
    let codigos: Vec<_> = lote.iter().map(|o| codigo(&decidido, o).as_str()).collect();
    assert_eq!(
        codigos,
        ["OK", "OK", "OK", "LIMITE_DE_RENOVACIONES", "EJEMPLAR_PRESTADO", "OK", "OK", "OK"],
        "{}",
        bytes(&decidido, &lote[7])
    );
    assert_eq!(b.contar("SELECT count(*) FROM prestamos WHERE devuelto IS NOT NULL").await, 2);
    assert_eq!(b.contar("SELECT max(renovaciones)::bigint FROM prestamos").await, 2);
    assert_eq!(b.contar("SELECT count(*) FROM operaciones WHERE estado IS NULL OR respuesta IS NULL").await, 0);
    assert_eq!(b.pedir(&prestamo("U50", "E1")).await.codigo, Codigo::UsuarioBloqueado);
}
