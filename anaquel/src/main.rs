//! El lanzador.
fn main() {}
