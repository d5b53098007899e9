# The planner's choice between the vector index, a B-tree with a sort, and a sequential scan, on the tables of
# bench/plans.sql (but for the largest). Nothing is timed here: the plans that a case may have are those that took at
# most twice the time of the best one when `make bench-plans` measured them.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

# Dimensions, rows, percentage of the rows that pass the filter; for LIMIT 1, 10, 100, 1000 and none: v is the vector
# index, b the B-tree and a sort, s the sequential scan and a sort.
my @cases = (
	[8, 500, 50, qw(vbs vbs bs bs bs)],
	[8, 500, 100, qw(vs vs s s s)],
	[8, 500, 10, qw(bs bs bs bs bs)],
	[8, 500, 1, qw(bs bs bs bs bs)],
	[8, 500, 0.1, qw(bs bs bs bs bs)],
	[8, 500, 0.01, qw(bs bs bs bs bs)],
	[8, 10000, 50, qw(v v vbs bs bs)],
	[8, 10000, 100, qw(v v v s s)],
	[8, 10000, 10, qw(vb b bs b b)],
	[8, 10000, 1, qw(b b b b b)],
	[8, 10000, 0.1, qw(b b b b b)],
	[8, 10000, 0.01, qw(b b b b b)],
	[8, 60000, 50, qw(v v v bs bs)],
	[8, 60000, 100, qw(v v v vs s)],
	[8, 60000, 10, qw(v vb b b bs)],
	[8, 60000, 1, qw(b b b b b)],
	[8, 60000, 0.1, qw(b b b b b)],
	[8, 60000, 0.01, qw(b b b b b)],
	[768, 500, 50, qw(v v vbs vbs vbs)],
	[768, 500, 100, qw(v v v vs vs)],
	[768, 500, 10, qw(vbs bs bs bs bs)],
	[768, 500, 1, qw(bs bs bs bs bs)],
	[768, 500, 0.1, qw(bs bs bs bs bs)],
	[768, 500, 0.01, qw(bs bs bs bs bs)],
	[768, 10000, 50, qw(v v v v bs)],
	[768, 10000, 100, qw(v v v v vs)],
	[768, 10000, 10, qw(v v bs bs bs)],
	[768, 10000, 1, qw(b b b b b)],
	[768, 10000, 0.1, qw(b b b b b)],
	[768, 10000, 0.01, qw(b b b b b)],
);

my $node = new_node('plans');
$node->safe_psql('postgres', q{
	SET maintenance_work_mem = '256MB';
	CREATE FUNCTION make_vector(d int) RETURNS vector LANGUAGE plpgsql AS $$
	DECLARE hidden float8[] = ARRAY(SELECT random() FROM generate_series(1, 10));
	BEGIN
		RETURN ARRAY(SELECT (hidden[j % 10 + 1] + 0.3 * random())::float4 FROM generate_series(0, d - 1) j)::vector;
	END $$;
	SELECT setseed(0.5);
	DO $do$
	DECLARE name text; d int; n int;
	BEGIN
		FOR d, n IN VALUES (8, 500), (8, 10000), (8, 60000), (768, 500), (768, 10000) LOOP
			name = format('t%s_%s', d, n);
			EXECUTE format('CREATE TABLE %I (id int, r int, v vector(%s))', name, d);
			EXECUTE format('INSERT INTO %I SELECT i, row_number() OVER (ORDER BY random()) - 1, make_vector(%s)
				FROM generate_series(1, %s) i ORDER BY i', name, d, n);
			EXECUTE format('CREATE INDEX %I ON %I (r)', name || '_r', name);
			EXECUTE format('CREATE INDEX %I ON %I USING hnsw (v vector_l2_ops)', name || '_v', name);
		END LOOP;
	END $do$;
	CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE plan text;
	BEGIN
		EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
		RETURN CASE WHEN plan ~ 'VecxScan' THEN 'f' WHEN plan ~ '"t\d+_\d+_v"' THEN 'v' WHEN plan ~ '"t\d+_\d+_r"' THEN 'b' ELSE 's' END;
	END $$;
});
$node->safe_psql('postgres', 'VACUUM ANALYZE');

# The plans of some queries, one letter each.
sub plans
{
	my ($settings, @queries) = @_;
	my $sql = join ";\n", map { "SELECT plan_of(\$\$$_\$\$)" } @queries;
	return split /\n/, $node->safe_psql('postgres', "$settings; $sql");
}

foreach my $case (@cases)
{
	my ($d, $rows, $percent, @allowed) = @$case;
	my $most = int($rows * $percent / 100) || 1;
	my $filter = $percent < 100 ? "WHERE r < $most" : '';
	my @limits = qw(1 10 100 1000 ALL);
	my @chosen = plans("LOAD 'vecx'", map
		{ "SELECT id FROM t${d}_$rows $filter ORDER BY v <-> array_fill(0.5, ARRAY[$d])::vector LIMIT $_" } @limits);
	# A filtered scan begins as the vector index's or as the B-tree and a sort do, and changes over when that was wrong
	# (015_bitmap_filter.pl; which way it goes: 018_filter_plans.pl).
	my @wrong = grep { index($allowed[$_], $chosen[$_]) < 0 && !($chosen[$_] eq 'f' && $allowed[$_] =~ /[vb]/) } 0 .. $#limits;
	is(join(', ', map { "LIMIT $limits[$_]: $chosen[$_], not $allowed[$_]" } @wrong), '',
		"$rows rows of $d dimensions, $percent %");
}

# What a query takes is known in other ways than by LIMIT, or not at all.
my $query = "SELECT id FROM t768_10000 ORDER BY v <-> array_fill(0.5, ARRAY[768])::vector";
is(join('', plans('SET hnsw.ef_search = 40', "$query OFFSET 5 LIMIT 5", "SELECT * FROM ($query LIMIT 5) s",
	"$query LIMIT 9000", "SELECT count(*) FROM ($query) s")), 'vvss', 'OFFSET, a subquery, most of the table, all of it');
my $short = "SELECT id FROM t8_10000 ORDER BY v <-> '[0,0,0,0,0,0,0,0]' LIMIT 5";
is(join('', plans('SET hnsw.ef_search = 10000', $short)), 's', 'a look-ahead over the whole table is dearer than the table');
is(join('', plans('SET hnsw.ef_search = 10000; SET hnsw.max_scan_tuples = 100', $short)), 'v', '... unless it is cut short');
is(join('', plans('SET hnsw.ef_search = 40', "$query LIMIT 3000"), plans("SET effective_cache_size = '8MB'", "$query LIMIT 3000")), 'vs', 'pages that no cache holds are dear');
is(join('', plans('SET hnsw.ef_search = 40', "SELECT s.id FROM t768_500 s, LATERAL (SELECT id FROM t768_10000 t
	ORDER BY t.v <-> s.v LIMIT 3) n WHERE s.r = 1")), 'v', 'inside a join');

finish($node);
