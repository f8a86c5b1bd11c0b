# Las órdenes de Anaquel. «make ayuda» las explica.
.DEFAULT_GOAL := ayuda
.PHONY: ayuda preparar preparar-pruebas construir demo simulacion mutantes caos campania-muertes \
	campania-paradas campania-apagon banco banco-grande comparar experimento servir secretos imagenes-base imagenes \
	docker-arriba docker-abajo docker-demo docker-readme respaldo restaurar test lint auditar-dependencias

ayuda: ## Muestra esta lista
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

preparar: ## Instala los paquetes del sistema que falten
	@herramientas/preparar

preparar-pruebas: ## Lo mismo, y el navegador con que las pruebas miran las páginas
	@herramientas/preparar --pruebas

# Los programas que se usan; cada instrumento de medir o de romper se construye cuando se pide.
PROGRAMAS := -p anaquel -p gestor_carga -p gestor_almacenamiento -p actores -p test_sistema

construir: preparar ## Construye los programas (target/release)
	cargo build --release --locked $(PROGRAMAS)

construir-%: preparar
	cargo build --release --locked $(PROGRAMAS) -p $*

# Con la construcción de las pruebas: lo que se construye aquí, «make test» ya no lo construye.
demo: preparar ## Levanta una suite, la carga, mata sus procesos uno a uno y audita: nada perdido, nada doble
	cargo build --locked $(PROGRAMAS)
	target/debug/test_sistema demo

caos: construir ## Rompe todo bajo carga, según una semilla, y audita: SEGUNDOS=120 SEMILLA="1 2 3". Sin SEMILLA, tres al azar, que se dicen
	target/release/test_sistema caos --segundos $(or $(SEGUNDOS),120) $(foreach s,$(SEMILLA),--semilla $(s))

campania-muertes: construir-averias ## kill -9 a cada papel VECES=200 veces (PostgreSQL, la mitad), con las pausas que da; unos ocho minutos
	target/release/campania muertes --veces $(or $(VECES),200)

campania-paradas: construir-averias ## SIGSTOP a cada proceso, VECES=5 veces, con la pausa que da; unos seis minutos
	target/release/campania paradas --veces $(or $(VECES),5)

campania-apagon: construir-averias ## Sin almacenamiento SEGUNDOS=600 a RITMO=200 operaciones por segundo, y la vuelta
	target/release/campania apagon --segundos $(or $(SEGUNDOS),600) --ritmo $(or $(RITMO),200)

banco: construir-banco ## Mide la suite contra PostgreSQL sin intermediario, a turnos, y audita; unos cinco minutos. Deja var/banco.json
	target/release/banco

banco-grande: construir-banco ## Lo mismo con 10.000.000 de ejemplares contra 65.536; pide unos 12 GiB de disco. Deja var/banco-grande.json
	target/release/banco-grande

comparar: preparar ## El ritmo de lo de aquí contra el de otro commit, a turnos: CON=HEAD~1; sale mal si una razón baja de MINIMO=0.97
	@herramientas/comparar "$(CON)"

experimento: construir-experimento ## El experimento de clase: 4, 6 y 10 solicitantes por sede, SEGUNDOS=120 cada vez, con y sin fallo; cerca de una hora. SEGUIR=carpeta sigue uno interrumpido
	target/release/experimento $(if $(SEGUIR),--seguir $(SEGUIR),--segundos $(or $(SEGUNDOS),120))

servir: construir ## Levanta la suite en esta máquina, en primer plano (Ctrl-C la apaga)
	target/release/anaquel servir

COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PC1 = $(COMPOSE) -p anaquel-pc1 -f docker-compose.pc1.yml
PC2 = $(COMPOSE) -p anaquel-pc2 -f docker-compose.pc2.yml
# Cómo se construye la imagen de los servicios; por ejemplo, CONSTRUIR_IMAGEN="--cpu-quota 60000"
CONSTRUIR_IMAGEN ?=
IMAGENES_BASE := ../shared/bin/imagenes-base

secretos: ## Hace en secretos/ las claves que falten, para los archivos de compose
	@herramientas/secretos

imagenes-base: ## Baja las imágenes de base que falten
	@for base in rust:1.95-bookworm debian:bookworm-slim postgres:15-bookworm; do \
		docker image inspect $$base >/dev/null 2>&1 && continue; \
		if [ -x $(IMAGENES_BASE) ]; then $(IMAGENES_BASE) && break; else docker pull -q $$base; fi || exit 1; \
	done

imagenes: imagenes-base ## Construye la imagen de los servicios (anaquel)
	docker build $(CONSTRUIR_IMAGEN) -f docker/Dockerfile -t $(or $(ANAQUEL_IMAGEN),anaquel) .

docker-arriba: secretos imagenes ## Levanta las dos máquinas en contenedores, en este motor, y carga el catálogo de muestra
	$(PC1) up -d
	$(PC2) up -d
	docker exec gestor_almacenamiento gestor_almacenamiento importar /datos/libros_10k.csv

docker-demo: construir secretos imagenes ## Levanta las dos máquinas en contenedores, los para y los mata bajo carga, y audita; no deja nada. Construidos, unos cuatro minutos
	target/release/test_sistema docker-demo

docker-readme: preparar secretos imagenes ## Corre en contenedores las órdenes del README, y compara lo que se ve
	cargo test --workspace --locked --test readme_docker -- --ignored --nocapture

respaldo: ## Copia en respaldos/ la base de los contenedores, en marcha
	@herramientas/respaldar

restaurar: ## Restaura una copia: RESPALDO=respaldos/….dump. Sobre una base con datos, además REEMPLAZAR=si
	@herramientas/restaurar "$(RESPALDO)" $(if $(filter si,$(REEMPLAZAR)),--reemplazar)

docker-abajo: ## Apaga y quita los contenedores de las dos máquinas; los volúmenes se quedan
	$(PC2) down
	$(PC1) down

test: preparar-pruebas ## Todas las pruebas: unidades, máquinas, PostgreSQL y muertes de procesos
	cargo test --workspace --locked

SEMILLAS ?= 100000
simulacion: preparar ## Simula las máquinas reales con SEMILLAS=100000 historias de fallos; se repite una con «target/debug/simular --semilla S»
	cargo build --locked -p simulacion
	target/debug/simular --semillas $(SEMILLAS)

mutantes: preparar ## Pone errores a propósito en una copia y dice qué comprobación caza cada uno
	cargo run --locked -p averias --bin mutantes

lint: preparar ## Formato, clippy y documentación, sin un aviso
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
	cargo check --package common --lib --locked # lo puro, solo: sin zócalos ni HTTP a su alcance

auditar-dependencias: ## Licencias, versiones dobles y procedencia de lo ajeno, según deny.toml. AVISOS=si, también los de seguridad, que se bajan
	@command -v cargo-deny >/dev/null || { echo "Falta cargo-deny: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --locked check --deny warnings licenses bans sources $(if $(filter si,$(AVISOS)),advisories)
