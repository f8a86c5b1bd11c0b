//! Las migraciones van dentro del programa (la base de la referencia las usa): si cambian, hay que volver a compilarlo.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
