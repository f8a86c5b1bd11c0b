//! Las migraciones van dentro del programa: si cambian, hay que volver a compilarlo.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
