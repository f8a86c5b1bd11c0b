//! Un PostgreSQL desechable a mano: dice su directorio y su dirección, y dura hasta que se cierra la entrada.

use std::io::{Read, Write};

use anaquel::postgres::{BASE, Cluster, Rol};

fn main() -> Result<(), anaquel::postgres::Error> {
    let cluster = Cluster::desechable()?;
    // Quien lo lanzó pudo morir antes de leerlo.
    let mut salida = std::io::stdout();
    let _ = writeln!(salida, "{}\n{}", cluster.dir().display(), cluster.url(Rol::Servicio, BASE));
    let _ = salida.flush();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
