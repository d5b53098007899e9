# Filtered vector scans with bitmaps: how many rows they return, and how many of the nearest, for filters that have nothing to do
# with the query, that select its neighbourhood, and that select what is far from it; how each way is chosen; and that the scan
# is there in the first query of a session.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('bitmap_filter');
my $rows = 6000;
# r: a random order of the rows; d: their rank by the distance from the middle of the queries.
$node->safe_psql('postgres', qq{
	CREATE TABLE items (id int, r int, d int, v vector(16));
	INSERT INTO items SELECT id, row_number() OVER (ORDER BY hashint8extended(id, 99)) - 1,
			row_number() OVER (ORDER BY v <-> array_fill(10, ARRAY[16])::vector, id) - 1, v
		FROM (SELECT i AS id, ARRAY(SELECT (hashint8extended(i, j) % 50)::int + 30 * (hashint8extended(i % 20, j) % 4)::int
			FROM generate_series(1, 16) j)::vector AS v FROM generate_series(1, $rows) i) s ORDER BY id;
	CREATE TABLE queries AS SELECT nr, ARRAY(SELECT 10 + (hashint8extended(-nr, j) % 9)::int FROM generate_series(1, 16) j)::vector AS v
		FROM generate_series(1, 20) nr;
	CREATE INDEX items_r ON items (r);
	CREATE INDEX items_d ON items USING brin (d) WITH (pages_per_range = 1);
	CREATE INDEX items_d_tree ON items (d);
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
	VACUUM ANALYZE items;
});
$node->safe_psql('postgres', q{
	CREATE FUNCTION measure(condition text, OUT fewest int, OUT most int, OUT recall float8) LANGUAGE plpgsql AS $$
	DECLARE q text; exact float8[]; found float8[]; hits int = 0; wanted int = 0; body text; plan text;
	BEGIN
		FOR q IN SELECT v::text FROM queries ORDER BY nr LOOP
			body = format('SELECT array_agg(d) FROM (SELECT v <-> %L AS d FROM items WHERE %s ORDER BY v <-> %L LIMIT 10) s', q, condition, q);
			PERFORM set_config('enable_indexscan', 'off', true), set_config('vecx.enable_bitmap_filter', 'off', true),
				set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true);
			EXECUTE body INTO exact;
			PERFORM set_config('vecx.enable_bitmap_filter', 'on', true), set_config('enable_sort', 'off', true),
				set_config('enable_seqscan', 'off', true);
			EXECUTE 'EXPLAIN (FORMAT JSON) ' || body INTO plan;
			ASSERT plan LIKE '%VecxScan%', plan;
			EXECUTE body INTO found;
			fewest = least(fewest, coalesce(cardinality(found), 0) - coalesce(cardinality(exact), 0));
			most = greatest(most, coalesce(cardinality(found), 0) - coalesce(cardinality(exact), 0));
			FOR i IN 1 .. coalesce(cardinality(exact), 0) LOOP
				hits = hits + (found[i] <= exact[cardinality(exact)])::int;
				wanted = wanted + 1;
				ASSERT i = 1 OR found[i] >= found[i - 1], 'out of order';
			END LOOP;
		END LOOP;
		recall = CASE wanted WHEN 0 THEN 1 ELSE hits::float8 / wanted END;
	END $$;
});

foreach my $strategy (qw(auto index exact stream))
{
	foreach my $layout (qw(inline compact plain))
	{
		next if $strategy eq 'exact' && $layout ne 'inline'; # no index in it
		$node->safe_psql('postgres', "DROP INDEX items_v; CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops) WITH (layout = $layout)");
		# These vectors are hard for the layouts that are not the default, without any filter; a filter must not make it worse.
		my (undef, undef, $all) = split /\|/, $node->safe_psql('postgres',
			"LOAD 'vecx'; SET vecx.filter_strategy = index; SELECT * FROM measure('r < $rows')");
		# A stream looks half as far ahead as a search with a mask.
		my $floor = $layout eq 'inline' || $all > 0.98 ? 0.95 : $all - ($strategy eq 'stream' ? 0.06 : 0.03);
		note("recall without a filter, $layout: $all");
		foreach my $share (0.5, 0.1, 0.01, 0.001, 0.0001)
		{
			my $matching = int($rows * $share) || 1;
			foreach my $condition ("r < $matching", "d < $matching", 'd >= ' . ($rows - $matching))
			{
				my ($fewest, $most, $recall) = split /\|/, $node->safe_psql('postgres',
					"LOAD 'vecx'; SET vecx.filter_strategy = $strategy; SELECT * FROM measure('$condition')");
				is("$fewest $most", '0 0', "$strategy, $layout, $condition: as many rows as match");
				cmp_ok($recall, '>=', $strategy eq 'exact' ? 1 : $floor, "$strategy, $layout, $condition: recall");
			}
		}
	}
}

