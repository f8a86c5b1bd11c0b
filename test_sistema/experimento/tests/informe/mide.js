// Mide la página ya pintada y dice lo que un ojo vería mal: lo que se sale, lo que se corta y los textos que se pisan.
addEventListener('load', () => {
  const quejas = [], de = e => `${e.tagName.toLowerCase()}.${e.getAttribute('class') || ''} «${e.textContent.trim().slice(0, 40)}»`;
  const visible = e => e.getClientRects().length > 0, ancho = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > ancho) quejas.push(`la página mide ${document.documentElement.scrollWidth} de ancho`);
  for (const e of document.querySelectorAll('body *:not(svg *):not(script)')) {
    if (!visible(e) || e.closest('thead') && getComputedStyle(e.closest('thead')).position === 'absolute') continue;
    const caja = e.getBoundingClientRect();
    if (caja.right > ancho + 0.5 || caja.left < -0.5) quejas.push(`se sale de la página: ${de(e)}`);
    if (!e.closest('svg') && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline') quejas.push(`se corta: ${de(e)}`);
  }
  const tapa = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5;
  const cruza = (cajas, donde) => cajas.forEach(([a, x], i) => cajas.slice(i + 1).forEach(([b, y]) => {
    if (tapa(x, y)) quejas.push(`se pisan en ${donde}: ${de(a)} y ${de(b)}`);
  }));
  const graficos = [...document.querySelectorAll('svg')].filter(visible);
  for (const svg of graficos) {
    const marco = svg.getBoundingClientRect(), textos = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    if (marco.height < 100 || marco.width < 200) quejas.push(`un gráfico casi no se ve: ${svg.getAttribute('aria-label')}`);
    if (textos.length < 6) quejas.push(`un gráfico sin textos: ${svg.getAttribute('aria-label')}`);
    for (const [t, c] of textos) {
      if (c.left < marco.left - 0.5 || c.right > marco.right + 0.5 || c.top < marco.top - 0.5 || c.bottom > marco.bottom + 0.5) quejas.push(`se sale de su gráfico: ${de(t)}`);
      if (parseFloat(getComputedStyle(t).fontSize) * marco.width / svg.viewBox.baseVal.width < 10) quejas.push(`letra pequeña: ${de(t)}`);
    }
    cruza(textos, svg.closest('figure').id);
  }
  const celdas = [...document.querySelectorAll('td, th')].filter(visible).filter(e => !e.closest('thead') || getComputedStyle(e.closest('thead')).position !== 'absolute');
  cruza(celdas.map(e => { const r = document.createRange(); r.selectNodeContents(e); return [e, r.getBoundingClientRect()]; }), 'una tabla');
  parent.postMessage(JSON.stringify({ ancho: innerWidth, alto: document.documentElement.scrollHeight, graficos: graficos.length, letras: document.body.innerText.length, quejas: quejas.slice(0, 20) }), '*');
});
