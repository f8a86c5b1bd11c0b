//! Las reglas, una por una y todas juntas.