# What EXPLAIN ANALYZE says of a run.
sub strategy
{
	my ($settings, $condition, $limit) = @_;
	my $plan = $node->safe_psql('postgres', "LOAD 'vecx'; SET enable_indexscan = off; SET enable_seqscan = off; SET enable_sort = off; $settings;
		EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM items WHERE $condition ORDER BY v <-> array_fill(10, ARRAY[16])::vector LIMIT $limit");
	return $plan =~ /Strategy: (.*)/ ? $1 : $plan;
}
is(strategy('', 'r < 30', 10), 'exact', 'few rows are scored');
is(strategy('', 'r < 5500', 10), 'index', 'of many, the index finds the nearest');
is(strategy('', 'd >= 3000', 10), 'index, then exact', 'a search that meets no row that matches is given up');
is(strategy('SET vecx.filter_strategy = index', 'r < 30', 100), 'index, then exact', 'all rows, and the index cannot tell that there are no more');

# Without the bitmap at first, where the planner would take the plain index scan.
is(strategy('SET enable_indexscan = on', 'r < 3000', 10), 'stream', 'of many rows some are soon found');
is(strategy('SET enable_indexscan = on', 'd < 3000', 10), 'stream', 'those that match are near');
is(strategy('SET enable_indexscan = on', 'd >= 3000', 10), 'stream, then exact', 'none of the first rows matches: the bitmap is made, and the index not searched for pages');
my $explain = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM items WHERE %s ORDER BY v <-> array_fill(10, ARRAY[16])::vector LIMIT 10';
my ($far, $unsure) = split /^----$/m, $node->safe_psql('postgres', "LOAD 'vecx'; SET enable_seqscan = off; SET enable_sort = off; BEGIN; DROP INDEX items_d;
	CREATE INDEX items_layout ON items USING hnsw (v vector_l2_ops) WITH (layout = inline); DROP INDEX items_v;"
	. sprintf($explain, 'd >= 3000') . '; SELECT $$----$$;' . sprintf($explain, 'd >= 3000 AND id + 0 > 0') . '; ROLLBACK');
like($far, qr/Strategy: stream, then index, then exact$/m, 'for rows it is');
cmp_ok($far =~ /Index Nodes Visited: (\d+)/ ? $1 : 'inf', '<', 1000, 'but not for long: 3,000 are nearer than the first that matches');
like($unsure, qr/Strategy: stream, then exact$/m, 'with another condition it would not be noticed that those wanted are far: not searched');
is(strategy('SET enable_indexscan = on', 'r < 30', 10), 'exact', 'too few match');
foreach my $condition ('r < 3000', 'd >= 3000', 'd >= 5940', 'd < 60')
{
	my $query = "SELECT string_agg(d::text, ' ') FROM (SELECT round((v <-> array_fill(10, ARRAY[16])::vector)::numeric, 9) AS d FROM items
		WHERE $condition ORDER BY v <-> array_fill(10, ARRAY[16])::vector LIMIT 40) s";
	my $exact = $node->safe_psql('postgres', "SET enable_indexscan = off; SET enable_bitmapscan = off; $query");
	my $found = $node->safe_psql('postgres', "LOAD 'vecx'; SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 200; $query");
	is($found, $exact, "$condition: the same rows in the same order, whatever way they came");
}

# The library comes with the first vector or the first index that the planner meets.
my $first = $node->safe_psql('postgres',
	'EXPLAIN (COSTS OFF) SELECT id FROM items WHERE r < 50 ORDER BY v <-> (SELECT v FROM queries WHERE nr = 1) LIMIT 10');
like($first, qr/VecxScan/, 'the first query of a session, without a vector in its text');
$first = $node->safe_psql('postgres', "EXPLAIN (COSTS OFF) SELECT id FROM items WHERE r < 50 ORDER BY v <-> array_fill(1, ARRAY[16])::vector LIMIT 10");
like($first, qr/VecxScan/, 'the first query of a session');

finish($node);
