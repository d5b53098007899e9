-- One of the rows that were there at the start; nothing when it is gone already.
\set victim random(0, :rows - 1)
DELETE FROM bench_load WHERE id = :victim;
