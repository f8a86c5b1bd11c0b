"""Los números de resumen.csv y resumen.md, otra vez, a partir de resultados.csv y de nada más."""
import csv, math, statistics as st, sys
from collections import defaultdict

T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
BUENAS = {"aplicada", "rechazada", "pendiente"}
carpeta = sys.argv[1]
tandas = defaultdict(list)
for f in csv.DictReader(open(carpeta + "/resultados.csv")):
    tandas[f["diseno"], int(f["solicitantes"]), f["fallo"], int(f["tanda"])].append(f)
configuraciones = defaultdict(list)
for (diseno, solicitantes, fallo, tanda), filas in sorted(tandas.items(), key=lambda t: t[0][3]):
    configuraciones[diseno, solicitantes, fallo].append(filas)

def repetido(prefijo, medida, valores):
    n = len(valores)
    s = st.stdev(valores) if n > 1 else None
    return {f"{prefijo}_media{medida}": st.fmean(valores) if n else None, f"{prefijo}_desviacion{medida}": s,
            f"{prefijo}_ic95{medida}": T[n - 1] * s / math.sqrt(n) if n > 1 else None}

def huecos(filas):
    instantes = sorted(int(f["respuesta_us"]) for f in filas if f["estado"] in BUENAS)
    return list(zip(instantes, instantes[1:]))

def resumir(repeticiones):
    prestamos = [[(int(f["respuesta_us"]) - int(f["inicio_us"])) / 1000 for f in filas
                  if f["operacion"] == "prestamo" and f["estado"] in BUENAS] for filas in repeticiones]
    todos = sorted(sum(prestamos, []))
    lugar = lambda p: todos[math.ceil(len(todos) * p / 100) - 1]
    r = {"repeticiones": len(repeticiones), "prestamos": len(todos), "prestamo_media_ms": st.fmean(todos),
         "prestamo_desviacion_ms": st.stdev(todos), "prestamo_max_ms": todos[-1],
         **{f"prestamo_p{p}_ms": lugar(p) for p in (50, 95, 99)}}
    r["prestamo_media_ic95_ms"] = repetido("x", "", [st.fmean(p) for p in prestamos])["x_ic95"]
    r |= repetido("contestadas", "", [sum(f["estado"] in BUENAS for f in filas) for filas in repeticiones])
    causados, sin_volver = [], 0
    for filas in repeticiones:
        if muerte := filas[0]["muerte_us"]:
            suyos = [b - a for a, b in huecos(filas) if b > int(muerte) and a < int(muerte) + 5_000_000]
            sin_volver += not suyos
            causados += [max(suyos) / 1000] if suyos else []
    r |= repetido("hueco", "_ms", causados) | {"hueco_max_ms": max(causados, default=None), "sin_volver": sin_volver}
    r["mayor_silencio_ms"] = max(b - a for filas in repeticiones for a, b in huecos(filas)) / 1000
    estados = [f["estado"] for filas in repeticiones for f in filas]
    r["decididas"] = sum(e in ("aplicada", "rechazada") for e in estados)
    r["pendientes"] = estados.count("pendiente")
    r["fallidas"] = sum(e in ("error", "incierta") for e in estados)
    r["sin_respuesta"] = estados.count("sin_respuesta")
    return r

def casi(texto, valor, tolerancia):
    return texto in ("", "–") if valor is None else abs(float(texto) - valor) <= tolerancia

comprobados = 0
resumen = list(csv.DictReader(open(carpeta + "/resumen.csv")))
assert len(resumen) == len(configuraciones), (len(resumen), len(configuraciones))
esperados = []
for fila in resumen:
    mio = resumir(configuraciones[fila.pop("diseno"), int(fila.pop("solicitantes")), fila.pop("fallo")])
    assert set(mio) == set(fila), set(mio) ^ set(fila)
    for columna, texto in fila.items():
        assert casi(texto, mio[columna], 0.0511 if columna.startswith("contestadas") else 0.00051), (columna, texto, mio[columna])
        comprobados += 1
    esperados.append([mio[c] for c in fila][1:])
tablas = [l.strip("| \n").split(" | ") for l in open(carpeta + "/resumen.md") if l.startswith("| ") and "diseño" not in l]
assert len(tablas) == 2 * len(resumen), len(tablas)
for una, otra, mio in zip(tablas, tablas[len(resumen):], esperados):
    textos = [t.replace(".", "").replace(",", ".") for t in una[4:] + otra[4:]]
    assert len(textos) == len(mio), (textos, mio)
    for texto, valor in zip(textos, mio):
        assert casi(texto, valor, 0.0511), (texto, valor, una)
        comprobados += 1
print(f"{len(configuraciones)} configuraciones, {comprobados} números iguales")
