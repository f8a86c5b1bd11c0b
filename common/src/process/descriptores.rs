//! Cuántos descriptores puede abrir un proceso: cada conexión gasta uno, y el límite de costumbre (1.024) se queda corto.

/// Sube el límite hasta `hacen_falta`, o hasta donde deje el sistema.
#[expect(unsafe_code, reason = "el límite de descriptores solo está en libc")]
pub fn ampliar(hacen_falta: u64) {
    let mut limite = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: las dos llamadas leen o escriben solo `limite`.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limite) == 0 && limite.rlim_cur < hacen_falta {
            limite.rlim_cur = hacen_falta.min(limite.rlim_max);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limite);
        }
    }
}
