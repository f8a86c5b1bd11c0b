# Las órdenes de Anaquel. «make ayuda» las explica.
.DEFAULT_GOAL := ayuda
.PHONY: simulacion mutantes ayuda preparar construir construir-pruebas demo banco banco-grande servir test lint

ayuda: ## Muestra esta lista
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

preparar: ## Instala los paquetes del sistema que falten
	@herramientas/preparar

construir: preparar ## Construye los programas (target/release)
	cargo build --release --workspace --bins --locked

construir-pruebas: preparar
	cargo build --workspace --bins --locked

demo: construir ## Levanta una suite, la carga, mata sus procesos uno a uno y audita: nada perdido, nada doble
	target/release/test_sistema demo

banco: construir ## Mide la suite contra PostgreSQL sin intermediario, a turnos, y audita; unos cinco minutos. Deja var/banco.json
	target/release/test_sistema banco

banco-grande: construir ## Lo mismo con 10.000.000 de ejemplares contra 65.536; pide unos 12 GiB de disco. Deja var/banco-grande.json
	target/release/test_sistema banco-grande

servir: construir ## Levanta la suite en esta máquina, en primer plano (Ctrl-C la apaga)
	target/release/anaquel servir

test: construir-pruebas ## Todas las pruebas: unidades, máquinas, PostgreSQL y muertes de procesos
	cargo test --workspace --locked

SEMILLAS ?= 100000
simulacion: construir-pruebas ## Simula las máquinas reales con SEMILLAS=100000 historias de fallos; se repite una con «test_sistema simular --semilla S»
	target/debug/test_sistema simular --semillas $(SEMILLAS)

mutantes: construir-pruebas ## Pone errores a propósito en una copia y dice qué comprobación caza cada uno
	target/debug/test_sistema mutantes

lint: preparar ## Formato y clippy, sin un aviso
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
