// An application of node's `pg` and `pgvector` packages as it would be written for pgvector: types, inserts,
// an hnsw index for each type and distance, the six distance queries, values read back. Prints TAP.
// Connects as PGHOST, PGUSER ... say. Run by scripts/stage/node.
import assert from 'node:assert/strict';
import pg from 'pg';
import pgvector from 'pgvector/pg';
import { SparseVector, toSql } from 'pgvector';

let failures = 0;
async function check(name, body) {
  try {
    await body();
    console.log(`ok - ${name}`);
  } catch (error) {
    failures++;
    console.log(`not ok - ${name}\n${String(error.stack).replace(/^/gm, '# ')}`);
  }
}

// A row of 8 dimensions from a fixed sequence; distances to it are computed here in double precision.
let state = 42;
const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
const dims = 8;
const rows = Array.from({ length: 300 }, () => Array.from({ length: dims }, () => Math.round(random() * 64 - 32) / 8 + 0));
const bits = rows.map((row) => row.map((x) => (x > 0 ? '1' : '0')).join(''));
const query = Array.from({ length: dims }, () => Math.round(random() * 64 - 32) / 8 + 0);
const queryBits = query.map((x) => (x > 0 ? '1' : '0')).join('');

const sum = (a, b, f) => a.reduce((total, x, i) => total + f(x, b[i]), 0);
const dot = (a, b) => sum(a, b, (x, y) => x * y);
const count = (a, b, f) => [...a].filter((x, i) => f(x === '1', b[i] === '1')).length;
const distance = {
  '<->': (a, b) => Math.sqrt(sum(a, b, (x, y) => (x - y) ** 2)),
  '<#>': (a, b) => -dot(a, b),
  '<=>': (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  '<+>': (a, b) => sum(a, b, (x, y) => Math.abs(x - y)),
  '<~>': (a, b) => count(a, b, (x, y) => x !== y),
  '<%>': (a, b) => 1 - count(a, b, (x, y) => x && y) / count(a, b, (x, y) => x || y),
};

const client = new pg.Client({ database: process.env.PGDATABASE ?? 'postgres' });
await client.connect();
await client.query('CREATE EXTENSION IF NOT EXISTS vecx');
await check('registerTypes finds the types', () => pgvector.registerTypes(client));

await client.query('DROP TABLE IF EXISTS items');
await client.query(
  `CREATE TABLE items (id serial PRIMARY KEY, embedding vector(${dims}), half halfvec(${dims}), sparse sparsevec(${dims}), code bit(${dims}))`,
);

await check('inserts with parameters', async () => {
  for (const [i, row] of rows.entries()) {
    await client.query('INSERT INTO items (embedding, half, sparse, code) VALUES ($1, $2, $3, $4)', [
      pgvector.toSql(row), toSql(row), pgvector.toSql(new SparseVector(row)), bits[i],
    ]);
  }
  const { rows: [{ n }] } = await client.query('SELECT count(*)::int AS n FROM items');
  assert.equal(n, rows.length);
});

await check('reads back what it wrote', async () => {
  const { rows: found } = await client.query('SELECT * FROM items ORDER BY id');
  for (const [i, item] of found.entries()) {
    assert.deepEqual(item.embedding, rows[i]);
    assert.deepEqual(item.half, rows[i]);
    assert.deepEqual(item.sparse.toArray(), rows[i]);
    assert.equal(item.code, bits[i]);
  }
});

const searches = [
  ['<->', 'embedding', 'vector_l2_ops'], ['<#>', 'embedding', 'vector_ip_ops'], ['<=>', 'embedding', 'vector_cosine_ops'],
  ['<+>', 'embedding', 'vector_l1_ops'], ['<->', 'half', 'halfvec_l2_ops'], ['<#>', 'half', 'halfvec_ip_ops'],
  ['<=>', 'half', 'halfvec_cosine_ops'], ['<+>', 'half', 'halfvec_l1_ops'], ['<->', 'sparse', 'sparsevec_l2_ops'],
  ['<#>', 'sparse', 'sparsevec_ip_ops'], ['<=>', 'sparse', 'sparsevec_cosine_ops'], ['<+>', 'sparse', 'sparsevec_l1_ops'],
  ['<~>', 'code', 'bit_hamming_ops'], ['<%>', 'code', 'bit_jaccard_ops'],
];
await client.query('SET enable_seqscan = off');
for (const [operator, column, opclass] of searches) {
  await check(`${column} ${operator} through an hnsw index (${opclass})`, async () => {
    await client.query(`CREATE INDEX items_index ON items USING hnsw (${column} ${opclass}) WITH (m = 16, ef_construction = 64)`);
    await client.query('SET hnsw.ef_search = 100');
    try {
      const parameter = { embedding: toSql(query), half: toSql(query), sparse: toSql(new SparseVector(query)), code: queryBits }[column];
      const text = `SELECT id, ${column} ${operator} $1 AS distance FROM items ORDER BY ${column} ${operator} $1 LIMIT 10`;
      const { rows: plan } = await client.query(`EXPLAIN ${text}`, [parameter]);
      assert.match(plan.map((line) => line['QUERY PLAN']).join('\n'), /Index Scan using items_index/);

      const data = column === 'code' ? bits : rows;
      const wanted = column === 'code' ? queryBits : query;
      const { rows: found } = await client.query(text, [parameter]);
      assert.equal(found.length, 10);
      for (const { id, distance: d } of found) {
        assert.ok(Math.abs(d - distance[operator](data[id - 1], wanted)) < 1e-5, `distance of row ${id}: ${d}`);
      }
      // 300 rows with ef_search 100: at the least nine of the ten are at most as far as the true tenth.
      const tenth = data.map((row) => distance[operator](row, wanted)).sort((a, b) => a - b)[9];
      assert.ok(found.filter(({ distance: d }) => d <= tenth + 1e-5).length >= 9, 'recall');
      assert.deepEqual(found.map(({ distance: d }) => d), found.map(({ distance: d }) => d).sort((a, b) => a - b));
    } finally {
      await client.query('DROP INDEX items_index');
    }
  });
}

await check('averages vectors', async () => {
  const { rows: [{ average }] } = await client.query('SELECT avg(embedding) AS average FROM items');
  average.forEach((x, d) => assert.ok(Math.abs(x - rows.reduce((total, row) => total + row[d], 0) / rows.length) < 1e-5));
});

await check('a wrong number of dimensions is an error, and the connection lives on', async () => {
  await assert.rejects(client.query('INSERT INTO items (embedding) VALUES ($1)', [toSql([1, 2, 3])]), {
    code: '22000', message: `expected ${dims} dimensions, not 3`,
  });
  const { rows: [{ one }] } = await client.query('SELECT 1 AS one');
  assert.equal(one, 1);
});

await client.end();
process.exitCode = failures ? 1 : 0;
