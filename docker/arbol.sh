#!/bin/sh
# Completa el árbol de la imagen final: lo que cargan los programas que ya están en él, y lo justo para resolver nombres y
# para que nadie corra como root. Lo usa docker/Dockerfile.
set -eu
arbol=$1
cuenta=10001

for programa in "$arbol"/usr/local/bin/*; do
    ldd "$programa" >/tmp/cargadas
    if grep 'not found' /tmp/cargadas; then
        echo "A $programa le faltan bibliotecas" >&2
        exit 1
    fi
    grep -o '/[^ ]*' /tmp/cargadas
done | sort -u >/tmp/bibliotecas

while read -r biblioteca; do
    mkdir -p "$arbol$(dirname "$biblioteca")"
    cp -L "$biblioteca" "$arbol$biblioteca"
    # La licencia de cada biblioteca viaja con ella.
    paquete=$(dpkg -S "*/$(basename "$biblioteca")" | head -n 1 | cut -d: -f1)
    mkdir -p "$arbol/usr/share/doc/$paquete"
    cp -L "/usr/share/doc/$paquete/copyright" "$arbol/usr/share/doc/$paquete/"
done </tmp/bibliotecas

mkdir -p "$arbol/etc" "$arbol/tmp" "$arbol/var/lib" /hogar/anaquel
chmod 1777 "$arbol/tmp"
echo 'hosts: files dns' >"$arbol/etc/nsswitch.conf"
echo "anaquel:x:$cuenta:$cuenta:Anaquel:/var/lib/anaquel:/nonexistent" >"$arbol/etc/passwd"
echo "anaquel:x:$cuenta:" >"$arbol/etc/group"
chmod 700 /hogar/anaquel
