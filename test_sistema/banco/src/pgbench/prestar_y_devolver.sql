\set id :id + 1000
\set op :id + :client_id
\if :turno = 0
\set turno 1
\set u random(10000000, 9999999 + :usuarios)
\set dado random(1, 100)
\if :dado <= :por_ciento_caliente
\set n random(10000000, 9999999 + :calientes)
\else
\set n 10000000 + :calientes + random(0, :por_cliente - 1) * :clientes + :client_id
\endif
SELECT referencia_prestar(lpad(:op::text, 32, '0')::uuid, '\x000102030405060708090a0b0c0d0e0f'::bytea, 'B' || :n::text, 'V' || :u::text);
\else
\set turno 0
SELECT referencia_devolver(lpad(:op::text, 32, '0')::uuid, '\x000102030405060708090a0b0c0d0e0f'::bytea, 'B' || :n::text);
\endif
