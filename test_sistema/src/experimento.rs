//! El experimento de clase: procesos solicitantes que piden a las dos sedes, con y sin un fallo en la mitad.

pub mod informe;
pub mod resultados;
