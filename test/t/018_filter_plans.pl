# The way that filtered searches go, as planner and executor choose it together. Nothing is timed here: the ways that a case
# may go are, at 10 and 1 %, those that took at most one and a half times as long as the best on mnist-784 (60,000 x 784;
# doc/filtering.md); at the other percentages, those that the same figures let expect.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $rows = 12000;
my $node = new_node('filter_plans');
# r: a random order of the rows; d: their rank by the distance from the query. Long vectors, so that they lie out of line.
$node->safe_psql('postgres', qq{
	SET maintenance_work_mem = '256MB';
	CREATE FUNCTION make_vector(seed int) RETURNS vector LANGUAGE sql AS \$\$
		SELECT array_agg(((hashint8extended(seed, j % 10) % 1000) / 1000.0 + 0.3 * (hashint8extended(seed, 100 + j) % 1000) / 1000.0)::float4)::vector
		FROM generate_series(0, 599) j \$\$;
	CREATE TABLE query AS SELECT make_vector(0) AS v;
	CREATE TABLE items AS SELECT id, row_number() OVER (ORDER BY hashint8extended(id, 99)) - 1 AS r,
			row_number() OVER (ORDER BY v <-> (SELECT v FROM query), id) - 1 AS d, v::vector(600) AS v
		FROM (SELECT i AS id, make_vector(i) AS v FROM generate_series(1, $rows) i) s ORDER BY id;
	CREATE INDEX items_r ON items (r);
	CREATE INDEX items_d ON items (d);
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
	VACUUM ANALYZE items;
	CREATE FUNCTION way_of(condition text, most int) RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE plan jsonb; q text = (SELECT v::text FROM query);
	BEGIN
		EXECUTE format('EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT id FROM items WHERE %s ORDER BY v <-> %L LIMIT %s', condition, q, most) INTO plan;
		RETURN coalesce(jsonb_path_query_first(plan, 'strict \$.**."Strategy"') #>> '{}',
			CASE WHEN plan::text ~ '"items_v"' THEN 'plain' WHEN plan::text ~ '"items_[rd]"' THEN 'sort' ELSE 'seq' END);
	END \$\$;
});

# Percentage of the rows that match; for conditions independent of the distance, on what is near, and on what is far: the ways
# that LIMIT 10 may go. A stream or a search that is left early for another way costs little beside that.
my $far = '(stream, then )?(index, then )?exact';
my @cases = (
	[50, 'stream', 'stream', $far],
	[10, 'stream', 'stream', $far],
	[1, 'exact', 'stream|exact', $far],
	[0.1, 'exact|sort', 'exact|sort', 'exact|sort'],
	[0.01, 'exact|sort', 'exact|sort', 'exact|sort'],
);
foreach my $learned (0, 1)
{
	foreach my $case (@cases)
	{
		my ($percent, @allowed) = @$case;
		my $matching = int($rows * $percent / 100) || 1;
		my @conditions = ("r < $matching", "d < $matching", 'd >= ' . ($rows - $matching));
		# A session that has scored rows before knows where in the index they are.
		my $sql = $learned ? "SET vecx.filter_strategy = exact; SET enable_indexscan = off; SELECT count(way_of('r < 3000', 10)) FROM generate_series(1, 4); RESET ALL;" : '';
		my @ways = split /\n/, $node->safe_psql('postgres', "LOAD 'vecx'; $sql" . join('', map { "SELECT way_of('$_', 10);" } @conditions));
		shift @ways if $learned;
		foreach (0 .. $#conditions)
		{
			like($ways[$_], qr/^($allowed[$_])$/, "$conditions[$_], " . ($learned ? 'a session that knows the index' : 'a new session'));
		}
	}
}

# Prepared statements: the plan is for all values, the way for each.
my $ways = $node->safe_psql('postgres', q{
	LOAD 'vecx';
	SET plan_cache_mode = force_generic_plan;
	PREPARE near(int) AS SELECT id FROM items WHERE r < $1 ORDER BY v <-> (SELECT v FROM query) LIMIT 10;
	EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) EXECUTE near(60);
	EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) EXECUTE near(11000);
});
my @found = $ways =~ /Strategy: (.*)/g;
is(scalar @found, 2, 'a generic plan is a filtered scan');
like($found[0], qr/exact$/, 'few rows') if @found == 2;

# Conditions that no index knows and whose selectivity the planner only guesses: rows are tested as they come, and the table is
# read when too few of them pass. What is returned is what a sequential scan and a sort return, beyond the LIMIT that was planned, too.
foreach my $case ([ 'r + 0 < 6000', 'stream' ], [ 'd + 0 < 600', 'stream' ], [ 'd + 0 >= 11900', 'stream, then exact' ], [ 'r + 0 < 0', 'stream, then exact' ])
{
	my ($condition, $way) = @$case;
	is($node->safe_psql('postgres', "LOAD 'vecx'; SET enable_seqscan = off; SELECT way_of('$condition', 10)"), $way, "$condition: way");
	my $query = "SELECT id FROM items WHERE $condition ORDER BY v <-> (SELECT v FROM query) LIMIT";
	my $truth = $node->safe_psql('postgres', "SET enable_indexscan = off; $query 10");
	my $got = $node->safe_psql('postgres', "LOAD 'vecx'; SET enable_seqscan = off; $query 10");
	my %near = map { $_ => 1 } split /\n/, $truth;
	my @found = split /\n/, $got;
	is(scalar @found, scalar keys %near, "$condition: rows");
	cmp_ok(scalar(grep { $near{$_} } @found), '>=', $way eq 'stream' ? 9 * keys(%near) / 10 : scalar keys %near, "$condition: the nearest");
}
# A cursor that asks for more than was planned gets every row once, whatever has changed in between.
my $more = $node->safe_psql('postgres', q{
	LOAD 'vecx';
	SET enable_seqscan = off;
	CREATE FUNCTION few() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 100';
	SELECT count(*), count(DISTINCT id), min(id) = (SELECT min(id) FROM items WHERE d + 0 >= 11900) FROM (
		SELECT id FROM items WHERE d + 0 >= 11900 ORDER BY v <-> (SELECT v FROM query) LIMIT few()) s;
	SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items WHERE d + 0 >= 11900 ORDER BY v <-> (SELECT v FROM query) LIMIT 10000) s;
});
is($more, "100|100|t\n100|100", 'as many as match, once each');

finish($node);
