-- Five searches over the sample; run again with: scripts/quickstart psql -f scripts/quickstart-sql/3_search.sql
\set ON_ERROR_STOP 1
\set QUIET 1
\pset footer off
\pset border 1

\echo
\echo 1. Nearest: what is like the chess program "gnuchess"?  (<=> is the cosine distance; the index answers)
\echo
SELECT name, section, left(title, 56) AS title, round((embedding <=> (SELECT embedding FROM packages WHERE name = 'gnuchess'))::numeric, 3) AS distance
FROM packages
WHERE name <> 'gnuchess'
ORDER BY embedding <=> (SELECT embedding FROM packages WHERE name = 'gnuchess')
LIMIT 5;

\echo 2. Filtered: what is like the image editor "gimp", in section graphics, below 2 MB?  (rows stream from the index until LIMIT is reached)
\echo
SELECT name, installed_size AS kib, left(title, 56) AS title
FROM packages
WHERE section = 'graphics' AND installed_size < 2048
ORDER BY embedding <=> (SELECT embedding FROM packages WHERE name = 'gimp')
LIMIT 5;

\echo 3. Exact against index: the ten nearest of every query title, all rows compared or through the index.
\echo
SELECT * FROM exact_against_index();

\echo 4. Range: everything within cosine distance 0.45 of "web log analysis", not a fixed number of rows.
\echo
SELECT name, left(title, 56) AS title, round((embedding <=> q)::numeric, 3) AS distance
FROM packages, (SELECT embedding AS q FROM queries WHERE title = 'Web server log file analysis tool') AS query
WHERE embedding <=> q < 0.45
ORDER BY embedding <=> q;

\echo 5. Aggregate: the centroid (avg) of three sections, and the packages nearest to each: what is typical of it.
\echo
SELECT section, size AS packages, string_agg(name, ', ' ORDER BY distance) AS typical
FROM (SELECT section, count(*) AS size, avg(embedding) AS centroid FROM packages
      WHERE section IN ('database', 'games', 'mail') GROUP BY section) AS sections,
     LATERAL (SELECT name, embedding <=> centroid AS distance FROM packages
              ORDER BY embedding <=> centroid LIMIT 5) AS nearest
GROUP BY section, size
ORDER BY section;
