#!/usr/bin/env bash
# Arranca el PostgreSQL de docker-compose.pc1.yml con la clave del administrador leída de POSTGRES_PASSWORD_FILE. La imagen
# oficial sabe hacerlo sola; otras que siguen sus costumbres solo conocen POSTGRES_PASSWORD, y así valen todas.
set -euo pipefail
POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export POSTGRES_PASSWORD
unset POSTGRES_PASSWORD_FILE
exec docker-entrypoint.sh postgres "$@"
