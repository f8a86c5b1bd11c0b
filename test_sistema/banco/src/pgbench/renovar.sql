\set id :id + 1000
\set op :id + :client_id
\set n 10000000 + :paso * :clientes + :client_id
\set paso (:paso + 1) % :por_cliente
SELECT referencia_renovar(lpad(:op::text, 32, '0')::uuid, '\x000102030405060708090a0b0c0d0e0f'::bytea, 'R' || :n::text, 'R' || :n::text);
