//! El reloj que comparten los procesos de un experimento: el monótono del sistema, en microsegundos.

use std::time::Duration;

use tokio::time::Instant;

/// Ahora, según `CLOCK_MONOTONIC`: el mismo número en todos los procesos de la máquina.
#[expect(unsafe_code, reason = "el reloj que comparten varios procesos solo está en libc")]
pub fn ahora_us() -> u64 {
    let mut hora = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: escribe en `hora`, que es suya.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut hora) };
    let [segundos, nanos] = [hora.tv_sec, hora.tv_nsec].map(|n| u64::try_from(n).unwrap_or(0));
    segundos * 1_000_000 + nanos / 1_000
}

/// Ese instante del reloj, para esperarlo.
pub fn instante(us: u64) -> Instant {
    Instant::now() + Duration::from_micros(us.saturating_sub(ahora_us()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn el_reloj_no_vuelve_atras_y_un_instante_futuro_se_puede_esperar() {
        let antes = ahora_us();
        let despues = ahora_us();
        assert!(despues >= antes && antes > 0);
        assert!(instante(despues + 60_000_000) > Instant::now() + Duration::from_secs(50));
    }
}
