# EXPLAIN (ANALYZE) says what the index did, from PostgreSQL 18 on, where an extension can say it; vecx_last_scan()
# says it everywhere, and both agree.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('explain');
create_points($node, 500);
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
my $order = "ORDER BY c_vector <-> (SELECT c_vector FROM queries WHERE id = -1) LIMIT 7";
my $prepare = 'SET enable_seqscan = off; SET hnsw.ef_search = 50;';

foreach my $layout (qw(plain inline compact))
{
	$node->safe_psql('postgres', "CREATE INDEX i ON points USING hnsw (c_vector vector_l2_ops) WITH (layout = $layout)");
	my $text = $node->safe_psql('postgres',
		"$prepare EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM points $order;
		SELECT format('nodes=%s estimates=%s distances=%s rechecked=%s pages=%s', nodes, estimates, distances, rechecked, pages) FROM vecx_last_scan()");
	my ($counters) = $text =~ /^(nodes=.*)$/m;
	like($counters, qr/nodes=[1-9]\d* .* distances=[1-9]\d* rechecked=\d+ pages=[1-9]/, "$layout: vecx_last_scan() has figures");
	like($text, qr/Index Scan using i on points/, "$layout: the plan uses the index");
	if ($version < 180000)
	{
		unlike($text, qr/Vector Search/, "$layout: EXPLAIN is PostgreSQL's own");
	}
	else
	{
		like($text, qr/^ *Vector Search: layout=$layout ef_search=50 \Q$counters\E sweeps=0$/m, "$layout: EXPLAIN has the same");
		my $json = $node->safe_psql('postgres', "$prepare EXPLAIN (ANALYZE, FORMAT json) SELECT id FROM points $order");
		my $found = $node->safe_psql('postgres', "SELECT jsonb_path_query_first(\$json\$$json\$json\$::jsonb, '\$.**.\"Vector Search\"') ->> 'ef_search'");
		is($found, '50', "$layout: as properties in JSON");
		# Each of the twenty searches of a nested loop counts.
		$text = $node->safe_psql('postgres', "$prepare EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)
			SELECT s.id FROM queries q CROSS JOIN LATERAL (SELECT id FROM points ORDER BY c_vector <-> q.c_vector LIMIT 7) s");
		my ($nodes) = $text =~ /Vector Search: .* nodes=(\d+)/;
		cmp_ok($nodes, '>=', 20 * 50, "$layout: all loops together");
		$text = $node->safe_psql('postgres', "$prepare EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT id FROM points WHERE id < 0 AND false $order");
		unlike($text, qr/Vector Search/, "$layout: not of a scan that did not run");
	}
	my $plan = $node->safe_psql('postgres', "$prepare EXPLAIN SELECT id FROM points $order");
	unlike($plan, qr/Vector Search/, "$layout: nothing without ANALYZE");
	$node->safe_psql('postgres', 'DROP INDEX i');
}

finish($node);
